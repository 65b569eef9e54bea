"""What libnss_usher.so.2 makes of wrong, hostile, changing and vanishing files: nothing, at once."""
import os
import pathlib
import re
import shutil
import socket
import threading
import time

import accounts
from nss_module import ALICE, BOB, GID, GROUP, HOME, NOT_FOUND, NOTFOUND, SHELL, SUCCESS, UID, NSSHost

LOOKUP_LIMIT_SECONDS = 2
RIGHT = accounts.account_record(ALICE, groups=[27])
RIGHT_GROUP = accounts.group_record(GROUP, members=[ALICE])


def changed(what, **fields):
    """A named variation of the right record."""
    return what, accounts.account_record(ALICE, **fields)


def replaced(what, old, new):
    return what, RIGHT.replace(old, new)


WRONG_RECORDS = [
    ("an empty file", ""), ("no line feed at the end", RIGHT[:-1]), ("a NUL byte at the end", RIGHT + "\0"),
    replaced("a NUL byte", "alice", "al\0ce"), replaced("a tab", "human alice", "human\talice"),
    replaced("a byte above ASCII", "alice", "älice"), replaced("CR LF", "\n", "\r\n"),
    replaced("another header", "usher-account 1", "usher-account 2"),
    replaced("a group's header", "usher-account 1", "usher-group 1"), replaced("no header", "usher-account 1\n", ""),
    ("4097 bytes", RIGHT + "x" * (4096 - len(RIGHT)) + "\n"),
    changed("uid 0", uid=0), changed("uid -1", uid=2**32 - 1), changed("a neighbour's uid", uid=UID + 1),
    changed("a uid above 32 bits", uid=UID + 2**32), changed("a uid with a leading zero", uid=f"0{UID}"),
    changed("a uid and a blank", uid=f"{UID} "), ("another account's record", accounts.account_record(BOB)),
    ("the uid of another name", accounts.account_record(BOB, uid=UID)),
    ("the name root", accounts.account_record("root", uid=UID)), replaced("a longer name", ALICE, ALICE + "b"),
    changed("gid 0", groups=[27, 0]), changed("gid -1", groups=[2**32 - 1]),
    changed("a comma at the end", groups=[27, ""]), changed("a comma at the start", groups=["", 27]),
    changed("two commas", groups=[27, "", 28]), changed("a gid that is a word", groups=["sudo"]),
    changed("a gid above 32 bits", groups=[99_999_999_999]),
    *[(f"no {field}", re.sub(rf"^{field} .*\n", "", RIGHT, flags=re.MULTILINE))
      for field in ("name", "uid", "comment", "groups")],
    *[(f"two of {field}", re.sub(rf"^({field} .*\n)", r"\1\1", RIGHT, flags=re.MULTILINE))
      for field in ("name", "uid", "comment", "groups")],
]
WRONG_GROUPS = [
    ("no line feed at the end", RIGHT_GROUP[:-1]),
    ("an account's header", RIGHT_GROUP.replace("usher-group", "usher-account")),
    ("another gid", accounts.group_record(GROUP, gid=GID + 1)), ("gid 0", accounts.group_record(GROUP, gid=0)),
    ("another name", accounts.group_record("usher-ops")),
    ("another name with this gid", accounts.group_record("usher-ops", gid=GID)),
    ("an empty member", accounts.group_record(GROUP, members=[ALICE, ""])),
    ("a member with a colon", accounts.group_record(GROUP, members=["a:b"])),
    ("a member with a blank", accounts.group_record(GROUP, members=["a b"])),
    ("no members line", re.sub(r"members.*\n", "", RIGHT_GROUP)),
    ("two members lines", RIGHT_GROUP + f"members {BOB}\n"), ("a NUL byte", RIGHT_GROUP.replace(ALICE, "u-\0")),
]


def sparse(path):
    with open(path, "wb") as file:
        file.write(RIGHT.encode())
        file.truncate(2 << 30)


def bound(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def written(change):
    """Makes a right file and then changes it."""
    def make(path):
        path.write_text(RIGHT, encoding="ascii")
        path.chmod(0o644)
        change(path)
    return make


ELSEWHERE = pathlib.Path("/run/elsewhere")
WRONG_FILES = [
    ("a file of another user", written(lambda path: os.chown(path, 65534, 0))),
    ("a file that its group can write", written(lambda path: path.chmod(0o664))),
    ("a file that everybody can write", written(lambda path: path.chmod(0o646))),
    ("a symbolic link to a right file", lambda path: path.symlink_to(ELSEWHERE)),
    ("a dangling symbolic link", lambda path: path.symlink_to("/run/nowhere")),
    ("a symbolic link to itself", lambda path: path.symlink_to(path)),
    ("a FIFO", os.mkfifo), ("a directory", lambda path: path.mkdir()), ("a file of 2 GiB", sparse),
    ("a socket", bound), ("a device", lambda path: os.mknod(path, 0o020644, os.makedev(1, 5))),
]
WRONG_DIRECTORIES = [
    ("a directory of another user", lambda path: os.chown(path, 65534, 0)),
    ("a directory that its group can write", lambda path: path.chmod(0o775)),
    ("a directory that everybody can write", lambda path: path.chmod(0o1777)),
    ("a directory behind a symbolic link", lambda path: (path.rename("/run/moved"), path.symlink_to("/run/moved"))),
    ("a file for the directory", lambda path: (shutil.rmtree(path), path.touch())), ("no directory", shutil.rmtree),
    ("nothing below /run", lambda path: shutil.rmtree(path.parent)),
]


class HostileSuite(NSSHost):
    def check_taken_for_none(self, what, paths=()):
        """Others find nothing, by name or uid; root finds what follows from the name; all at once."""
        start = time.monotonic()
        found = {
            "others by name": self.run("getent", "passwd", ALICE, as_other=True),
            "others by uid": self.run("getent", "passwd", UID, as_other=True),
            "root by uid": self.run("getent", "passwd", UID),
            "root, the group by gid": self.run("getent", "group", UID),
            "enumeration": (2, self.driver("enumerate")),
        }
        expected = dict.fromkeys(found, NOT_FOUND)
        found["root by name"] = self.run("getent", "passwd", ALICE)
        expected["root by name"] = (0, f"{ALICE}:x:{UID}:{UID}::{HOME}:{SHELL}")
        found["groups"] = self.driver("groups", ALICE, UID, 0, 8, 0)
        expected["groups"] = f"{NOTFOUND} 8"
        self.checks.equal(f"{what}: taken for none", found, expected)
        seconds = time.monotonic() - start
        self.checks.holds(f"{what}: at once ({seconds:.2f} s for 7 lookups)", seconds < LOOKUP_LIMIT_SECONDS * 7)

    def test_hostile_content(self):
        self.fresh()
        accounts.publish(ALICE, groups=[27])
        self.checks.equal("the record that the following vary: right",
                          self.run("getent", "passwd", UID, as_other=True)[0], 0)
        for what, content in WRONG_RECORDS:
            for file in (ALICE, f"uid.{UID}"):
                accounts.write(file, content)
            self.check_taken_for_none(what)

    def test_two_names_of_one_uid(self):
        self.fresh()
        twin = accounts.name_of(1 + accounts.UIDS)
        accounts.publish(twin)
        found = self.run("getent", "passwd", UID, as_other=True)[1].split(":")[0]
        self.checks.equal("two names of one uid: the uid is the live one's", found, twin)
        accounts.write(ALICE, accounts.account_record(twin))
        self.checks.equal("two names of one uid: one does not pass for the other",
                          self.run("getent", "passwd", ALICE, as_other=True), NOT_FOUND)

    def test_hostile_files(self):
        ELSEWHERE.write_text(RIGHT, encoding="ascii")
        for what, make in WRONG_FILES:
            self.fresh()
            for file in (ALICE, f"uid.{UID}"):
                make(accounts.DIRECTORY / file)
            self.check_taken_for_none(what)

    def test_hostile_directory(self):
        for what, change in WRONG_DIRECTORIES:
            self.fresh()
            accounts.publish(ALICE, groups=[27])
            self.checks.equal(f"{what}, before: right", self.run("getent", "passwd", UID, as_other=True)[0], 0)
            change(accounts.DIRECTORY)
            self.check_taken_for_none(what)
            shutil.rmtree("/run/moved", ignore_errors=True)

    def test_hostile_groups(self):
        for what, content in WRONG_GROUPS:
            self.fresh()
            for file in (f"group.{GROUP}", f"gid.{GID}"):
                accounts.write(file, content)
            found = [self.run("getent", "group", key, as_other=other)
                     for key in (GROUP, GID) for other in (False, True)]
            self.checks.equal(f"a group file with {what}: taken for none", found, [NOT_FOUND] * 4)
            self.checks.equal(f"a group file with {what}: not enumerated", self.driver("enumerate"), "")
        self.fresh()
        for name in ("docker", "usher-", "usher-DBA", "root"):
            accounts.write(f"group.{name}", accounts.group_record(name))
            found = self.driver("lookup", "group", name)
            self.checks.equal(f"a group of a name that is not ours: {name}", found, NOTFOUND)

    def test_files_that_vanish(self):
        self.fresh()
        is_over = threading.Event()

        def flicker():
            while not is_over.is_set():
                for path in accounts.publish(ALICE, groups=[27]):
                    path.unlink()
        thread = threading.Thread(target=flicker)
        thread.start()
        outcomes = {self.driver("lookup", kind, key, as_other=True).split(" ")[0]
                    for _ in range(100) for kind, key in (("name", ALICE), ("uid", UID))}
        enumerated = {line.split(":")[0] for _ in range(50) for line in self.driver("enumerate").splitlines()}
        is_over.set()
        thread.join()
        self.checks.holds("files that come and go: found or not, nothing else",
                          outcomes <= {SUCCESS, NOTFOUND}, outcomes)
        self.checks.holds("files that come and go: enumerated or not",
                          enumerated <= {f"account {ALICE}", f"group {ALICE}"}, enumerated)
