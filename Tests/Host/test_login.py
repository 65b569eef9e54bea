"""A login with a ticket, through OpenSSH's own client."""
import pathlib
import re

import pexpect

import forge
import observe
import processes
from login import Client, attempt


def test_a_ticket_admits_once_and_only_once(host, broker, name):
    ticket = forge.ticket(broker, name)
    first = attempt(host.port, name, ticket, "id", "-un")
    assert (first.status, first.stdout) == (0, f"{name}\n"), first
    assert [prompt.rpartition(") ")[2] for prompt in first.prompts] == ["Ticket: "]
    observe.assert_nothing_left(name)
    observe.assert_refused(host, attempt(host.port, name, ticket), "replayed")
    observe.assert_nothing_left(name)


def test_a_ticket_issued_by_the_command_line_admits(host, name):
    answer = processes.run(["usher", "ticket", "issue", "--key", "/etc/usher/test-broker.jwk", "--issuer",
                            "https://broker.example.org", "--subject", "human:alice", "--role", "dba",
                            "--account", name])
    assert answer.returncode == 0, answer.stderr
    outcome = attempt(host.port, name, answer.stdout.strip(), "echo", "admitted")
    assert outcome.stdout == "admitted\n", outcome


def test_a_person_on_a_terminal_gets_a_login_shell_and_a_notice(host, broker, name):
    with Client(host.port, name) as client:
        shell = client.terminal()
        shell.expect("Ticket: ")
        shell.sendline(forge.ticket(broker, name, apr="APR-1", chg="CHG-7"))
        shell.expect(r"s-[a-z2-7]{16}")
        session = shell.after
        shell.expect("APR-1")
        shell.sendline("PS1=; stty -echo; echo be''gin; echo $0; pwd; echo $HOME; umask; tty; echo e''nd")
        shell.expect(r"begin\r\n(.*)end\r\n")
        argument_zero, directory, home, mask, terminal = shell.match[1].split()
        assert argument_zero == "-bash"
        assert directory == home == f"/run/usher/home/{name}"
        assert mask in ("0022", "0077", "0002")
        assert terminal.startswith("/dev/pts/")
        assert observe.session_of(name)["id"] == session
        shell.sendline("exit 7")
        shell.expect(pexpect.EOF, timeout=20)
        shell.close()
        assert shell.exitstatus == 7
    observe.assert_nothing_left(name)


def test_the_ticket_is_not_shown_on_the_terminal_and_reaches_no_log(host, broker, name):
    ticket = forge.ticket(broker, name)
    with Client(host.port, name) as client:
        shell = client.terminal("echo done")
        shell.expect("Ticket: ")
        shell.sendline(ticket)
        shell.expect("done")
        assert ticket[:40] not in shell.before
    secret = ticket.rpartition(".")[2]
    for log in (host.agent.log, host.sshd.log, host.work / "messages"):
        assert secret not in log.read_text(encoding="utf-8", errors="replace"), log


def test_commands_keep_their_output_and_exit_status(host, broker):
    for command, status, output in (
            ("exit 0", 0, ""), ("exit 3", 3, ""), ("echo a; echo b >&2; exit 4", 4, "a\n"),
            ("kill -9 $$", 137, ""), ("printf 'a  b\\n'", 0, "a  b\n"),
            ("sh -c 'echo $0 \"$@\"' x 'y z'", 0, "x y z\n")):
        name = forge.account()
        with Client(host.port, name, forge.ticket(broker, name)) as client:
            outcome = client.run(command)
        assert outcome.stdout == output, (command, outcome)
        # ssh itself says 255 for a command that a signal ended.
        assert outcome.status == (255 if status > 128 else status), (command, outcome)


def test_input_is_passed_through_unchanged(host, broker, name):
    text = "".join(f"line {number}\n" for number in range(20_000))
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        outcome = client.run("cat", input=text)
    assert outcome.stdout == text


def test_the_environment_names_the_session_and_holds_no_secret(host, broker, name):
    outcome = attempt(host.port, name, forge.ticket(broker, name), "env; echo; cat /proc/self/environ | tr '\\0' '\\n'")
    assert outcome.status == 0
    variables = dict(line.partition("=")[::2] for line in outcome.stdout.splitlines())
    assert variables["HOME"] == f"/run/usher/home/{name}"
    assert variables["USER"] == name
    ours = {each for each in variables if "USHER" in each.upper()}
    assert ours <= {"USHER_SESSION"}
    # A handle is 26 characters of base32, and the only secret that passes through PAM's environment.
    assert not [value for value in variables.values() if re.fullmatch("[a-z2-7]{26}", value)]


def test_no_descriptor_of_the_modules_reaches_the_operator(host, broker, name):
    outcome = attempt(host.port, name, forge.ticket(broker, name),
                      "for f in /proc/self/fd/*; do readlink $f; done; true")
    odd = [line for line in outcome.stdout.splitlines() if not re.match(r"pipe:|/proc/|/dev/null", line)]
    assert odd == []


def test_files_go_in_and_out_by_scp_sftp_and_rsync(host, broker, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 1000)
    for program in ("scp", "sftp", "rsync"):
        name = forge.account()
        back = tmp_path / f"back-{program}"
        with Client(host.port, name, forge.ticket(broker, name)) as client:
            remote = f"{name}@127.0.0.1"
            port = ["-P", str(host.port)]
            if program == "scp":
                words = ["scp", *client.options, *port, str(source), f"{remote}:copy"]
            elif program == "sftp":
                # By input and not by -b, which would forbid ssh to ask for the ticket.
                commands = f"put {source} copy\nget copy {back}\n"
                words = ["sftp", *client.options, *port, remote]
            else:
                ssh = " ".join(["ssh", *client.options, "-p", str(host.port)])
                words = ["rsync", "-e", ssh, str(source), f"{remote}:copy"]
            outcome = client.run_program(words, **({"input": commands} if program == "sftp" else {}))
        assert outcome.status == 0, (program, outcome)
        if program == "sftp":
            assert back.read_bytes() == source.read_bytes()
        observe.assert_nothing_left(name)


def test_scp_brings_a_file_out(host, broker, name, tmp_path):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        outcome = client.run_program(["scp", *client.options, "-P", str(host.port),
                                      f"{name}@127.0.0.1:/etc/passwd", str(tmp_path / "out")])
    assert outcome.status == 0, outcome
    assert (tmp_path / "out").read_bytes() == pathlib.Path("/etc/passwd").read_bytes()


def test_the_account_its_groups_and_its_home_are_what_the_role_says(host, broker, name):
    uid = forge.uid_of(name)
    outcome = attempt(
        host.port, name, forge.ticket(broker, name),
        f"id -u; id -g; id -Gn; getent passwd {name}; getent passwd {uid}; getent group usher-dba; "
        "stat -c '%a %U' $HOME; stat -f -c %T $HOME; findmnt -no OPTIONS $HOME; sudo -n id -u; ls -A $HOME")
    lines = outcome.stdout.splitlines()
    assert outcome.status == 0, outcome
    assert lines[0:2] == [str(uid), str(uid)]
    assert set(lines[2].split()) == {name, "usher-dba"}
    entry = f"{name}:x:{uid}:{uid}:"
    assert lines[3] == lines[4] and lines[3].startswith(entry)
    assert lines[3].endswith(f":/run/usher/home/{name}:/usr/lib/usher/usher-shell")
    group = lines[5].split(":")
    assert group[0] == "usher-dba" and name in group[3].split(",")
    assert lines[6:8] == [f"700 {name}", "tmpfs"]
    assert {"nosuid", "nodev"} <= set(lines[8].split(","))
    assert "size=262144k" in lines[8]
    assert lines[9] == "0"
    assert ".bashrc" in lines[10:]


def test_a_role_without_the_group_has_no_right_from_it(host, broker, name):
    outcome = attempt(host.port, name, forge.ticket(broker, name, rol="short"), "sudo -n id -u; id -Gn")
    assert outcome.stdout.split() == [name], outcome


def test_the_session_is_listed_with_what_the_ticket_says(host, broker, name):
    values = forge.claims(name, sub="agent:deploy-bot", act={"sub": "human:alice"}, own="human:bob", apr="APR-9",
                          chg="CHG-1", rol="approved", max=600)
    with Client(host.port, name, forge.sign(values, broker)) as client:
        login = client.start("sleep 60")
        session = observe.session_of(name)
        expected = {"subject": "agent:deploy-bot", "actor": "human:alice", "owner": "human:bob", "role": "approved",
                    "approval": "APR-9", "change": "CHG-1", "kind": "ephemeral", "uid": forge.uid_of(name),
                    "service": "sshd", "remoteHost": "127.0.0.1", "key": broker.id, "ticket": values["jti"]}
        assert {key: session[key] for key in expected} == expected
        assert session["endsAt"] - session["openedAt"] == 600
        assert observe.usher("session", "show", session["id"])["id"] == session["id"]
        text = processes.run(["usher", "session", "list"]).stdout
        assert session["id"] in text and name in text
        login.kill()
        login.communicate()
    observe.assert_nothing_left(name)


def test_a_ticket_bound_to_a_key_admits_with_that_key(host, broker, name):
    key = host.work / "client-key"
    fingerprint = processes.run(["ssh-keygen", "-lf", str(key)]).stdout.split()[1]
    bound = {"cnf": {"ssh": fingerprint}, "rol": "bound"}
    outcome = attempt(host.port, name, forge.ticket(broker, name, **bound), "echo in", key=key)
    assert outcome.stdout == "in\n", outcome
    other = forge.account()
    observe.assert_refused(host, attempt(host.port, other, forge.ticket(broker, other, **bound)), "keyMismatch")
    observe.assert_nothing_left(other)


def test_a_ticket_for_an_existing_account_opens_it_and_leaves_it_as_it_was(host, broker):
    before = pathlib.Path("/etc/passwd").read_bytes(), pathlib.Path("/etc/shadow").read_bytes()
    ticket = forge.ticket(broker, "operator1", rol="standing")
    outcome = attempt(host.port, "operator1", ticket, "id -un; pwd")
    assert outcome.stdout.split() == ["operator1", "/run/local/operator1"], outcome
    observe.closed_session_of("operator1")
    assert (pathlib.Path("/etc/passwd").read_bytes(), pathlib.Path("/etc/shadow").read_bytes()) == before
    assert pathlib.Path("/run/local/operator1/.ssh/authorized_keys").exists()


def test_two_sessions_at_once_see_nothing_of_each_other(host, broker):
    first, second = forge.account(), forge.account()
    with Client(host.port, first, forge.ticket(broker, first)) as client:
        login = client.start("echo secret >file; sleep 60")
        observe.session_of(first)
        outcome = attempt(host.port, second, forge.ticket(broker, second),
                          f"cat /run/usher/home/{first}/file; ls /run/usher/home/{first}; kill -9 -1; true")
        assert "secret" not in outcome.stdout
        assert login.poll() is None
        login.kill()
        login.communicate()
    observe.assert_nothing_left(first)
    observe.assert_nothing_left(second)
