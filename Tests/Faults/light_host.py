"""A light host: one agent in a mount namespace and a control group of its own, and PAM clients that log in to it.

What Tests/Host needs and this does without: sshd, auditd, the system log, and being the only one on the machine. So a
login takes milliseconds, several light hosts can be up at once, and the whole of one ends with its control group.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path.insert(0, str(PROJECT / "Tests/Host"))

import forge  # noqa: E402
import host_files  # noqa: E402
import namespaces  # noqa: E402
import processes  # noqa: E402
from daemons import AGENT_SOCKET, ENVIRONMENT, accepts  # noqa: E402

CLONE_NEWCGROUP = 0x02000000
GROUP_PREFIX = "usher-light-"
AGENT = "/usr/sbin/usherd"
STATE = pathlib.Path("/var/lib/usher")
# One home is 256 MiB by default, and 4 GiB are the budget of all: too few for a crowd.
CONFIGURATION = 'log_level = "info"\nhome_size_mib = 16\nhomes_budget_mib = 65536\nmax_sessions = 10000\n'
# Small files, so that looking at one after each point takes no time.
CONFIGURATION += 'evidence_file_mib = 1\nevidence_reserve_mib = 1\n'
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror"]


def cgroup2_mount():
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, target, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(target)
    raise RuntimeError("no cgroup2 file system is mounted")


def _end_group(group):
    """Kills everything in a control group and removes it with all below it."""
    (group / "cgroup.kill").write_text("1", encoding="ascii")
    processes.wait_until(lambda: "populated 0" in (group / "cgroup.events").read_text(encoding="ascii"), 20,
                         f"the processes of {group.name} are gone", interval=0.01)
    for directory, _, _ in os.walk(group, topdown=False):
        os.rmdir(directory)


class LightHost:
    """The calling process goes into it and stays there until it ends; nothing of it is left after that."""

    def __init__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="usher-light-", dir=os.environ.get("USHER_TEST_WORK",
                                                                                             "/var/tmp")))
        self.work.chmod(0o755)
        self.log = self.work / "usherd.log"
        self.stacks = self.work / "pam.d"
        self.agent = None
        self.bystander = None
        self.preload = {}
        self._keeper = self._start_keeper()
        self._uids = set()
        self._own_group()
        namespaces.enter_new_namespace()
        mount = cgroup2_mount()
        # The same file system cannot be mounted over itself.
        namespaces.unmount(mount)
        namespaces.mount("cgroup2", mount, "cgroup2")
        namespaces.lay_out(self.work)
        host_files.install(PROJECT)
        self._configure()
        self._build()
        self._own_tmp()

    # -- coming and going --------------------------------------------------

    @staticmethod
    def _own_tmp():
        """The clone stays where it is, also when that is below the machine's /tmp."""
        clone = os.open(PROJECT, os.O_PATH)
        namespaces.mount("tmpfs", "/tmp", "tmpfs", namespaces.MS_NOSUID | namespaces.MS_NODEV, "mode=1777")
        if pathlib.Path("/tmp") in PROJECT.parents:
            PROJECT.mkdir(parents=True)
            namespaces.mount(f"/proc/self/fd/{clone}", PROJECT, None, namespaces.MS_BIND)
        os.close(clone)

    def _start_keeper(self):
        """A process outside, which ends everything of this host when the calling process has ended, however."""
        reader, self._life = os.pipe()
        mount = cgroup2_mount()
        group = mount / f"{GROUP_PREFIX}{os.getpid()}"
        group.mkdir()
        pid = os.fork()
        if pid:
            os.close(reader)
            return pid
        os.close(self._life)
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(Exception):
            os.read(reader, 1)
            _end_group(group)
            shutil.rmtree(self.work)
        os._exit(0)

    def _own_group(self):
        """A control group of its own as the root of all, so that agents do not meet in one tree."""
        group = cgroup2_mount() / f"{GROUP_PREFIX}{os.getpid()}"
        (group / "cgroup.procs").write_text("0", encoding="ascii")
        namespaces._check(namespaces.libc.unshare(CLONE_NEWCGROUP), "unshare the control group")

    def _configure(self):
        for directory in ("/etc/usher/trust.d", "/etc/usher/roles.d"):
            os.makedirs(directory, exist_ok=True)
        for group in ("usher", "usher-admin", "usher-soc"):
            processes.run(["groupadd", "--system", group])
        host_files.name_service()
        pathlib.Path("/etc/usher/usherd.toml").write_text(CONFIGURATION, encoding="ascii")
        for name in ("dba", "short"):
            pathlib.Path(f"/etc/usher/roles.d/{name}.toml").write_text(
                f'name = "{name}"\n{host_files.ROLES[name]}', encoding="ascii")
        host_files.must(["usher", "host", "enrol"])
        host_files.must(["usher", "key", "new", "--out", str(host_files.BROKER_KEY)])
        host_files.must(["usher", "key", "trust", "--issuer", host_files.ISSUER, "--name", "test", "--role", "dba",
                         "--role", "short", "--account", "ephemeral", str(host_files.BROKER_KEY)])
        host_files.must(["usherd", "--check"])
        self.key = forge.Key.broker()
        module = next(pathlib.Path("/usr/lib").glob("*/security/pam_usher.so"))
        self.stacks.mkdir()
        (self.stacks / "sshd").write_text(
            f"auth required {module} timeout=10\naccount required {module} timeout=10\n"
            f"session required pam_loginuid.so\nsession required {module} timeout=10\n", encoding="ascii")
        (self.stacks / "other").touch()

    def _build(self):
        self.login_program = self.work / "login"
        host_files.must(["gcc", *FLAGS, "-o", str(self.login_program), str(HERE / "src/login.c"), "-lpam"])
        library = self.work / "recording.so"
        host_files.must(["gcc", *FLAGS, "-shared", "-fPIC", "-o", str(library), str(HERE / "src/recording.c")])
        # Also where an auditd runs now: it may be that of a private host, and end before this one.
        self.preload = {"LD_PRELOAD": str(library)}

    # -- the agent ---------------------------------------------------------

    def start_agent(self, prefix=(), wait=True, environment=None):
        """Starts it; `prefix` is a command that runs it. Returns the process that was started."""
        with open(self.log, "ab") as log:
            self.agent = subprocess.Popen(
                [*prefix, AGENT], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=ENVIRONMENT | self.preload | (environment or {}), start_new_session=True,
                preexec_fn=processes.fresh_login_state)
        if wait:
            self.await_serving()
        return self.agent

    def await_serving(self, seconds=30):
        """Whether the agent serves; false when it ended instead."""
        processes.wait_until(lambda: accepts(AGENT_SOCKET) or self.agent.poll() is not None, seconds,
                             "the agent serves", interval=0.005)
        return self.agent.poll() is None

    def kill_agent(self):
        """As a crash does it."""
        self.agent.kill()
        self.agent.wait()

    def sessions(self, everything=False):
        """Rows as the command line tells them; None when the agent does not answer."""
        answer = processes.run(["usher", "session", "list", *(["--all"] if everything else []), "--json"])
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def session_groups(self):
        """The control groups of sessions that stand."""
        top = cgroup2_mount() / "usher"
        return sorted(path.name for path in top.iterdir() if path.is_dir()) if top.exists() else []

    def seat_bystander(self):
        """A session that has nothing to do with what comes, and must be there after all of it."""
        self.bystander = self.login()
        if not self.bystander.log_in():
            raise RuntimeError(f"the first login was refused: {self.bystander.answers}\n{self.tail()}")

    def pids(self):
        """Every process of this host."""
        found = []
        for directory, _, _ in os.walk(cgroup2_mount()):
            # A group may go while we look.
            with contextlib.suppress(OSError):
                found += pathlib.Path(directory, "cgroup.procs").read_text(encoding="ascii").split()
        return list(map(int, found))

    def of_uid(self, uid):
        """Live processes of this host that have the uid in any place, or as loginuid."""
        return [pid for pid in self.pids() if processes.alive(pid)
                and (uid in processes.uids_of(pid) or processes.number_in(pid, "loginuid") == uid)]

    def tail(self, lines=20):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # -- logins ------------------------------------------------------------

    def fresh_account(self):
        """A name whose uid this host has not had: within the quarantine it would be refused."""
        while True:
            name = forge.account()
            if forge.uid_of(name) not in self._uids:
                self._uids.add(forge.uid_of(name))
                return name

    def login(self, name=None, ticket=None, **claims):
        name = name or self.fresh_account()
        return Login(self, name, ticket or forge.ticket(self.key, name, **claims))


class Login:
    """One login program and what it answered; the phases by name."""

    def __init__(self, host, name, ticket):
        self.name, self.ticket, self.uid = name, ticket, forge.uid_of(name)
        self.answers = {}
        reader, writer = os.pipe()
        os.write(writer, ticket.encode() + b"\n")
        os.close(writer)
        self.process = subprocess.Popen(
            [str(host.login_program), str(host.stacks), name, str(reader)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1, pass_fds=[reader], cwd="/", env=ENVIRONMENT | host.preload,
            start_new_session=True, preexec_fn=processes.fresh_login_state)
        os.close(reader)

    @property
    def pid(self):
        return self.process.pid

    def do(self, word):
        """One step; PAM's code, or None when the login program is gone."""
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except (BrokenPipeError, ValueError):
            line = ""
        code = int(line.split()[1]) if line.startswith(f"{word} ") else None
        self.answers[word] = code
        return code

    def log_in(self):
        """All steps up to work; stops at the first that fails. Whether it is in."""
        return all(self.do(word) == 0 for word in ("authenticate", "account", "open", "enter"))

    def log_out(self):
        """Closes the session and ends; PAM's code of the closing."""
        closed = self.do("close")
        self.do("end")
        self.hang_up()
        return closed

    def hang_up(self):
        """Ends the login program, as sshd's monitor ends when its connection does."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    @property
    def alive(self):
        return self.process.poll() is None
