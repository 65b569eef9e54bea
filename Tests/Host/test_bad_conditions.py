"""Logins that must be refused because of what the host, the agent or the client is in, not because of the ticket."""
import contextlib
import itertools
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import threading
import time

import paramiko
import pytest

import forge
import observe
import processes
from daemons import AGENT_SOCKET, free_port
from login import Client, attempt

# The module's own deadline is 5 s; sshd, its retries and a busy machine come on top.
BOUND = 25


@contextlib.contextmanager
def another_sshd(host, lines, prefix=()):
    """A second sshd beside the first, with its own lines in place of the drop-in. Gives its port."""
    port = free_port()
    text = pathlib.Path("/etc/ssh/sshd_config").read_text(encoding="ascii")
    text = text.replace(f"Port {host.port}\n", f"Port {port}\n").replace("Include /etc/ssh/sshd_config.d/*.conf\n", "")
    configuration = pathlib.Path(f"/etc/ssh/another-{port}")
    configuration.write_text(f"UsePAM yes\nKbdInteractiveAuthentication yes\n{text}\n{lines}", encoding="ascii")
    daemon = host.daemons.another_sshd(f"sshd-{port}", port, str(configuration))
    daemon.start(prefix=prefix)
    try:
        yield port
    finally:
        daemon.stop()


def assert_refused_without_reference(outcome):
    assert outcome.status != 0 and outcome.stdout == "", outcome
    assert outcome.seconds < BOUND, f"refused only after {outcome.seconds:.1f} s"


# ---- no admission ----------------------------------------------------------------------------------------------------

KEYS = "AuthorizedKeysFile /etc/ssh/keys-of-anybody\nPasswordAuthentication no\n"


def allow_key_for_anybody(host):
    keys = pathlib.Path("/etc/ssh/keys-of-anybody")
    keys.write_text((host.work / "client-key.pub").read_text(encoding="ascii"), encoding="ascii")


@pytest.mark.parametrize("account", ["operator1", "ephemeral"])
def test_refused_is_a_key_without_a_ticket(host, name, no_trace, account):
    allow_key_for_anybody(host)
    account = name if account == "ephemeral" else account
    with another_sshd(host, KEYS) as port:
        outcome = attempt(port, account, key=host.work / "client-key",
                          options=["-o", "PreferredAuthentications=publickey"])
    assert_refused_without_reference(outcome)
    log = host.agent.log.read_text(encoding="utf-8", errors="replace")
    assert any("noAdmission" in line and account in line for line in log.splitlines()), "the reason is not in the log"


def test_with_the_drop_in_a_key_alone_does_not_even_authenticate(host, name, no_trace):
    outcome = attempt(host.port, name, key=host.work / "client-key",
                      options=["-o", "PreferredAuthentications=publickey"])
    assert_refused_without_reference(outcome)
    assert "keyboard-interactive" in outcome.stderr


def redeem_and_wait(port, name, ticket):
    """Redeems a ticket on an sshd that wants a key afterwards, and does not bring the key: the admission waits."""
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.start_client(timeout=20)
    left = transport.auth_interactive(name, lambda _title, _text, prompts: [ticket for _ in prompts])
    assert left == ["publickey"], left
    return transport


WAITING = "AuthenticationMethods keyboard-interactive,publickey\nAuthorizedKeysFile /etc/ssh/keys-of-anybody\n"


def test_another_connection_cannot_ride_on_a_waiting_admission(host, broker, name, no_trace):
    allow_key_for_anybody(host)
    ticket = forge.ticket(broker, name)
    with another_sshd(host, WAITING) as waiting, another_sshd(host, KEYS) as rider:
        transport = redeem_and_wait(waiting, name, ticket)
        outcome = attempt(rider, name, key=host.work / "client-key",
                          options=["-o", "PreferredAuthentications=publickey"])
        assert_refused_without_reference(outcome)
        observe.assert_refused(host, attempt(host.port, name, ticket))
        # The one that redeemed it gets in all the same.
        transport.auth_publickey(name, paramiko.Ed25519Key.from_private_key_file(str(host.work / "client-key")))
        channel = transport.open_session()
        channel.exec_command("echo in")
        assert channel.recv(100) == b"in\n"
        transport.close()
    observe.assert_nothing_left(name)


def test_a_client_that_vanishes_after_the_burn_leaves_nothing(host, broker, name, no_trace):
    allow_key_for_anybody(host)
    ticket = forge.ticket(broker, name)
    with another_sshd(host, WAITING) as port:
        transport = redeem_and_wait(port, name, ticket)
        # No goodbye: the connection is simply gone.
        transport.sock.shutdown(socket.SHUT_RDWR)
        transport.close()
        observe.assert_nothing_left(name)
        observe.assert_refused(host, attempt(host.port, name, ticket), "replayed")
    assert not [each for each in observe.sessions() if each["account"] == name]


@pytest.mark.parametrize("milliseconds", [0, 20, 50, 100, 200, 400])
def test_a_client_that_is_killed_at_any_moment_leaves_nothing(host, broker, name, no_trace, milliseconds):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        processes.wait_until(lambda: client.prompts, 15, "the prompt", interval=0.005)
        time.sleep(milliseconds / 1000)
        login.kill()
        login.communicate()
        observe.assert_nothing_left(name)
        observe.assert_agent_alive(host)


# ---- the agent -------------------------------------------------------------------------------------------------------

def test_refused_while_the_agent_is_stopped_and_admitted_once_it_runs(host, broker, name):
    ticket = forge.ticket(broker, name)
    messages = observe.Messages(host)
    host.agent.stop()
    outcome = attempt(host.port, name, ticket)
    assert_refused_without_reference(outcome)
    line, = messages.wait_for("pam_usher(sshd:auth)")
    assert line.startswith("authpriv.") and "connect" in line.lower(), line
    assert not processes.of_uid(forge.uid_of(name))
    host.agent.start()
    observe.assert_nothing_left(name)
    assert attempt(host.port, name, ticket, "echo in").stdout == "in\n"


def test_refused_while_the_agent_hangs(host, broker, name, no_trace):
    messages = observe.Messages(host)
    host.agent.signal(signal.SIGSTOP)
    try:
        outcome = attempt(host.port, name, forge.ticket(broker, name))
    finally:
        host.agent.signal(signal.SIGCONT)
    assert_refused_without_reference(outcome)
    # Of this phase alone: the login of the test before may be closing just now.
    line, = messages.wait_for("pam_usher(sshd:auth)")
    assert line.startswith("authpriv.") and "receive" in line, line


def processor_seconds(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_logins_wait_while_descriptors_are_short_and_are_served_once_they_are_not(host, broker, name):
    """What cannot be accepted stays in the kernel's queue; the agent must neither lose its socket nor ask for ever."""
    # A teardown that is still at work has descriptors of its own, and gives them back meanwhile.
    processes.wait_until(lambda: not observe.sessions(), 15, "the sessions before are closed")
    agent = host.agent.pid
    written = host.agent.log.stat().st_size
    limits = resource.prlimit(agent, resource.RLIMIT_NOFILE)
    taken = set(map(int, os.listdir(f"/proc/{agent}/fd")))
    free = next(number for number in itertools.count() if number not in taken)
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.settimeout(BOUND)
        resource.prlimit(agent, resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            waiting.connect(AGENT_SOCKET)
            waiting.sendall(b'{"method":"io.usher.Agent.Nothing"}\0')
            processes.wait_until(lambda: b"connections have to wait" in host.agent.log.read_bytes()[written:], 5,
                                 "the agent says that it cannot accept")
            before = processor_seconds(agent)
            time.sleep(1)
            assert processor_seconds(agent) - before < 0.2, "the agent asks for connections without a rest"
        finally:
            resource.prlimit(agent, resource.RLIMIT_NOFILE, limits)
        assert b"MethodNotFound" in waiting.recv(4096)
    assert attempt(host.port, name, forge.ticket(broker, name), "echo in").stdout == "in\n"
    observe.assert_nothing_left(name)


ANSWERS = {
    "noise": b"\xff\xfe garbage \x80\0",
    "nothing": b"",
    "an empty frame": b"\0",
    "half a frame": b'{"parameters":{"handle":"aaaaaaaaaaaaaaaaaaaaaaaaaa"',
    "another method's answer": b'{"parameters":{"session":"s-aaaaaaaaaaaaaaaa","tag":"","notice":""}}\0',
    "a short handle": b'{"parameters":{"handle":"aaaa"}}\0',
    "a handle with strange characters": b'{"parameters":{"handle":"aaaaaaaaaaaaaaaaaaaaa=\\n bb"}}\0',
    "a handle that is a number": b'{"parameters":{"handle":1}}\0',
    "two answers": b'{"parameters":{"handle":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}}\0{"parameters":{}}\0',
    "an unknown error": b'{"error":"io.usher.Agent.Accepted","parameters":{"reference":"AAAA-AA"}}\0',
    "a hostile reference": b'{"error":"io.usher.Agent.Refused","parameters":{"reference":"\\u001b[2J)"}}\0',
    "no end": b'{"parameters":{"handle":"' + b"a" * 1_000_000,
    # Well formed, so authenticate takes it; the next phase gets the same and must not.
    "a handle for every question": b'{"parameters":{"handle":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}}\0',
}


@contextlib.contextmanager
def false_agent(host, answer):
    """Something else answers on the agent's socket."""
    host.agent.stop()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(AGENT_SOCKET)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(AGENT_SOCKET)
    listener.listen(16)

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(answer)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        os.unlink(AGENT_SOCKET)
        host.agent.start()


@pytest.mark.parametrize("kind", ANSWERS)
def test_refused_while_the_agent_answers(host, broker, name, no_trace, kind):
    messages = observe.Messages(host)
    with false_agent(host, ANSWERS[kind]):
        outcome = attempt(host.port, name, forge.ticket(broker, name))
    assert_refused_without_reference(outcome)
    assert "\x1b" not in outcome.stderr
    assert messages.wait_for("pam_usher")


# ---- what the agent stands on ----------------------------------------------------------------------------------------

def test_refused_while_the_database_is_read_only(host, broker, name, no_trace):
    files = [str(path) for path in pathlib.Path("/var/lib/usher").iterdir()]
    ticket = forge.ticket(broker, name)
    subprocess.run(["chattr", "+i", *files], check=True)
    try:
        outcome = attempt(host.port, name, ticket)
        assert_refused_without_reference(outcome)
        observe.assert_agent_alive(host)
        assert "databaseUnavailable" in host.agent.tail(60)
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)
    # Nothing was burned, and the agent needs no restart.
    assert attempt(host.port, name, ticket, "echo in").stdout == "in\n"


@contextlib.contextmanager
def small_disk(host):
    """The agent with its state on a small disk of its own, and the evidence that goes with it beside: state that is
    exchanged under a log is what `usher evidence verify` finds."""
    image = host.work / "small-disk"
    with open(image, "wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    host.agent.stop()
    subprocess.run(["mount", "-o", "loop", str(image), "/var/lib/usher"], check=True)
    os.chmod("/var/lib/usher", 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0750,size=1g", "evidence", "/var/log/usher"], check=True)
    try:
        host.agent.start()
        yield
    finally:
        host.agent.stop()
        subprocess.run(["umount", "/var/lib/usher", "/var/log/usher"], check=True)
        image.unlink()
        host.agent.start()


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 512):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


def test_refused_while_the_disk_is_full(host, broker, name):
    with small_disk(host):
        assert attempt(host.port, name, forge.ticket(broker, name), "echo in").stdout == "in\n"
        observe.assert_nothing_left(name)
        fill("/var/lib/usher/filler")
        names = [forge.account() for _ in range(12)]
        outcomes = [attempt(host.port, each, forge.ticket(broker, each), "echo in") for each in names]
        # What the write-ahead log has room for may still get in; then everything is refused, and durably so.
        assert all(outcome.status == 0 or outcome.stdout == "" for outcome in outcomes)
        assert_refused_without_reference(outcomes[-1])
        observe.assert_agent_alive(host)
        for each in names:
            observe.assert_nothing_left(each)
        os.unlink("/var/lib/usher/filler")
        last = forge.account()
        assert attempt(host.port, last, forge.ticket(broker, last), "echo in").stdout == "in\n"


def test_refused_where_sshd_may_not_write_to_audit(host, broker, name, no_trace):
    ticket = forge.ticket(broker, name)
    lines = pathlib.Path("/etc/ssh/sshd_config.d/50-usher.conf").read_text(encoding="utf-8")
    with another_sshd(host, lines, prefix=["setpriv", "--bounding-set", "-audit_write"]) as port:
        assert_refused_without_reference(attempt(port, name, ticket))
    assert "CAP_AUDIT_WRITE" in host.agent.tail()
    # Refused before the burn: the ticket is still good where audit works.
    assert attempt(host.port, name, ticket, "echo in").stdout == "in\n"


@contextlib.contextmanager
def kernel_audit_off(_host):
    processes.run(["auditctl", "-e", "0"])
    try:
        yield
    finally:
        processes.run(["auditctl", "-e", "1"])


@contextlib.contextmanager
def auditd_gone(host):
    processes.end(host.own_auditd)
    try:
        yield
    finally:
        host.restart_auditd()


def test_refused_while_audit_does_not_record(host, broker, name, no_trace):
    ticket = forge.ticket(broker, name)
    # An auditd that was there before the private host is not ours to end; then only the first way is left.
    for without_audit in [kernel_audit_off] + ([auditd_gone] if host.own_auditd else []):
        with without_audit(host):
            observe.assert_refused(host, attempt(host.port, name, ticket), "auditUnavailable")
    assert attempt(host.port, name, ticket, "echo in").stdout == "in\n"


def test_two_names_that_lead_to_one_uid_never_share_it(host, broker, name, no_trace):
    twin = forge.name_with_the_uid_of(name)
    assert twin != name and forge.uid_of(twin) == forge.uid_of(name)
    ticket = forge.ticket(broker, twin)
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        observe.session_of(name)
        observe.assert_refused(host, attempt(host.port, twin, ticket), "uidBusy")
        assert login.poll() is None
        login.kill()
        login.communicate()
    observe.assert_nothing_left(name)
    # Nor one after the other: what the first left in the audit log would be taken for the second's.
    observe.assert_refused(host, attempt(host.port, twin, ticket), "uidBusy")


def test_a_flood_of_the_control_socket_does_not_stop_logins(host, broker, name, no_trace):
    flood = Flood("/run/usher/control.sock")
    with flood:
        outcome = attempt(host.port, name, forge.ticket(broker, name), "echo in")
    assert outcome.stdout == "in\n", outcome
    assert outcome.seconds < 10


class Flood:
    """Connections without end to a socket, with calls that are never read to the end."""

    def __init__(self, path):
        self._path = path
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._pour, daemon=True) for _ in range(8)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _pour(self):
        call = json.dumps({"method": "io.usher.Control.ListSessions", "parameters": {"all": True}}).encode() + b"\0"
        held = []
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(0.2)
                connection.connect(self._path)
                connection.sendall(call * 5)
                held.append(connection)
            if len(held) > 200:
                held.pop(0).close()
        for connection in held:
            connection.close()
