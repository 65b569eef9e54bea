"""Signals that nobody can catch, sent to each part of a login in turn: what is killed or stopped must not keep a
session, and must not keep anybody out afterwards."""
import contextlib
import os
import signal
import time

import pytest

import forge
import kernel_audit
import observe
import processes
from login import Client, attempt

# The teardown asks a leader, waits 3 s, and then kills it (Teardown.leaderPatience).
STOPPED_LEADER_SECONDS = 20


@pytest.fixture
def session(host, broker, name):
    """A live session by sshd: its row and the operator's shell, which started a process of its own."""
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        # Nothing but the shell has the connection's pipes: sshd waits for whoever has them.
        login = client.start("setsid sleep 600 >/dev/null 2>&1 </dev/null & sleep 601 >/dev/null 2>&1 </dev/null; true")
        row = observe.session_of(name)
        row["shell"] = processes.wait_until(lambda: shell_of(row), 20, "the operator's shell")
        yield row
        login.kill()
        login.communicate()
    observe.assert_nothing_left(name)


def shell_of(row):
    """The process that has a sleep for its child and is of the session."""
    for pid in processes.of_audit_session(row["auditSession"]):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                if comm.read().strip() in ("sh", "bash", "dash") and processes.children_of(pid):
                    return pid
    return None


def assert_a_login_works(host, broker):
    name = forge.account()
    outcome = attempt(host.port, name, forge.ticket(broker, name), "echo in")
    assert outcome.stdout == "in\n", outcome
    observe.assert_nothing_left(name)


def assert_over(host, broker, name, session):
    observe.assert_nothing_left(name, STOPPED_LEADER_SECONDS)
    processes.wait_until(lambda: not processes.of_audit_session(session["auditSession"]), STOPPED_LEADER_SECONDS,
                         "no process of the audit session")
    assert observe.closed_session_of(name)["endReason"]
    observe.assert_agent_alive(host)
    assert_a_login_works(host, broker)


def test_a_killed_shell_ends_the_session(host, broker, name, session):
    processes.end(session["shell"], signal.SIGKILL)
    assert_over(host, broker, name, session)


@pytest.mark.parametrize("part", ["leader", "shell"])
def test_a_part_that_is_stopped_does_not_outlive_the_end(host, broker, name, session, part):
    os.kill(session[part], signal.SIGSTOP)
    observe.end(session)
    assert_over(host, broker, name, session)


def test_a_stopped_leader_that_is_killed_ends_the_session(host, broker, name, session):
    os.kill(session["leader"], signal.SIGSTOP)
    os.kill(session["leader"], signal.SIGKILL)
    assert_over(host, broker, name, session)


def test_a_killed_auditd_ends_no_session_and_admits_none(host, broker, name, session):
    own_auditd(host)
    os.kill(host.own_auditd, signal.SIGKILL)
    try:
        # The kernel finds out with the next record that it cannot deliver, and the agent a fifth of a second later.
        processes.wait_until(lambda: processes.run(["auditctl", "-m", "probe"]) and kernel_audit.status()["pid"] == 0,
                             10, "the kernel knows that auditd is gone")
        time.sleep(0.3)
        other = forge.account()
        observe.assert_refused(host, attempt(host.port, other, forge.ticket(broker, other)), "auditUnavailable")
        observe.assert_nothing_left(other)
        assert observe.session_of(name)["id"] == session["id"]
        observe.end(session)
        observe.assert_nothing_left(name, STOPPED_LEADER_SECONDS)
    finally:
        host.restart_auditd()
    assert_over(host, broker, name, session)


def test_a_stopped_auditd_keeps_no_session(host, broker, name, session):
    auditd = own_auditd(host)
    os.kill(auditd, signal.SIGSTOP)
    try:
        observe.end(session)
        observe.assert_nothing_left(name, STOPPED_LEADER_SECONDS)
    finally:
        os.kill(auditd, signal.SIGCONT)
    assert_over(host, broker, name, session)


def test_an_agent_that_is_stopped_while_a_session_ends_goes_on_with_the_end(host, broker, name, session):
    host.agent.signal(signal.SIGSTOP)
    try:
        processes.end(session["leader"], signal.SIGKILL)
        processes.end(session["shell"], signal.SIGKILL)
    finally:
        host.agent.signal(signal.SIGCONT)
    assert_over(host, broker, name, session)


def own_auditd(host):
    """The private host's auditd; one that was there before is not ours to signal."""
    if not host.own_auditd:
        pytest.skip("the machine's own auditd is not ours to signal")
    return host.own_auditd
