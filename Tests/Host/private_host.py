"""A private host on this machine: real sshd, glibc NSS, sudo and kernel audit, apart from the machine's own files.

A keeper process owns it: it makes the mount namespace, starts the daemons, and takes everything down again when
whoever asked for it is done, has died, or has been interrupted. One private host at a time; a lock says so.
"""
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

import host_files
import kernel_audit
import namespaces
import processes
from daemons import Daemons

PROJECT = pathlib.Path(__file__).resolve().parents[2]
# A directory that only root writes to and that the private host does not cover, as it does /run.
LOCK = pathlib.Path("/var/cache/usher-test-host.lock")
STATE = pathlib.Path("/var/cache/usher-test-host.json")
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class PrivateHost:
    """A private host that is up, for a process inside its namespace."""

    def __init__(self, state):
        self.work = pathlib.Path(state["work"])
        self.port = state["port"]
        self.audit_log = state["audit_log"]
        self.daemons = Daemons(self.work, self.port)
        self.agent = self.daemons.agent
        self.sshd = self.daemons.sshd

    @property
    def own_auditd(self):
        """The pid of the private host's auditd; 0 where the machine's own serves."""
        return json.loads(STATE.read_text(encoding="utf-8"))["own_auditd"]

    def restart_auditd(self):
        """After a test has ended it. The keeper has to know the new one, as it will end it."""
        state = json.loads(STATE.read_text(encoding="utf-8"))
        state["own_auditd"] = kernel_audit.start_auditd(self.work / "auditd.log")
        _save(state)


class Keeper:
    """The process that owns a private host, for whoever started it."""

    def __init__(self, wait_seconds=1800, detached=False):
        news_reader, news_writer = os.pipe()
        hold_reader, self._hold = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(news_reader)
            os.close(self._hold)
            os.setsid()
            os._exit(_keep(news_writer, None if detached else hold_reader, wait_seconds))
        os.close(news_writer)
        os.close(hold_reader)
        with os.fdopen(news_reader, encoding="utf-8") as news:
            line = news.readline()
        if not line:
            os.waitpid(self.pid, 0)
            raise RuntimeError("the private host did not come up; the reason stands above")
        self.state = json.loads(line)

    def join(self):
        """Takes this process into the private host."""
        namespaces.join_namespace(self.pid)
        return PrivateHost(self.state)

    def down(self):
        """Takes the private host down and waits until it is; a process inside finds the machine's files again."""
        os.close(self._hold)
        _, status = os.waitpid(self.pid, 0)
        if status != 0:
            raise RuntimeError("the private host did not go down cleanly; the reason stands above")


def running():
    """The state of the private host that is up on this machine; None when there is none."""
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state if state.get("ready") and processes.alive(state["keeper"]) else None


class _Interrupted(Exception):
    """A signal asked the keeper to end."""


def _keep(news, hold, wait_seconds):
    """The keeper's life: bring up, wait, take down. Returns its exit status."""
    def interrupted(_number, _frame):
        raise _Interrupted
    state = {}
    status = 1
    lock = None
    try:
        for number in ENDINGS:
            signal.signal(number, interrupted)
        lock = _take_lock(wait_seconds)
        _clear_stale()
        _bring_up(state)
        os.write(news, json.dumps(state).encode() + b"\n")
        os.close(news)
        status = 0
        _wait_for_end(hold)
    except _Interrupted:
        pass
    except Exception:
        traceback.print_exc()
        _show_logs(state)
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    try:
        _take_down(_latest(state))
    except Exception:
        traceback.print_exc()
        status = 1
    if lock is not None:
        os.close(lock)
    sys.stderr.flush()
    return status


def _take_lock(wait_seconds):
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise RuntimeError("another private host stays up on this machine") from None
            if not told:
                print("waiting for another private host on this machine to go down", file=sys.stderr, flush=True)
                told = True
            time.sleep(0.5)


def _wait_for_end(hold):
    """Returns when the other end of `hold` is closed; without one, a signal ends the wait."""
    while True:
        readable, _, _ = select.select([hold] if hold is not None else [], [], [], 0.2)
        processes.reap()
        if readable:
            return


def _work_directory():
    for parent in (os.environ.get("USHER_TEST_WORK"), "/var/tmp", str(PROJECT / ".build")):
        if parent and os.path.isdir(parent) and namespaces.on_disk(parent):
            work = pathlib.Path(tempfile.mkdtemp(prefix="usher-host-", dir=parent))
            work.chmod(0o755)
            return work
    raise RuntimeError("no directory on a disk for the private host; name one in USHER_TEST_WORK")


def _save(state):
    """What a later run needs to clear up after a keeper that was killed."""
    STATE.write_text(json.dumps(state), encoding="utf-8")


def _bring_up(state):
    audit = kernel_audit.remember()
    state.update(keeper=os.getpid(), caller=os.getppid(), project=str(PROJECT), work=str(_work_directory()),
                 audit=audit, own_auditd=0, namespace=None, audit_log="/var/log/audit/audit.log", ready=False)
    _save(state)
    work = pathlib.Path(state["work"])
    if audit["pid"]:
        state["audit_log"] = kernel_audit.log_of(audit["pid"])
    state["made"] = namespaces.missing()
    namespaces.enter_new_namespace()
    state.update(namespace=namespaces.namespace_of(), mounts=list(namespaces.mounts()))
    _save(state)
    namespaces.lay_out(work)
    host_files.install(PROJECT)
    state["port"] = host_files.configure(work)
    if not audit["pid"]:
        state["own_auditd"] = kernel_audit.start_auditd(work / "auditd.log")
        _save(state)
    kernel_audit.add_rules()
    daemons = Daemons(work, state["port"])
    daemons.syslog.start()
    host_files.enrol()
    daemons.agent.start()
    daemons.sshd.start()
    state["ready"] = True
    _save(state)


def _latest(state):
    """What the tests have changed of it: they may have restarted auditd."""
    if not state.get("ready"):
        return state
    return json.loads(STATE.read_text(encoding="utf-8"))


def _show_logs(state):
    for log in sorted(pathlib.Path(state.get("work", "/nonexistent")).glob("*.log")):
        print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-15:], sep="\n", file=sys.stderr)


def _clear_stale():
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    _take_down(state)


def _take_down(state):
    """Leaves the machine as it was. Also for the state of a keeper that was killed."""
    if not state:
        return
    namespace = state["namespace"]
    if namespace:
        spared = {state["keeper"], os.getpid(), state["caller"], state["own_auditd"]}
        processes.end_namespace(namespace, but=spared)
    kernel_audit.restore(state["audit"], state["own_auditd"])
    host_files.remove_control_groups()
    if namespace and namespace == namespaces.namespace_of():
        namespaces.take_apart(state["mounts"])
    work = pathlib.Path(state["work"])
    if work.exists():
        # A test that was killed may have left its database immutable.
        processes.run(["chattr", "-R", "-f", "-i", str(work)])
        shutil.rmtree(work)
    for directory in state.get("made", []):
        if os.path.isdir(directory):
            os.rmdir(directory)
    STATE.unlink(missing_ok=True)
