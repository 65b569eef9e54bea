"""libnss_usher.so.2 under glibc: who sees which account and group, and that no file in its directory can mislead it."""
import os
import pathlib
import shutil
import subprocess
import threading

import accounts
import private_mounts

ALICE, BOB, NOBODY_LIVE = "u-aaaaaaaaab", "u-k3j7x2mag5", "u-7777777777"
UID = accounts.uid_of(ALICE)
GROUP = "usher-dba"
GID = accounts.gid_of(GROUP)
HOME, SHELL = f"/run/usher/home/{ALICE}", "/usr/lib/usher/usher-shell"
SUCCESS, NOTFOUND, UNAVAIL, TRYAGAIN = "1", "0", "-1", "-2"
NOT_FOUND = (2, "")
AS_OTHER = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
SWITCH = "passwd: files usher\ngroup: files usher\nshadow: files usher\nhosts: files\n"


def install(work, module):
    """Lays the module over the directory that glibc searches, beside glibc itself, and names it in nsswitch.conf."""
    private_mounts.cover_run()
    switch = work / "nsswitch.conf"
    switch.write_text(SWITCH, encoding="ascii")
    private_mounts.bind(switch, "/etc/nsswitch.conf")
    libraries = pathlib.Path("/usr/lib") / subprocess.run(
        ["cc", "-print-multiarch"], check=True, capture_output=True, text=True).stdout.strip()
    layer = work / "layer"
    layer.mkdir()
    private_mounts.mount("none", layer, "tmpfs", options="mode=0755")
    for name in ("upper", "work"):
        (layer / name).mkdir()
    private_mounts.mount("overlay", libraries, "overlay",
                         options=f"lowerdir={libraries},upperdir={layer}/upper,workdir={layer}/work")
    shutil.copyfile(module, libraries / "libnss_usher.so.2")


class NSSHost:
    """Lookups in a fresh accounts directory."""

    def __init__(self, checks, work, module):
        self.checks, self.work, self.module = checks, work, module

    def fresh(self):
        """An empty accounts directory."""
        for directory in (accounts.DIRECTORY.parent, accounts.DIRECTORY):
            if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
                directory.unlink()
            directory.mkdir(exist_ok=True)
            os.chown(directory, 0, 0)
            directory.chmod(0o755)
        accounts.clear()

    def run(self, *command, as_other=False):
        """Exit status and output of a command, in bounded time."""
        result = subprocess.run([*(AS_OTHER if as_other else []), *map(str, command)], capture_output=True, text=True,
                                check=False, timeout=60)
        return result.returncode, result.stdout.strip()

    def driver(self, *arguments, as_other=False):
        status, output = self.run(self.work / "nss_driver", self.module, *arguments, as_other=as_other)
        return output if status == 0 else f"exit {status}: {output}"


class Suite(NSSHost):
    # Who sees what

    def test_computed_accounts(self):
        self.fresh()
        line = f"{ALICE}:x:{UID}:{UID}::{HOME}:{SHELL}"
        self.checks.equal("no session: root finds the account by name", self.run("getent", "passwd", ALICE), (0, line))
        self.checks.equal("no session: root finds its group", self.run("getent", "group", ALICE),
                          (0, f"{ALICE}:x:{UID}:"))
        self.checks.equal("no session: root finds it locked", self.run("getent", "shadow", ALICE),
                          (0, f"{ALICE}:*:::::::"))
        self.checks.equal("no session: root finds no account by uid", self.run("getent", "passwd", UID), NOT_FOUND)
        self.checks.equal("no session: others find nothing by name",
                          self.run("getent", "passwd", ALICE, as_other=True), NOT_FOUND)
        self.checks.equal("no session: others find no group",
                          self.run("getent", "group", ALICE, as_other=True), NOT_FOUND)
        self.checks.equal("no session: nothing is enumerated", self.driver("enumerate"), "")
        for name in ["root", "", "u-aaaaaaaaa", "u-aaaaaaaaaaa", "u-aaaaaaaaa1", "u-AAAAAAAAAA", "U-aaaaaaaaaa",
                     "u-../../etc", "u-" + "a" * 5000, "../passwd", "uid.1879048193", "group.usher-dba", "usher-",
                     "usher-DBA"]:
            found = {kind: self.driver("lookup", kind, name) for kind in ("name", "group", "shadow")}
            self.checks.equal(f"a name of another form is not found: {name[:20]!r}", set(found.values()), {NOTFOUND})
        for uid in [0, 1, 1000, accounts.FIRST_UID - 1, accounts.FIRST_UID + accounts.UIDS, 2**32 - 1]:
            for kind in ("uid", "gid"):
                self.checks.equal(f"{kind} {uid} is never answered", self.driver("lookup", kind, uid), NOTFOUND)

    def test_numbers_follow_from_names(self):
        self.fresh()
        for bits in (0, 1, accounts.UIDS - 1, accounts.UIDS, 2**49 + 12345, 2**50 - 1):
            name = accounts.name_of(bits)
            found = self.driver("lookup", "name", name).split(":")
            uid = str(accounts.FIRST_UID + bits % accounts.UIDS)
            self.checks.equal(f"{name}: the uid of its 50 bits", found[2:4], [uid] * 2)

    def test_live_accounts(self):
        self.fresh()
        accounts.publish(ALICE, comment="human:alice", groups=[27, GID])
        accounts.publish_group(GROUP, members=[ALICE, BOB])
        line = f"{ALICE}:x:{UID}:{UID}:human alice:{HOME}:{SHELL}"
        group = f"{GROUP}:x:{GID}:{ALICE},{BOB}"
        for other in (False, True):
            who = "others" if other else "root"
            for key in (ALICE, UID):
                # By name root's is computed, and has no comment.
                expected = line if other or key == UID else line.replace("human alice", "")
                self.checks.equal(f"a session: {who} find the account by {key}",
                                  self.run("getent", "passwd", key, as_other=other), (0, expected))
                self.checks.equal(f"a session: {who} find its group by {key}",
                                  self.run("getent", "group", key, as_other=other), (0, f"{ALICE}:x:{UID}:"))
            for key in (GROUP, GID):
                self.checks.equal(f"a session: {who} find the role group by {key}",
                                  self.run("getent", "group", key, as_other=other), (0, group))
            self.checks.equal(f"a session: {who} see the memberships", self.run("id", ALICE, as_other=other), (
                0, f"uid={UID}({ALICE}) gid={UID}({ALICE}) groups={UID}({ALICE}),27(sudo),{GID}({GROUP})"))
            self.checks.equal(f"a session: {who} enumerate it",
                              self.run("getent", "passwd", as_other=other)[1].splitlines()[-1], line)
            self.checks.equal(f"a session: {who} enumerate the groups",
                              self.run("getent", "group", as_other=other)[1].splitlines()[-2:],
                              [group, f"{ALICE}:x:{UID}:"])
        self.checks.equal("a session: others find nothing in shadow",
                          self.run("getent", "shadow", ALICE, as_other=True), NOT_FOUND)
        self.checks.equal("a session: shadow says that nothing expires", self.driver("lookup", "shadow", ALICE),
                          f"{SUCCESS} {ALICE}:*:-1:-1:-1:-1:-1:-1:{2**64 - 1}")
        self.checks.equal("the host's own accounts are as ever", self.run("getent", "passwd", "root", "daemon", "1"),
                          (0, "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
                              "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin"))

    def test_enumeration(self):
        self.fresh()
        names = sorted(accounts.name_of(number * 7919 * 2**20) for number in range(300))
        for name in names:
            accounts.publish(name)
        groups = sorted(["usher-dba", "usher-ops", "usher-a"])
        for name in groups:
            accounts.publish_group(name, members=[names[0]])
        accounts.write(names[100], "usher-account 1\nnonsense\n")
        for stray in ("u-x", "notes", ".u-aaaaaaaaaa.new", "group.docker", "z" * 200):
            accounts.write(stray, accounts.account_record(names[0]))
        found = self.driver("enumerate").splitlines()
        once = ([f"account {name}" for name in names if name != names[100]] + [f"group {name}" for name in groups]
                + [f"group {name}" for name in names if name != names[100]])
        self.checks.equal("300 sessions: each once, in order, again after a rewind, with ERANGE before each",
                          [line.split(":")[0] for line in found], once * 2)

    # Buffers, descriptors, memory

    def test_buffers(self):
        self.fresh()
        accounts.publish(ALICE, comment="c", groups=[27])
        accounts.publish_group(GROUP, members=[ALICE, BOB])
        strings = len(ALICE) + len("x") + len("c") + len(HOME) + len(SHELL) + 5
        for kind, key, size in [
                ("uid", UID, strings), ("shadow", ALICE, len(ALICE) + 3), ("name", ALICE, strings - 1),
                ("name", NOBODY_LIVE, strings - 1)]:
            sizes = [line.split(" ")[0] for line in self.driver("sizes", kind, key).splitlines()]
            self.checks.equal(f"{kind} {key}: ERANGE up to the byte", sizes, [str(size)] * 2)
        for kind, key in [
                ("name", ALICE), ("uid", UID), ("group", ALICE), ("gid", UID), ("group", GROUP), ("gid", GID)]:
            lines = [line.split(" ", 1) for line in self.driver("sizes", kind, key).splitlines()]
            whole = self.driver("lookup", kind, key).split(" ", 1)[1]
            self.checks.equal(f"{kind} {key}: the smallest buffer holds the same answer at both alignments",
                              [line[1] for line in lines], [whole] * 2)

    def test_large_groups(self):
        self.fresh()
        members = [accounts.name_of(number * 12_345_678) for number in range(80_000)]
        accounts.publish_group(GROUP, members=members)
        self.checks.equal("a group of 80,000 members is whole", self.run("getent", "group", GROUP),
                          (0, f"{GROUP}:x:{GID}:{','.join(members)}"))
        accounts.publish_group(GROUP, members=members + members[:2000])
        self.checks.equal("a group file above 1 MiB is none", self.run("getent", "group", GROUP), NOT_FOUND)
        accounts.publish_group(GROUP)
        self.checks.equal("a group without members", self.run("getent", "group", GROUP), (0, f"{GROUP}:x:{GID}:"))

    def test_group_lists(self):
        self.fresh()
        accounts.publish(ALICE, groups=[27, 100, UID, GID])
        for start, size, limit, expected in [
                (0, 8, 0, f"{SUCCESS} 8 27 100 {GID}"), (0, 0, 0, f"{SUCCESS} 16 27 100 {GID}"),
                (1, 1, 0, f"{SUCCESS} 4 7 27 100 {GID}"), (1, 1, 3, f"{SUCCESS} 3 7 27 100"),
                (2, 2, 2, f"{SUCCESS} 2 7 7"), (0, 2, 100, f"{SUCCESS} 4 27 100 {GID}")]:
            found = self.driver("groups", ALICE, UID, start, size, limit)
            self.checks.equal(f"groups from {start} of {size}, limit {limit}", found, expected)
        self.checks.equal("an account that is not live has no groups, for root too",
                          self.driver("groups", NOBODY_LIVE, 1, 0, 8, 0), f"{NOTFOUND} 8")
        accounts.publish(ALICE, groups=[])
        self.checks.equal("a session without groups", self.driver("groups", ALICE, UID, 0, 8, 0), f"{SUCCESS} 8")

    def test_traces(self):
        self.fresh()
        accounts.publish(ALICE, groups=[27])
        accounts.publish_group(GROUP, members=[ALICE])
        self.checks.equal("lookups allocate nothing and leave nothing open", self.driver("traces", ALICE, UID, GROUP),
                          "0 0")
        self.checks.equal("without descriptors, a uid cannot be looked up: UNAVAIL",
                          self.driver("exhausted", "uid", UID), f"{UNAVAIL} EMFILE")
        self.checks.equal("without descriptors, root still finds a name", self.driver("exhausted", "name", ALICE),
                          f"{SUCCESS} {ALICE}")
        self.checks.equal("without descriptors, others do not learn that there is none",
                          self.driver("exhausted", "name", ALICE, as_other=True), f"{UNAVAIL} EMFILE")

    def test_concurrency(self):
        self.fresh()
        accounts.publish(ALICE, comment="aaa", groups=[27])
        accounts.publish_group(GROUP, members=[ALICE])
        is_over = threading.Event()
        replaced = 0

        def replace():
            nonlocal replaced
            while not is_over.is_set():
                for letter, others in (("a", [BOB]), ("b", [])):
                    accounts.publish(ALICE, comment=letter * (10 if letter == "a" else 900), groups=[27])
                    accounts.publish_group(GROUP, members=[ALICE, *others])
                    replaced += 1
        thread = threading.Thread(target=replace)
        thread.start()
        found = self.driver("threads", ALICE, UID, GROUP, 8, 3, as_other=True)
        is_over.set()
        thread.join()
        done, wrong = found.split()
        self.checks.holds(f"8 threads, {done} lookups, files replaced {replaced} times: none wrong",
                          int(done) > 1000 and replaced > 100 and wrong == "0", found)

    def test_speed(self):
        self.fresh()
        accounts.publish(ALICE, groups=[27])
        local = next(line.split(":")[0] for line in reversed(pathlib.Path("/etc/passwd").read_text().splitlines()))
        times = {what: int(self.driver("time", name, 2000)) for what, name in [
            ("the last of /etc/passwd", local), ("live", ALICE), ("computed", NOBODY_LIVE)]}
        print(f"     getpwnam, ns: {times}", flush=True)
