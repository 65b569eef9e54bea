"""Deadlines, idle sessions, warnings, extensions, and who holds the end when the agent cannot."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pexpect
import pytest

import forge
import observe
import processes
from login import Client
from namespaces import MS_BIND, mount, namespace_of

# How late a session may be found idle: a step of the terminals' clock, the window of its work, a look, the machine.
LATE = 8 + 3 + 6
CONFIGURATION = pathlib.Path("/etc/usher/usherd.toml")


def on_terminal(client, host, broker, **changes):
    """A shell on a terminal without prompt and echo, and its session."""
    shell = client.terminal()
    shell.expect("Ticket: ")
    shell.sendline(forge.ticket(broker, client.account, **changes))
    shell.expect(r"s-[a-z2-7]{16}")
    shell.sendline("PS1=; stty -echo; echo re''ady")
    shell.expect("ready\r\n")
    return shell, observe.session_of(client.account)


def settled(name):
    """The session of an account once its `sleep 600` runs: a login is through only then."""
    session = observe.session_of(name)

    def sleeps():
        for pid in processes.of_audit_session(session["auditSession"]):
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\x00600"):
                    return True
        return False
    processes.wait_until(sleeps, 20, "sleep runs")
    return session


def state_of(session):
    return observe.usher("session", "show", session["id"])


def closed(session, seconds):
    """The session once it is closed."""
    def find():
        shown = state_of(session)
        return shown if shown["state"] == "closed" else None
    return processes.wait_until(find, seconds, f"{session['id']} is closed", interval=0.2)


def cause(shown):
    return shown["endReason"], shown["endedBy"]


@pytest.fixture
def client(host, name):
    with Client(host.port, name) as made:
        yield made


@pytest.fixture
def configure(host):
    """Adds lines to the agent's configuration for one test."""
    before = CONFIGURATION.read_text(encoding="ascii")

    def write(text):
        CONFIGURATION.write_text(before + text, encoding="ascii")
        again = host.agent.log.read_text(encoding="utf-8").count("configuration read again")
        host.agent.signal(signal.SIGHUP)
        processes.wait_until(
            lambda: host.agent.log.read_text(encoding="utf-8").count("configuration read again") > again, 10, "reload")
    yield write
    CONFIGURATION.write_text(before, encoding="ascii")
    if host.agent.pid:
        host.agent.signal(signal.SIGHUP)


# Causes


def test_a_session_that_its_leader_closes_says_so(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        assert client.run("true").status == 0
    assert cause(observe.closed_session_of(name)) == ("closed", "leader")


def test_a_connection_that_is_cut_is_closed_by_the_leader(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = settled(name)
        login.kill()
        login.communicate()
        assert cause(closed(session, 20)) == ("closed", "leader")


def test_a_killed_leader_is_told_apart_from_one_that_closed(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = settled(name)
        processes.end(session["leader"], signal.SIGKILL)
        assert cause(closed(session, 20)) == ("leader died", "agent")
        login.communicate(timeout=20)


def test_an_administrators_reason_and_number_stand_in_row_and_audit(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = settled(name)
        observe.end(session)
        reason, by = cause(closed(session, 20))
        assert reason == "operator: end of the test"
        assert by.startswith("uid 0 (pid ")
        login.communicate(timeout=20)
    records = processes.wait_until(
        lambda: [text for kind, text in observe.audit_records(host, "-m", "DEL_USER") if session["id"] in text],
        10, "the account's last record")
    assert "reason=operator:_end_of_the_test" in records[0]


def test_a_host_that_goes_down_ends_its_sessions_and_a_restarted_agent_does_not(host, broker, name):
    """systemd is asked through a systemctl that answers as it does while shutdown.target is to be started."""
    systemctl = pathlib.Path("/usr/bin/systemctl")
    saved = host.work / "systemctl"
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = settled(name)
        existed = os.path.lexists(systemctl)
        if existed:
            shutil.move(systemctl, saved)
        try:
            os.makedirs("/run/systemd/system")
            for word, goes_on in (("running", True), ("stopping", False)):
                systemctl.write_text(f"#!/bin/sh\necho {word}\n", encoding="ascii")
                systemctl.chmod(0o755)
                host.agent.stop()
                assert bool(processes.of_audit_session(session["auditSession"])) == goes_on
                os.rmdir("/run/systemd/system")
                host.agent.start()
                os.makedirs("/run/systemd/system")
                assert (state_of(session)["state"] == "open") == goes_on
        finally:
            os.rmdir("/run/systemd/system")
            systemctl.unlink()
            if existed:
                shutil.move(saved, systemctl)
        assert cause(closed(session, 20)) == ("host shutdown", "host")
        login.communicate(timeout=20)
    observe.assert_nothing_left(name)


# Idle


def test_a_terminal_that_nobody_types_on_ends_and_typing_keeps_it(host, broker, client):
    shell, session = on_terminal(client, host, broker, rol="watched")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        shell.sendline("")
        time.sleep(1)
    assert state_of(session)["state"] == "open"
    last = time.monotonic()
    shell.expect(pexpect.EOF, timeout=60)
    assert time.monotonic() - last >= 4
    assert cause(closed(session, 20)) == ("idle", "agent")
    observe.assert_nothing_left(client.account)


def test_top_left_alone_ends_where_input_counts(host, broker, client):
    shell, session = on_terminal(client, host, broker, rol="watched")
    shell.sendline("TERM=vt100 top -d 1")
    begin = time.monotonic()
    shell.expect(pexpect.EOF, timeout=4 + LATE + 20)
    assert time.monotonic() - begin < 4 + LATE
    assert cause(closed(session, 20)) == ("idle", "agent")


def test_top_left_alone_ends_also_where_work_counts_after_its_output_did_three_times(host, broker, client):
    shell, session = on_terminal(client, host, broker, rol="working")
    shell.sendline("TERM=vt100 top -d 3")
    begin = time.monotonic()
    # Read to the end: a terminal that nobody reads would stop top.
    shell.expect(pexpect.EOF, timeout=150)
    seconds = time.monotonic() - begin
    assert 4 * 10 - 2 < seconds < 150
    assert cause(closed(session, 20)) == ("idle", "agent")


def test_a_silent_build_goes_on_where_work_counts_and_ends_where_it_does_not(host, broker):
    names = {role: forge.account() for role in ("working", "watched")}
    with contextlib.ExitStack() as stack:
        sessions = {}
        for role, name in names.items():
            client = stack.enter_context(Client(host.port, name))
            shell, sessions[role] = on_terminal(client, host, broker, rol=role)
            shell.sendline("timeout 30 sh -c 'while :; do :; done'")
        begin = time.monotonic()
        assert cause(closed(sessions["watched"], 4 + LATE + 10)) == ("idle", "agent")
        assert time.monotonic() - begin < 29
        time.sleep(max(0, begin + 28 - time.monotonic()))
        assert state_of(sessions["working"])["state"] == "open"
        assert cause(closed(sessions["working"], 10 + LATE + 20)) == ("idle", "agent")
    for name in names.values():
        observe.assert_nothing_left(name)


def test_a_long_copy_is_not_idle(host, broker, name, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(os.urandom(2_000_000))
    with Client(host.port, name, forge.ticket(broker, name, rol="watched")) as client:
        # 800 kbit/s: some twenty seconds, in bursts of 256 KiB (scp's own way of being slow).
        outcome = client.run_program(["scp", *client.options, "-l", "800", "-P", str(host.port), str(file),
                                      f"{name}@127.0.0.1:/dev/null"])
    assert outcome.status == 0, outcome
    assert outcome.seconds > 12
    assert observe.closed_session_of(name)["endReason"] == "closed"


def test_a_session_that_nobody_can_look_at_ends_as_idle(host, broker, name, tmp_path):
    with Client(host.port, name, forge.ticket(broker, name, rol="working")) as client:
        login = client.start("sleep 600")
        session = settled(name)
        nonsense = tmp_path / "io"
        nonsense.write_text("nothing that the kernel would write\n", encoding="ascii")
        # Not the leader, which only has the loginuid.
        inside = next(pid for pid in processes.all_pids() if forge.uid_of(name) in processes.uids_of(pid))
        # Goes with the process.
        mount(nonsense, f"/proc/{inside}/io", flags=MS_BIND)
        ended = closed(session, 2 * 10 + LATE)
        login.wait(timeout=20)
    assert ended["endReason"] == "idle"
    told = [line for line in host.agent.log.read_text(encoding="utf-8").splitlines()
            if "activity not seen" in line and session["id"] in line]
    assert len(told) == 1, told
    observe.assert_nothing_left(name)


@pytest.mark.parametrize("role", ["watched", "working"])
def test_a_connection_that_only_keeps_itself_alive_is_idle(host, broker, name, role):
    options = ["-o", "ServerAliveInterval=1"]
    with Client(host.port, name, forge.ticket(broker, name, rol=role), options=options) as client:
        login = client.start("-N")
        session = observe.session_of(name)
        begin = time.monotonic()
        assert cause(closed(session, 60)) == ("idle", "agent")
        assert time.monotonic() - begin < 10 + LATE
        login.communicate(timeout=20)
    observe.assert_nothing_left(name)


def test_a_shared_connection_without_channels_is_idle(host, broker, name, tmp_path):
    control = tmp_path / "control"
    with Client(host.port, name, forge.ticket(broker, name, rol="watched"), options=["-o", "ServerAliveInterval=1"]) \
            as client:
        command = client.command("-N", "-M", "-S", str(control))
        master = subprocess.Popen(command, env=client.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            session = observe.session_of(name)
            again = ["ssh", "-F", "none", "-S", str(control), "-p", str(host.port), "-l", name, "127.0.0.1"]
            # A channel at work keeps it, its end does not.
            worked = processes.run([*again, "timeout 10 sh -c 'while :; do :; done'; echo worked"])
            assert worked.stdout == "worked\n", worked
            begin = time.monotonic()
            assert cause(closed(session, 60)) == ("idle", "agent")
            assert time.monotonic() - begin < 4 + LATE
            master.wait(timeout=20)
        finally:
            master.kill()
            master.wait()
    observe.assert_nothing_left(name)


# Warnings


def test_a_session_is_warned_of_its_deadline_and_a_stopped_terminal_delays_nobody(host, broker, configure):
    configure("warn_before = [8, 3]\n")
    names = [forge.account() for _ in range(2)]
    with contextlib.ExitStack() as stack:
        hostile, shell = [stack.enter_context(Client(host.port, name)) for name in names]
        hostile, first = on_terminal(hostile, host, broker, max=14)
        # Fills the terminal, stops its output, and reads nothing.
        hostile.sendline("stty ixon; yes")
        time.sleep(0.5)
        hostile.send("\x13")
        shell, second = on_terminal(shell, host, broker, max=14)
        shell.expect(rf"Usher: session {second['id']} ends in 8 s, at .*: its time is over then", timeout=20)
        eight = time.monotonic()
        shell.expect(rf"Usher: session {second['id']} ends in 3 s", timeout=20)
        assert 4 < time.monotonic() - eight < 7
        shell.expect(pexpect.EOF, timeout=20)
        for session in (first, second):
            assert cause(closed(session, 20)) == ("deadline", "agent")
    for name in names:
        observe.assert_nothing_left(name)


def test_an_idle_session_is_warned_and_a_key_keeps_it(host, broker, client, configure):
    configure("warn_before = [3]\n")
    shell, session = on_terminal(client, host, broker, rol="watched")
    shell.expect(rf"Usher: session {session['id']} ends in 3 s: nothing was typed for 1 s. Press a key", timeout=30)
    shell.sendline("echo st''ill here")
    shell.expect("still here", timeout=10)
    shell.expect(r"ends in 3 s: nothing was typed", timeout=30)
    shell.expect(pexpect.EOF, timeout=30)
    assert cause(closed(session, 20)) == ("idle", "agent")


# Extensions


def test_an_administrator_extends_a_session_but_not_beyond_the_role(host, broker, client):
    shell, session = on_terminal(client, host, broker, rol="short", max=8)
    asked = ["session", "extend", session["id"], "--reason", "CHG-1042 takes longer"]
    extended = observe.usher(*asked, "--by", "10s")
    assert extended["endsAt"] == session["endsAt"] + 10
    shell.expect(rf"Usher: session {session['id']} now ends at .*: extended by 10 s", timeout=10)
    beyond = processes.run(["usher", *asked, "--by", "1h"])
    assert beyond.returncode == 1
    assert "that leaves 42 s, not 3600 s" in beyond.stderr
    shown = state_of(session)
    assert shown["endsAt"] == session["endsAt"] + 10
    [extension] = shown["extensions"]
    assert (extension["seconds"], extension["reason"]) == (10, "CHG-1042 takes longer")
    assert extension["by"].startswith("uid 0 (pid ")
    text = processes.run(["usher", "session", "show", session["id"]]).stdout
    assert "CHG-1042 takes longer" in text
    # A restarted agent knows it.
    host.agent.restart()
    time.sleep(max(0, session["endsAt"] + 3 - time.time()))
    assert state_of(session)["state"] == "open"
    ended = closed(session, 30)
    assert cause(ended) == ("deadline", "agent")
    assert ended["closedAt"] >= session["endsAt"] + 10
    assert len(ended["extensions"]) == 1
    records = [text for kind, text in observe.audit_records(host, "-m", "USER_MGMT")
               if session["id"] in text and "usher-session-extend" in text]
    assert len(records) == 1
    for word in ("seconds=10", "reason=CHG-1042_takes_longer", "by=uid_0", "res=success"):
        assert word in records[0], records[0]
    late = processes.run(["usher", *asked, "--by", "1s"])
    assert late.returncode == 6, late


def test_an_administrator_inside_a_session_does_not_extend_it_one_outside_does(host, broker):
    members = {"operator1": "usher,usher-admin", "operator2": "usher,usher-admin"}
    for member, groups in members.items():
        processes.run(["usermod", "-aG", groups, member])
    try:
        with Client(host.port, "operator1", forge.ticket(broker, "operator1", rol="standing", max=600)) as client:
            login = client.start("sh")
            session = observe.session_of("operator1")
            asked = ["usher", "session", "extend", session["id"], "--by", "60s", "--reason", "mine"]
            login.stdin.write(" ".join(asked) + "; echo status=$?\n")
            login.stdin.flush()
            assert login.stdout.readline() == "status=5\n"
            assert state_of(session)["endsAt"] == session["endsAt"]
            as_admin = ["setpriv", "--reuid", "operator2", "--regid", "operator2", "--init-groups"]
            answer = processes.run([*as_admin, *asked])
            assert answer.returncode == 0, answer
            assert state_of(session)["endsAt"] == session["endsAt"] + 60
            login.communicate(timeout=20)
        assert cause(closed(session, 20)) == ("closed", "leader")
    finally:
        for member, groups in members.items():
            for group in groups.split(","):
                processes.run(["gpasswd", "-d", member, group])


# The second hand


def watchdogs():
    """Those of this private host; other agents of the machine have their own."""
    found = []
    for pid in processes.in_namespace(namespace_of()):
        with contextlib.suppress(OSError):
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--watchdog" in words and processes.alive(pid):
                found.append(pid)
    return found


def one_watchdog(but=()):
    def find():
        found = watchdogs()
        return found[0] if len(found) == 1 and found[0] not in but else None
    return processes.wait_until(find, 10, "one watchdog")


def told(session):
    """Waits until the list says when the session ends."""
    deadlines = pathlib.Path("/run/usher/watchdog/deadlines")
    processes.wait_until(lambda: session["id"] in deadlines.read_text(encoding="ascii"), 5, "the list")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_deadline_holds_while_the_agent_is_killed_or_stopped(host, broker, name, number):
    with Client(host.port, name, forge.ticket(broker, name, max=6)) as client:
        login = client.start("setsid sleep 600 & sleep 600")
        session = settled(name)
        other = forge.account()
        with Client(host.port, other, forge.ticket(broker, other)) as bystander:
            goes_on = bystander.start("sleep 600")
            second = settled(other)
            told(second)
            bystanders = set(processes.of_audit_session(second["auditSession"]))
            if number == signal.SIGKILL:
                host.agent.stop(number)
            else:
                host.agent.signal(number)
            time.sleep(max(0, session["endsAt"] - 1 - time.time()))
            assert processes.of_audit_session(session["auditSession"])
            processes.wait_until(lambda: not processes.of_audit_session(session["auditSession"]), 20,
                                 "the session's processes end")
            assert time.time() >= session["endsAt"] + 4
            assert bystanders <= set(processes.of_audit_session(second["auditSession"]))
            login.communicate(timeout=20)
            if number == signal.SIGKILL:
                host.agent.start()
                assert cause(closed(session, 20)) == ("deadline", "watchdog")
            else:
                host.agent.signal(signal.SIGCONT)
                assert closed(session, 20)["endReason"] == "deadline"
            assert state_of(second)["state"] == "open"
            observe.end(second)
            goes_on.communicate(timeout=20)
    observe.assert_nothing_left(name)
    observe.assert_nothing_left(other)


def test_the_watchdog_is_told_of_extensions(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name, rol="short", max=5)) as client:
        login = client.start("sleep 600")
        session = settled(name)
        observe.usher("session", "extend", session["id"], "--by", "8s", "--reason", "test")
        time.sleep(1)
        host.agent.stop(signal.SIGKILL)
        time.sleep(max(0, session["endsAt"] + 7 - time.time()))
        assert processes.of_audit_session(session["auditSession"])
        processes.wait_until(lambda: not processes.of_audit_session(session["auditSession"]), 20, "the session ends")
        login.communicate(timeout=20)
        host.agent.start()
        assert cause(closed(session, 20)) == ("deadline", "watchdog")
    observe.assert_nothing_left(name)


def test_there_is_one_watchdog_as_long_as_one_is_needed(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = settled(name)
        first = one_watchdog()
        told(session)
        # It outlives its agent while there is a session, and the next agent's takes over from it.
        host.agent.stop()
        time.sleep(2)
        assert watchdogs() == [first]
        host.agent.start()
        second = one_watchdog(but=(first,))
        # One that is killed is started again.
        processes.end(second, signal.SIGKILL)
        one_watchdog(but=(first, second))
        observe.end(session)
        login.communicate(timeout=20)
    observe.assert_nothing_left(name)
    host.agent.stop()
    processes.wait_until(lambda: not watchdogs(), 10, "no watchdog without a session and an agent")
    host.agent.start()
