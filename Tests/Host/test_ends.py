"""How a session ends, and that nothing of it is left."""
import contextlib
import pathlib
import signal
import sqlite3

import pytest

import forge
import observe
import processes
from login import Client, attempt

# What programs do to stay: a session of their own, a double fork, no hangup signal, another process group, a
# namespace of their own, root.
STAYING = (
    "setsid sleep 600 >/dev/null 2>&1 </dev/null & "
    "(setsid sh -c 'sleep 601 & sleep 602' >/dev/null 2>&1 </dev/null &) ; "
    "nohup sleep 603 >/dev/null 2>&1 </dev/null & "
    "sudo -n sleep 604 >/dev/null 2>&1 </dev/null & "
    "unshare -Urpf --mount-proc sleep 605 >/dev/null 2>&1 </dev/null & "
    "touch /tmp/left-by-$USER; "
)


DATABASE = "/var/lib/usher/usher.sqlite"


@contextlib.contextmanager
def disk_that_takes_no_row():
    """Every commit of the agent fails, after SQLite has waited its 5 s for another writer."""
    with contextlib.closing(sqlite3.connect(DATABASE, timeout=10, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            database.execute("ROLLBACK")


def staying(number):
    """Processes that have the audit session of a login, with their arguments."""
    return processes.of_audit_session(number)


# What STAYING leaves behind, by the argument of each sleep.
SLEEPERS = {"600", "601", "602", "603", "604", "605"}


def arguments_of(number):
    """The last argument of each process of an audit session."""
    found = set()
    for pid in staying(number):
        with contextlib.suppress(OSError):
            found.add(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").rpartition(b"\0")[2].decode())
    return found


def begin(client, command="sleep 600"):
    """A login in the background, and its session once it is open."""
    login = client.start(STAYING + command)
    session = observe.session_of(client.account)
    number = session["auditSession"]
    processes.wait_until(lambda: SLEEPERS <= arguments_of(number), 20, "the processes that stay")
    return login, session


def assert_all_gone(name, session):
    observe.assert_nothing_left(name)
    processes.wait_until(lambda: not staying(session["auditSession"]), 5, "no process of the audit session")
    assert not processes.alive(session["leader"])


@pytest.fixture
def client(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as made:
        yield made


def test_a_command_that_ends_takes_its_background_processes_along(host, client, name):
    login, session = begin(client, "sleep 2")
    login.wait(timeout=30)
    assert_all_gone(name, session)
    assert observe.closed_session_of(name)["state"] == "closed"


def test_a_client_that_is_killed_ends_the_session(host, client, name):
    login, session = begin(client)
    login.kill()
    assert_all_gone(name, session)


def test_a_leader_that_is_killed_ends_the_session(host, client, name):
    login, session = begin(client)
    processes.end(session["leader"], signal.SIGKILL)
    assert_all_gone(name, session)
    login.wait(timeout=20)
    assert login.returncode != 0


def test_an_administrator_ends_a_session(host, client, name):
    login, session = begin(client)
    observe.end(session)
    login.wait(timeout=30)
    assert login.returncode != 0
    assert_all_gone(name, session)
    closed = observe.closed_session_of(name)
    assert closed["endReason"] and closed["closedAt"] >= closed["openedAt"]


def test_a_disk_that_takes_no_row_keeps_no_process_alive(host, client, name):
    login, session = begin(client)
    with disk_that_takes_no_row():
        ending = processes.start(["usher", "session", "end", session["id"], "--reason", "full disk"])
        processes.wait_until(lambda: not staying(session["auditSession"]), 40, "everything killed")
        assert observe.usher("session", "show", session["id"])["state"] == "closing"
        assert "row not set to closing" in host.agent.log.read_text(encoding="utf-8")
    login.wait(timeout=30)
    assert_all_gone(name, session)
    assert observe.closed_session_of(name)["endReason"] == "operator: full disk"
    ending.wait(timeout=20)


def test_a_watchdog_word_that_cannot_be_read_keeps_no_agent_from_starting(host, client, name):
    login, session = begin(client)
    host.agent.stop(signal.SIGKILL)
    login.kill()
    login.communicate()
    processes.wait_until(lambda: not processes.alive(session["leader"]), 20, "the leader is gone")
    word = pathlib.Path(f"/run/usher/watchdog/ended.{session['id']}")
    word.mkdir()
    try:
        host.agent.start()
        assert_all_gone(name, session)
    finally:
        word.rmdir()
    assert observe.closed_session_of(name)["endReason"] == "leader died"
    assert "whether the watchdog ended the session is not known" in host.agent.log.read_text(encoding="utf-8")


def test_an_operator_ends_the_own_session_but_no_other(host, broker, client, name):
    login, session = begin(client)
    other = forge.account()
    outcome = attempt(host.port, other, forge.ticket(broker, other), f"usher session end {session['id']} --reason mine")
    assert outcome.status != 0
    assert login.poll() is None
    login.kill()
    login.communicate()
    assert_all_gone(name, session)
    observe.assert_nothing_left(other)


def test_the_deadline_ends_a_session(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name, max=3)) as client:
        outcome = client.run("sleep 600", timeout=40)
    assert outcome.status != 0
    assert outcome.seconds < 30
    observe.assert_nothing_left(name)


def test_a_stopped_agent_leaves_sessions_alone_and_a_restarted_one_adopts_them(host, client, name):
    login, session = begin(client)
    before = set(staying(session["auditSession"]))
    host.agent.stop()
    assert login.poll() is None
    assert before <= set(staying(session["auditSession"]))
    assert processes.run(["getent", "passwd", str(forge.uid_of(name))]).returncode == 0
    host.agent.start()
    again = observe.session_of(name)
    assert (again["id"], again["state"]) == (session["id"], "open")
    assert before <= set(staying(session["auditSession"]))
    observe.end(session)
    assert_all_gone(name, session)
    login.wait(timeout=20)


def test_a_killed_agent_finds_sessions_again(host, client, name):
    login, session = begin(client)
    host.agent.stop(signal.SIGKILL)
    assert login.poll() is None
    host.agent.start()
    assert observe.session_of(name)["id"] == session["id"]
    login.kill()
    login.communicate()
    assert_all_gone(name, session)


def test_a_session_that_ended_while_the_agent_was_down_is_cleared_at_its_start(host, client, name):
    login, session = begin(client)
    host.agent.stop()
    login.kill()
    login.communicate()
    processes.wait_until(lambda: not processes.alive(session["leader"]), 20, "the leader is gone")
    assert observe.leftovers(name)
    host.agent.start()
    assert_all_gone(name, session)


def test_after_the_end_the_ticket_the_account_and_its_home_are_gone(host, broker, name):
    ticket = forge.ticket(broker, name)
    assert attempt(host.port, name, ticket).status == 0
    observe.assert_nothing_left(name)
    observe.assert_refused(host, attempt(host.port, name, ticket), "replayed")
    host.agent.restart()
    observe.assert_refused(host, attempt(host.port, name, ticket), "replayed")
    # The uid is in quarantine: not even a fresh ticket opens the same account again.
    observe.assert_refused(host, attempt(host.port, name, forge.ticket(broker, name)), "uidBusy")
    observe.assert_nothing_left(name)


def test_fifty_sessions_in_a_row_leave_nothing(host, broker):
    names = [forge.account() for _ in range(50)]
    for name in names:
        outcome = attempt(host.port, name, forge.ticket(broker, name), "setsid sleep 60 >/dev/null 2>&1 &")
        assert outcome.status == 0, outcome
    for name in names:
        observe.assert_nothing_left(name)
    assert not [each for each in observe.sessions() if each["account"] in names]
