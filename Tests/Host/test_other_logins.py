"""Accounts that Usher has nothing to do with: as fast and as independent as without it."""
import contextlib
import pathlib
import signal
import statistics
import time

import pytest

import host_files
import processes
from login import Client, attempt
from test_bad_conditions import Flood

RUNS = 7
COMMANDS = {
    "getent passwd root": ["getent", "passwd", "root"],
    "getent passwd of nobody": ["getent", "passwd", "no-such-name"],
    "id of a local user": ["id", "local1"],
    "sudo of a local user": ["setpriv", "--reuid", "local1", "--regid", "local1", "--init-groups", "sudo", "-n", "id"],
}


def median_of(action):
    times = []
    for _ in range(RUNS):
        begin = time.monotonic()
        action()
        times.append(time.monotonic() - begin)
    return statistics.median(times)


def local_ssh(host):
    outcome = attempt(host.port, "local1", None, "true", key=host.work / "client-key")
    assert outcome.status == 0, outcome


def measure(host):
    """The median time of each thing that a local user does."""
    times = {what: median_of(lambda: processes.run(command)) for what, command in COMMANDS.items()}
    times["ssh of a local user"] = median_of(lambda: local_ssh(host))
    return times


@contextlib.contextmanager
def without_usher():
    """Name service and sshd's stack as Debian ships them."""
    files = {path: path.read_text(encoding="utf-8")
             for path in (pathlib.Path("/etc/nsswitch.conf"), pathlib.Path("/etc/pam.d/sshd"))}
    plain = files[pathlib.Path("/etc/pam.d/sshd")].splitlines(keepends=True)
    try:
        for path, text in files.items():
            path.write_text(text.replace(" usher", ""), encoding="utf-8")
        pathlib.Path("/etc/pam.d/sshd").write_text(
            "".join(line for line in plain if "pam_usher" not in line and "pam_listfile" not in line
                    and "pam_succeed_if" not in line), encoding="utf-8")
        yield
    finally:
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def stopped(host):
    host.agent.stop()
    yield
    host.agent.start()


@contextlib.contextmanager
def hung(host):
    host.agent.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        host.agent.signal(signal.SIGCONT)


@contextlib.contextmanager
def flooded(_host):
    with Flood("/run/usher/agent.sock"):
        yield


@pytest.fixture(scope="module")
def ordinary(machine):
    with without_usher():
        return measure(machine)


@pytest.mark.parametrize("state", [stopped, hung, flooded])
def test_a_local_user_does_not_notice_that_the_agent_is(host, ordinary, state):
    with state(host):
        now = measure(host)
    # A flood takes processor time from everybody; what must not happen is a wait.
    allowed = {what: 3 * value + (0.5 if state is flooded else 0.1) for what, value in ordinary.items()}
    late = {what: (now[what], ordinary[what]) for what in now if now[what] > allowed[what]}
    assert not late, late


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_name_lookup_opens_no_socket_of_the_agents(host, command, tmp_path):
    trace = tmp_path / "trace"
    processes.run(["strace", "-f", "-qq", "-e", "trace=connect,execve", "-o", str(trace), *command])
    text = trace.read_text(encoding="utf-8", errors="replace")
    assert "execve" in text
    assert "/run/usher" not in text


def test_an_exempt_account_logs_in_by_password_while_the_agent_is_stopped(host):
    host.agent.stop()
    outcome = attempt(host.port, "local1", host_files.LOCAL_PASSWORD, "echo in")
    assert outcome.stdout == "in\n", outcome
    assert [prompt.rpartition(") ")[2] for prompt in outcome.prompts] == ["Password: "]


def test_an_exempt_account_with_a_wrong_password_is_refused(host):
    outcome = attempt(host.port, "local1", "wrong", "echo in")
    assert outcome.status != 0 and outcome.stdout == ""


@contextlib.contextmanager
def exempt_list(text, mode=0o644):
    path = pathlib.Path("/etc/usher/exempt-users")
    before = path.read_text(encoding="ascii")
    try:
        path.unlink()
        if text is not None:
            path.write_text(text, encoding="ascii")
            path.chmod(mode)
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_text(before, encoding="ascii")


@pytest.mark.parametrize("text, mode", [(None, 0), ("", 0o644), ("local1\n", 0o666), ("local11\nlocal\n", 0o644)],
                         ids=["missing", "empty", "writable by others", "of other names"])
def test_an_exemption_list_exempts_nobody_when_it_is(host, text, mode):
    with exempt_list(text, mode):
        for options in ({}, {"key": host.work / "client-key"}):
            with Client(host.port, "local1", host_files.LOCAL_PASSWORD, **options) as client:
                outcome = client.run("echo in")
            assert outcome.status != 0 and outcome.stdout == "", outcome
            if not options:
                assert [prompt.rpartition(") ")[2] for prompt in outcome.prompts] == ["Ticket: "]
