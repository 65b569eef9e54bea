"""What an operator cannot do beside the session, and what the module and the shell refuse by themselves."""
import contextlib
import pathlib
import signal
import socket
import subprocess

import paramiko
import pytest

import forge
import observe
import processes
from login import Client, attempt
from test_bad_conditions import WAITING, allow_key_for_anybody, another_sshd, redeem_and_wait


@contextlib.contextmanager
def changed(path, change):
    """A file of the private host with another text for a while."""
    file = pathlib.Path(path)
    before = file.read_text(encoding="utf-8")
    file.write_text(change(before), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(before, encoding="utf-8")


def test_all_channels_of_a_connection_are_one_session(host, broker, name):
    transport = paramiko.Transport(("127.0.0.1", host.port))
    transport.start_client(timeout=20)
    ticket = forge.ticket(broker, name)
    transport.auth_interactive(name, lambda _title, _text, prompts: [ticket for _ in prompts])
    seen = set()
    for _ in range(3):
        channel = transport.open_session()
        channel.exec_command("cat /proc/self/sessionid; echo; cat /proc/self/cgroup")
        seen.add(channel.makefile().read())
    assert len(seen) == 1, seen
    assert observe.session_of(name)["id"] in seen.pop().decode()
    transport.close()
    observe.assert_nothing_left(name)


def test_a_connection_without_a_command_is_a_session_too_and_can_be_ended(host, broker, name, no_trace):
    with Client(host.port, name, forge.ticket(broker, name), options=["-N"]) as client:
        login = client.start()
        session = observe.session_of(name)
        observe.end(session)
        login.wait(timeout=30)
        assert login.returncode != 0


def test_ports_cannot_be_forwarded(host, broker, name, no_trace):
    transport = paramiko.Transport(("127.0.0.1", host.port))
    transport.start_client(timeout=20)
    ticket = forge.ticket(broker, name)
    transport.auth_interactive(name, lambda _title, _text, prompts: [ticket for _ in prompts])
    with pytest.raises(paramiko.ChannelException, match="Administratively prohibited"):
        transport.open_channel("direct-tcpip", ("127.0.0.1", host.port), ("127.0.0.1", 1))
    with pytest.raises(paramiko.SSHException):
        transport.request_port_forward("127.0.0.1", 0)
    transport.close()


def test_nothing_in_a_home_opens_or_changes_a_login(host, broker, name):
    skeleton = pathlib.Path("/etc/skel/.ssh")
    skeleton.mkdir(mode=0o700)
    try:
        (skeleton / "rc").write_text("echo from-rc\n", encoding="ascii")
        (skeleton / "environment").write_text("FROM_ENVIRONMENT=yes\n", encoding="ascii")
        key = (host.work / "client-key.pub").read_text(encoding="ascii")
        (skeleton / "authorized_keys").write_text(f'environment="FROM_KEYS=yes" {key}', encoding="ascii")
        (pathlib.Path("/etc/skel/.pam_environment")).write_text("FROM_PAM=yes\n", encoding="ascii")
        with Client(host.port, name, forge.ticket(broker, name)) as client:
            login = client.start("test -f .ssh/authorized_keys && env; sleep 600")
            observe.session_of(name)
            second = attempt(host.port, name, key=host.work / "client-key",
                             options=["-o", "PreferredAuthentications=publickey"])
            assert second.status != 0
            login.kill()
            shown, _ = login.communicate()
        assert "HOME=" in shown
        assert "FROM_" not in shown and "from-rc" not in shown
    finally:
        for file in skeleton.iterdir():
            file.unlink()
        skeleton.rmdir()
        pathlib.Path("/etc/skel/.pam_environment").unlink()
    observe.assert_nothing_left(name)


def test_the_login_shell_refuses_without_a_live_session(host, broker, name):
    uid = str(forge.uid_of(name))
    shell = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "/usr/lib/usher/usher-shell", "-c", "id"]
    never = processes.run(shell)
    assert (never.returncode, never.stdout) == (126, "")
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        observe.session_of(name)
        # The account is live now, but this process has not come through its login.
        beside = processes.run(shell)
        assert (beside.returncode, beside.stdout) == (126, "")
        login.kill()
        login.communicate()
    observe.assert_nothing_left(name)
    after = processes.run(["runuser", "-l", name, "-c", "id"])
    assert after.returncode != 0 and after.stdout == ""


@pytest.mark.parametrize("argument", ["colour=blue", "timeout=0", "timeout=61", "timeout=soon", "agent=", "Debug"])
def test_a_wrong_argument_of_the_module_refuses_and_says_so(host, broker, name, no_trace, argument):
    messages = observe.Messages(host)
    with changed("/etc/pam.d/sshd", lambda text: text.replace("pam_usher.so", f"pam_usher.so {argument}")):
        outcome = attempt(host.port, name, forge.ticket(broker, name))
    assert outcome.status != 0 and outcome.stdout == ""
    lines = messages.wait_for("pam_usher")
    assert any(line.startswith("authpriv.") and argument.partition("=")[0] in line for line in lines), lines


def test_the_prompt_can_be_another(host, broker, name):
    with changed("/etc/pam.d/sshd", lambda text: text.replace("pam_usher.so", "pam_usher.so [prompt=Billet? ]")):
        outcome = attempt(host.port, name, forge.ticket(broker, name), "echo in")
    assert outcome.stdout == "in\n"
    assert [prompt.rpartition(") ")[2] for prompt in outcome.prompts] == ["Billet? "]


def test_the_time_that_a_hung_agent_costs_can_be_shorter(host, broker, name, no_trace):
    host.agent.signal(signal.SIGSTOP)
    try:
        with changed("/etc/pam.d/sshd", lambda text: text.replace("pam_usher.so", "pam_usher.so timeout=1")):
            outcome = attempt(host.port, name, forge.ticket(broker, name))
    finally:
        host.agent.signal(signal.SIGCONT)
    assert outcome.status != 0 and outcome.stdout == ""
    assert outcome.seconds < 4.5, f"refused only after {outcome.seconds:.1f} s"


def test_an_agent_killed_between_burn_and_session_forgets_neither(host, broker, name):
    allow_key_for_anybody(host)
    ticket = forge.ticket(broker, name)
    key = paramiko.Ed25519Key.from_private_key_file(str(host.work / "client-key"))
    with another_sshd(host, WAITING) as port:
        transport = redeem_and_wait(port, name, ticket)
        host.agent.stop(signal.SIGKILL)
        host.agent.start()
        observe.assert_refused(host, attempt(host.port, name, ticket))
        transport.auth_publickey(name, key)
        channel = transport.open_session()
        channel.exec_command("id -un")
        assert channel.makefile().read().decode() == f"{name}\n"
        transport.close()
    observe.assert_nothing_left(name)
    observe.assert_refused(host, attempt(host.port, name, ticket), "replayed")


@pytest.mark.parametrize("path", ["/run/usher/agent.sock", "/run/usher/control.sock"])
def test_a_local_user_cannot_open_the_agents_sockets(host, path):
    probe = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
    answer = processes.run(["setpriv", "--reuid", "local1", "--regid", "local1", "--clear-groups", "/usr/bin/python3",
                            "-c", probe])
    assert answer.returncode != 0 and "PermissionError" in answer.stderr
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)


def test_a_member_of_usher_soc_reads_and_does_not_end(host, broker, name):
    subprocess.run(["usermod", "-aG", "usher,usher-soc", "operator2"], check=True)
    as_soc = ["setpriv", "--reuid", "operator2", "--regid", "operator2", "--init-groups"]
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = observe.session_of(name)
        listed = processes.run([*as_soc, "usher", "session", "list"])
        assert listed.returncode == 0 and session["id"] in listed.stdout
        ended = processes.run([*as_soc, "usher", "session", "end", session["id"], "--reason", "not allowed"])
        assert ended.returncode == 5, ended
        assert login.poll() is None
        login.kill()
        login.communicate()
    observe.assert_nothing_left(name)
