"""The private host itself: whatever ends it, the machine is as it was before."""
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import kernel_audit  # noqa: E402
import private_host  # noqa: E402
import processes  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parents[1]
USER = """
import sys, time
sys.path.insert(0, {here!r})
import private_host, subprocess
keeper = private_host.Keeper()
host = keeper.join()
subprocess.Popen(["setsid", "sleep", "600"])
print(keeper.pid, flush=True)
{then}
"""


def look():
    """What a private host could leave behind, at a moment when nobody's is up on this machine."""
    with open(private_host.LOCK, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return look_now()


def look_now():
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    state = kernel_audit.status()
    return {
        "mounts": sorted(line.split()[4] for line in mounts.splitlines()),
        "audit": (state["enabled"], state["pid"], state["backlog_limit"], kernel_audit.present_rules()),
        "work": sorted(str(path) for path in pathlib.Path("/var/tmp").glob("usher-host-*")),
        "state": private_host.STATE.exists(),
        "passwd": pathlib.Path("/etc/passwd").read_bytes(),
        "programs": [path for path in ("/usr/sbin/usherd", "/usr/lib/usher") if os.path.exists(path)],
    }


def settle(before, namespace):
    """Waits until the machine looks as before; gives what is different after the time."""
    deadline = time.monotonic() + 30
    while True:
        now = look()
        different = {key: (before[key], now[key]) for key in before if before[key] != now[key]}
        left = processes.in_namespace(namespace)
        if not different and not left:
            return {}
        if time.monotonic() > deadline:
            return {"different": different, "processes": left}
        time.sleep(0.1)


def hear_interrupts():
    """A caller in the background hands SIGINT on as ignored, and a program that starts so does not hear it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(then):
    process = subprocess.Popen(
        ["/usr/bin/python3", "-c", USER.format(here=str(HERE), then=then)], stdout=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=hear_interrupts)
    keeper = process.stdout.readline().strip()
    assert keeper, "the private host did not come up"
    return process, int(keeper), os.readlink(f"/proc/{keeper}/ns/mnt")


@pytest.mark.parametrize("how", ["down", "exception", "SIGINT", "SIGTERM", "SIGKILL"])
def test_the_machine_is_as_before_when_a_user_of_the_host_ends_by(how):
    before = look()
    then = {"down": "keeper.down()", "exception": "raise ValueError('on purpose')"}.get(how, "time.sleep(600)")
    process, _, namespace = start(then)
    if how.startswith("SIG"):
        # As a terminal does: to the whole process group.
        os.killpg(process.pid, getattr(signal, how))
    process.wait(timeout=60)
    assert settle(before, namespace) == {}


def test_the_machine_is_as_before_when_the_keeper_is_told_to_end():
    before = look()
    process, keeper, namespace = start("time.sleep(600)")
    os.kill(keeper, signal.SIGTERM)
    processes.wait_until(lambda: not processes.in_namespace(namespace, but=(process.pid, keeper)), 30, "the end")
    process.kill()
    process.wait()
    assert settle(before, namespace) == {}


def test_what_a_killed_keeper_leaves_is_cleared_by_the_next():
    before = look()
    process, keeper, namespace = start("time.sleep(600)")
    os.kill(keeper, signal.SIGKILL)
    process.kill()
    process.wait()
    second, _, another = start("keeper.down()")
    second.wait(timeout=60)
    assert settle(before, namespace) == {}
    assert settle(before, another) == {}
