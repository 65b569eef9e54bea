"""Finding, watching and ending processes, always by pid or pidfd."""
import ctypes
import os
import pathlib
import select
import signal
import subprocess
import time

from namespaces import namespace_of

LOGINUID_UNSET = "4294967295"


def fresh_login_state():
    """Between fork and exec: a daemon must not carry the login of whoever runs the tests."""
    try:
        with open("/proc/self/loginuid", "w", encoding="ascii") as file:
            file.write(LOGINUID_UNSET)
    except OSError:
        # Unset already, or the host has made it immutable: logins still get their own.
        pass


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def wait_until(condition, seconds, what, interval=0.05):
    """Polls until the condition gives something true, and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(interval)


def end(pid, first=signal.SIGTERM, seconds=10):
    """Ends one process: asks, waits, kills. Returns once it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        for number in (first, signal.SIGKILL):
            try:
                signal.pidfd_send_signal(descriptor, number)
                # A stopped process takes SIGTERM only once it goes on.
                signal.pidfd_send_signal(descriptor, signal.SIGCONT)
            except ProcessLookupError:
                return
            if poll.poll(seconds * 1000):
                return
        raise TimeoutError(f"process {pid} does not end")
    finally:
        os.close(descriptor)
        reap(pid)


def reap(pid=-1):
    """Collects a child that has ended; harmless when it is not ours."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_of(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[1])


def children_of(pid):
    return [each for each in all_pids() if parent_of(each) == pid]


def uids_of(pid):
    """Real, effective, saved and file system uid; empty when the process is gone."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Uid:"):
                return {int(value) for value in line.split()[1:]}
    except OSError:
        pass
    return set()


def number_in(pid, name):
    """The number in /proc/PID/NAME (loginuid, sessionid); None when the process is gone."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/{name}").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def of_uid(uid):
    """Live processes that have the uid in any place, or as loginuid."""
    return [pid for pid in all_pids() if alive(pid) and (uid in uids_of(pid) or number_in(pid, "loginuid") == uid)]


def of_audit_session(session):
    """Live processes with the kernel's audit session id."""
    return [pid for pid in all_pids() if alive(pid) and number_in(pid, "sessionid") == session]


def in_namespace(namespace, but=()):
    """Processes in a mount namespace, and all that descend from them."""
    parents = {pid: parent_of(pid) for pid in all_pids()}
    found = {pid for pid in parents if namespace_of(pid) == namespace}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found and pid not in found}
        found |= more
        grown = bool(more)
    return [pid for pid in found if pid not in but and alive(pid)]


def end_namespace(namespace, but=(), seconds=20):
    """Kills every process of a mount namespace but the named, until none is left."""
    deadline = time.monotonic() + seconds
    while True:
        left = in_namespace(namespace, but)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of the private host do not end: {left}")
        time.sleep(0.05)
        reap()


def run(command, **options):
    """subprocess.run with text, captured output and no input, and a time limit."""
    options.setdefault("timeout", 60)
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, **options)


def die_with_parent():
    """Between fork and exec: the process does not outlive the one that started it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start(command):
    """A process in the background with no login state of ours, which its caller ends and reaps."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            preexec_fn=fresh_login_state, start_new_session=True)
