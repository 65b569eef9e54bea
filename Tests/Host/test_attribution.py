"""Whose a command is: each door out of a session on real parts, and what the evidence says of it."""
import base64
import os
import pathlib
import signal
import time

import pytest

import forge
import observe
import processes
from login import Client
from test_evidence import eventually, lines

SUDOERS = pathlib.Path("/etc/sudoers.d/usher-doors")
# The kernel's session number of what runs, behind the marker.
MARK = "/usr/bin/printf %s {marker}"


def execs(marker):
    """The evidence of commands one of whose arguments is the marker, the program itself and no shell around it."""
    return [line for line in lines() if line["usher"]["kind"] == "exec"
            and line["usher"].get("arguments", [])[-1:] == [marker]]


def seen(marker, seconds=20):
    return eventually(lambda: execs(marker), f"the evidence of {marker}", seconds)[0]


@pytest.fixture(autouse=True)
def root_for_everything(host):
    SUDOERS.write_text("%usher-dba ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
    SUDOERS.chmod(0o440)
    yield
    SUDOERS.unlink()


@pytest.fixture
def session(host, broker, name):
    """A session that stays; what it is told runs in its shell."""
    with Client(host.port, name, forge.ticket(broker, name, apr="A-7")) as client:
        login = client.start("/bin/sh")
        try:
            found = observe.session_of(name)
            found["shell"] = login
            # Listed is it before it is entered; the shell answers when it is.
            tell(found, "echo in")
            assert login.stdout.readline() == "in\n"
            yield found
        finally:
            login.kill()
            login.wait()
    observe.closed_session_of(name, 60)


def tell(session, command):
    session["shell"].stdin.write(command + "\n")
    session["shell"].stdin.flush()


DOORS = {
    "itself": "{mark}",
    "setsid": "setsid {mark}",
    "daemon": "(setsid sh -c 'sleep 0.5; {mark}' </dev/null >/dev/null 2>&1 &)",
    "sudo": "sudo -n {mark}",
    "sudo -i": "sudo -n -i {mark}",
    "sudo su": "sudo -n su -c '{mark}' operator2",
    "runuser": "sudo -n runuser -u operator2 -- {mark}",
}


@pytest.mark.parametrize("door", DOORS)
def test_the_kernel_names_the_session_behind(session, door):
    marker = f"door-{session['id'][2:10]}"
    tell(session, DOORS[door].format(mark=MARK.format(marker=marker)))
    line = seen(marker)
    assert line["usher"]["attribution"] == "kernel", line
    assert line["usher"]["session"] == session["id"], line
    assert line["usher"]["ses"] == session["auditSession"], line
    assert {"subject": "human:alice", "role": "dba", "approval": "A-7"}.items() <= line["usher"].items(), line
    assert line["process"]["cmd_line"].endswith(marker) and line["status_id"] == 1


def test_a_secret_in_the_arguments_is_masked(session):
    tell(session, "sh -c 'exec -a mysql /bin/true -pverysecret' 2>/dev/null; "
                  "bash -c \"exec -a mysql /bin/true -pverysecret mask-marker\"")
    line = seen("mask-marker")
    assert line["usher"]["arguments"] == ["mysql", "-p***", "mask-marker"] and line["usher"]["masked"] == 1
    assert "verysecret" not in "".join(
        each["message"] for each in lines() if each["usher"].get("session") == session["id"])


def test_login_inside_of_a_session_is_followed(session):
    tell(session, "sudo -n setsid -c login -f local1 </dev/null; sudo -n script -qc 'login -f local1' /dev/null "
                  "</dev/null >/dev/null 2>&1")
    line = eventually(
        lambda: [each for each in lines() if each["usher"]["kind"] == "loginuid"
                 and each["usher"].get("session") == session["id"]], "the login's own record")[0]
    assert line["usher"]["attribution"] == "kernel" and line["usher"]["field_old-ses"] == str(session["auditSession"])
    # What PAM says of that login has the number that it took.
    later = eventually(
        lambda: [each for each in lines() if each["usher"].get("ses") == line["usher"]["ses"]
                 and each["usher"]["kind"] == "login"], "the login's PAM session")[0]
    assert later["usher"]["session"] == session["id"] and later["usher"]["attribution"] == "inferred", later
    assert "took ses" in later["usher"]["why"]


def test_a_session_after_a_restart_of_the_agent_is_known(host, session):
    host.agent.stop()
    marker = f"away-{session['id'][2:10]}"
    tell(session, MARK.format(marker=marker))
    host.agent.start()
    line = seen(marker, 30)
    assert line["usher"]["session"] == session["id"] and line["usher"]["attribution"] == "kernel", line
    assert len(execs(marker)) == 1
    assert os.path.exists(f"/proc/{session['leader']}")


RULE = """summary = "a test program was started"
severity = "high"
on = ["exec"]
command = ["*detected-marker*"]
action = ["warn", "alert", "end"]
"""


def reload(host):
    """The log says when it is done."""
    before = host.agent.log.read_text(encoding="utf-8", errors="replace").count("configuration read again")
    host.agent.signal(signal.SIGHUP)
    eventually(lambda: host.agent.log.read_text(encoding="utf-8", errors="replace").count("configuration read again")
               > before, "the configuration is read again")


@pytest.fixture
def rule(host):
    folder = pathlib.Path("/etc/usher/detect.d")
    folder.mkdir(exist_ok=True)
    path = folder / "test-program.toml"
    path.write_text(RULE, encoding="ascii")
    reload(host)
    yield path
    path.unlink()
    reload(host)


def test_a_rule_ends_the_session(host, rule, session):
    tell(session, "/bin/true detected-marker; sleep 600")
    session["shell"].wait(30)
    gone = time.time()
    ended = observe.closed_session_of(session["account"])
    assert ended["endReason"].startswith("detected: test-program, a test program was started"), ended
    found = eventually(
        lambda: [line for line in lines() if line["usher"]["kind"] == "detection"
                 and line["usher"].get("session") == session["id"]], "the finding")
    assert [line["usher"]["rule"] for line in found] == ["test-program"]
    assert found[0]["class_uid"] == 2004 and found[0]["usher"]["ends"] is True
    cause = seen("detected-marker")
    assert found[0]["usher"]["event"] == cause["usher"]["event"]
    # From the kernel's record of the program to the client that sees its connection cut; shown, not judged.
    print(f"from the event to the end of the session: {gone - cause['time'] / 1000:.3f} s")
    assert "detection" in host.agent.log.read_text(encoding="utf-8", errors="replace")
    answer = processes.run(["usher", "detect", "test", str(rule), "--against", "/var/log/usher/evidence.jsonl"])
    assert answer.returncode == 0 and session["id"] in answer.stdout, answer


def test_a_session_that_asks_the_agent_for_more_is_on_record(session):
    tell(session, "sudo -n usher session list")
    line = eventually(
        lambda: [each for each in lines() if each["usher"]["kind"] == "control"
                 and each["usher"].get("session") == session["id"]], "the attempt")[0]
    assert line["usher"]["method"] == "io.usher.Control.ListSessions" and line["status_id"] == 2


# Delivers one event as the plugin would, in the name of somebody else.
FORGERY = """
import json, socket
call = {"method": "io.usher.Audit.Deliver", "parameters": {"stream": "forged", "number": 1, "gaps": [], "events": []}}
with socket.socket(socket.AF_UNIX) as agent:
    agent.connect("/run/usher/audit.sock")
    agent.sendall(json.dumps(call).encode() + b"\\0")
    print("answer", agent.recv(4096), flush=True)
"""


def test_root_in_a_session_delivers_no_evidence(session):
    tell(session, f"echo '{base64.b64encode(FORGERY.encode()).decode()}' | base64 -d >forgery.py")
    tell(session, "sudo -n /usr/bin/python3 forgery.py")
    line = eventually(
        lambda: [each for each in lines() if each["usher"]["kind"] == "control"
                 and each["usher"].get("session") == session["id"]], "the attempt")[0]
    assert line["usher"]["method"] == "io.usher.Audit.Deliver" and line["status_id"] == 2
    assert not [each for each in lines() if "was started anew" in each["message"]
                and each["time"] >= line["time"] - 1000]
