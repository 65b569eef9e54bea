"""What sessions leave on the disks, and processes with an ephemeral uid without a session: found, and the uid kept."""
import json
import os
import pathlib
import shutil
import signal
import tempfile

import pytest

import forge
import observe
import processes
from login import Client, attempt

CONFIGURATION = pathlib.Path("/etc/usher/usherd.toml")


@pytest.fixture
def configured(host):
    """A way to run the agent with other lines in its configuration; undone after the test."""
    former = CONFIGURATION.read_text(encoding="ascii")

    def configure(lines):
        CONFIGURATION.write_text(former + lines, encoding="ascii")
        host.agent.restart()
    yield configure
    CONFIGURATION.write_text(former, encoding="ascii")
    host.agent.restart()


@pytest.fixture
def shared():
    """A directory that everybody may write to, where no teardown looks: on a real file system, as in /srv or /opt."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="usher-shared-", dir="/srv" if os.path.isdir("/srv") else "/opt"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def leave(host, broker, name, directory):
    """A session that leaves a directory with a file, a link and a set-id program. Returns it, closed."""
    outcome = attempt(host.port, name, forge.ticket(broker, name),
                      f"umask 0; mkdir {directory}/left; echo x >{directory}/left/file; "
                      f"ln -s /etc/passwd {directory}/link; "
                      f"cp /bin/true {directory}/program; chmod 4755 {directory}/program")
    assert outcome.status == 0, outcome
    observe.assert_nothing_left(name)
    return observe.closed_session_of(name)


def of_uid(uid, *words):
    """What `usher residue list` has of a uid."""
    return next((each for each in observe.usher("residue", "list", *words) if each["uid"] == uid), None)


def records(session):
    return observe.usher("session", "receipt", session["id"])


def verify(session, directory):
    """Verifies all records of a session offline; how many things are left according to the last."""
    key = directory / "host.pub.jwk"
    key.write_text(processes.run(["usher", "host", "show", "--key"]).stdout, encoding="ascii")
    text = processes.run(["usher", "session", "receipt", session["id"], "--jws"]).stdout
    verdict = processes.run(["usher", "receipt", "verify", "-", "--key", str(key), "--json"], input=text, stdin=None)
    assert verdict.returncode == 0, verdict.stderr
    # A supplement that is left out in between shows.
    lines = text.splitlines()
    if len(lines) > 2:
        part = "\n".join([lines[0], *lines[2:]])
        assert processes.run(["usher", "receipt", "verify", "-", "--key", str(key)], input=part,
                             stdin=None).returncode == 3
    return json.loads(verdict.stdout)["left"]


def test_what_is_left_is_found_and_keeps_the_uid_until_it_is_adopted(host, broker, name, shared, configured, tmp_path):
    # Without the quarantine by time, nothing but the files keeps the account from being given again.
    configured("uid_quarantine = 0\nresidue_scan_interval = 0\n")
    uid = forge.uid_of(name)
    session = leave(host, broker, name, shared)
    assert session["left"] == 0 and of_uid(uid) is None
    found = observe.usher("residue", "scan", "--path", str(shared))
    assert found["complete"]
    residue = of_uid(uid)
    assert (residue["cause"], residue["account"], residue["session"]) == ("files", name, session["id"])
    assert residue["found"] == 4
    paths = {finding["what"] for finding in residue["findings"]}
    assert {f"{shared}/left", f"{shared}/left/file", f"{shared}/link", f"{shared}/program"} == paths
    # The receipt stands as it was signed; a supplement tells what became known.
    receipt, supplement = records(session)
    assert receipt["left"] == 0
    assert (supplement["event"], supplement["left"], supplement["uid"]) == ("found", 4, uid)
    assert verify(session, tmp_path) == 4
    assert observe.closed_session_of(name)["left"] == 4
    # Refused before the burn: the same ticket is good once the uid is free.
    ticket = forge.ticket(broker, name)
    reason = observe.assert_refused(host, attempt(host.port, name, ticket), "uidBusy")
    assert "4 files of an ended session" in reason["reason"] and "residue list" in reason["reason"]
    host.agent.restart()
    observe.assert_refused(host, attempt(host.port, name, ticket), "uidBusy")
    answer = processes.run(["usher", "residue", "adopt", str(uid), "--to", "operator1", "--reason", "a dump of ours"])
    assert answer.returncode == 0, answer.stderr
    owner = int(processes.run(["id", "-u", "operator1"]).stdout)
    group = int(processes.run(["id", "-g", "operator1"]).stdout)
    for path in ("left", "left/file", "link", "program"):
        status = (shared / path).lstat()
        assert (status.st_uid, status.st_gid) == (owner, group), path
    assert (shared / "program").stat().st_mode & 0o7777 == 0o755
    assert pathlib.Path("/etc/passwd").stat().st_uid == 0
    assert of_uid(uid) is None
    settled = of_uid(uid, "--all")
    assert settled["settled"] == "adopted" and settled["settledBy"].startswith("uid 0 ")
    last = records(session)[-1]
    assert (last["event"], last["left"], last["reason"]) == ("adopted", 0, "to operator1: a dump of ours")
    assert last["moreFindings"] == 0 and len(last["findings"]) == 4
    assert verify(session, tmp_path) == 0
    assert attempt(host.port, name, ticket).status == 0
    observe.assert_nothing_left(name)


def test_what_is_left_can_be_removed_and_what_others_have_in_it_stays(host, broker, name, shared, configured):
    configured("uid_quarantine = 0\nresidue_scan_interval = 0\n")
    uid = forge.uid_of(name)
    session = leave(host, broker, name, shared)
    (shared / "left" / "of-root").write_text("x", encoding="ascii")
    observe.usher("residue", "scan", "--path", str(shared))
    answer = processes.run(["usher", "residue", "remove", str(uid), "--reason", "forgotten"])
    assert answer.returncode == 1 and "stays in quarantine" in answer.stderr
    assert sorted(os.listdir(shared)) == ["left"] and os.listdir(shared / "left") == ["of-root"]
    assert of_uid(uid)["found"] == 1
    (shared / "left" / "of-root").unlink()
    answer = processes.run(["usher", "residue", "remove", str(uid), "--reason", "forgotten"])
    assert answer.returncode == 0, answer.stderr
    assert os.listdir(shared) == [] and of_uid(uid) is None
    assert [each.get("event") for each in records(session)] == [None, "found", "found", "removed"]
    answer = processes.run(["usher", "residue", "remove", str(uid), "--reason", "again"])
    assert answer.returncode == 6


def test_the_agent_looks_by_itself_and_sees_when_everything_is_gone(host, broker, name, shared, configured):
    configured("uid_quarantine = 0\nresidue_scan_interval = 1\n")
    uid = forge.uid_of(name)
    session = leave(host, broker, name, shared)
    # The uid is not given before somebody has looked.
    reason = observe.assert_refused(host, attempt(host.port, name, forge.ticket(broker, name)), "uidBusy")
    assert "nobody has looked" in reason["reason"] or "are left" in reason["reason"]
    processes.wait_until(lambda: of_uid(uid), 240, "the background scan finds the files", interval=1)
    assert records(session)[-1]["event"] == "found"
    shutil.rmtree(shared / "left")
    (shared / "link").unlink()
    (shared / "program").unlink()
    found = observe.usher("residue", "scan", timeout=240)
    assert found["complete"] and of_uid(uid) is None
    assert (records(session)[-1]["event"], records(session)[-1]["left"]) == ("gone", 0)
    assert observe.closed_session_of(name)["left"] == 0


def test_a_process_with_the_uid_of_an_account_refuses_the_ticket_before_the_burn(host, broker, name):
    uid = forge.uid_of(name)
    ticket = forge.ticket(broker, name)
    sleeper = processes.start(["setpriv", "--reuid", str(uid), "--clear-groups", "sleep", "600"])
    try:
        processes.wait_until(lambda: uid in processes.uids_of(sleeper.pid), 5, "the process has the uid")
        # Within a few seconds of a running agent, at once at its start.
        residue = processes.wait_until(lambda: of_uid(uid), 30, "the process is seen", interval=0.3)
        assert (residue["cause"], residue["found"]) == ("processes", 1)
        reason = observe.assert_refused(host, attempt(host.port, name, ticket), "uidBusy")
        assert f"process {sleeper.pid} (sleep)" in reason["reason"]
        host.agent.restart()
        observe.assert_refused(host, attempt(host.port, name, ticket), "uidBusy")
        # It is not ours: it stays.
        assert processes.alive(sleeper.pid)
    finally:
        sleeper.kill()
        sleeper.wait()
    processes.wait_until(lambda: of_uid(uid) is None, 30, "the uid is free again", interval=0.3)
    assert attempt(host.port, name, ticket).status == 0
    observe.assert_nothing_left(name)


def test_a_process_with_the_loginuid_of_an_account_refuses_the_ticket(host, broker, name):
    uid = forge.uid_of(name)
    sleeper = processes.start(["sh", "-c", f"echo {uid} >/proc/self/loginuid && exec sleep 600"])
    try:
        processes.wait_until(lambda: processes.number_in(sleeper.pid, "loginuid") == uid, 5, "it has the loginuid")
        host.agent.restart()
        reason = observe.assert_refused(host, attempt(host.port, name, forge.ticket(broker, name)), "uidBusy")
        assert f"process {sleeper.pid}" in reason["reason"]
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_live_session_is_nothing_foreign_and_its_files_are_no_residue(host, broker, name, shared):
    uid = forge.uid_of(name)
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start(f"touch {shared}/mine; sleep 600")
        session = observe.session_of(name)
        processes.wait_until(lambda: (shared / "mine").exists(), 10, "the file is there")
        observe.usher("residue", "scan", "--path", str(shared))
        assert of_uid(uid) is None
        answer = processes.run(["usher", "residue", "adopt", str(uid), "--to", "operator1", "--reason", "no"])
        assert answer.returncode == 6
        assert (shared / "mine").stat().st_uid == uid
        observe.end(session)
        login.send_signal(signal.SIGKILL)
        login.communicate()
    observe.assert_nothing_left(name)
