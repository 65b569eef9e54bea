"""Signed receipts: what they tell of real ends, and that nobody can change one."""
import json
import pathlib

import pytest

import forge
import observe
import processes
from login import Client, attempt

STEPS = ["processes", "leader", "cgroup", "home", "account", "audit"]


@pytest.fixture
def public_key(host, tmp_path):
    """The key that anybody may have, as an administrator gets it."""
    path = tmp_path / "host.pub.jwk"
    path.write_text(processes.run(["usher", "host", "show", "--key"]).stdout, encoding="ascii")
    assert set(json.loads(path.read_text(encoding="ascii"))) == {"kty", "crv", "x", "kid"}
    return path


def signed_records(session):
    """The records of a session as the agent signed them, one a line."""
    answer = processes.run(["usher", "session", "receipt", session["id"], "--jws"])
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def verify(text, key):
    """The verifier's answer, away from the host: no agent is asked."""
    return processes.run(["usher", "receipt", "verify", "-", "--key", str(key), "--json"], input=text, stdin=None)


def test_a_closed_session_has_a_receipt_that_verifies_offline(host, broker, name, public_key):
    ticket = forge.ticket(broker, name, apr="A-7", chg="CHG-1042")
    assert attempt(host.port, name, ticket, "setsid sleep 600 >/dev/null 2>&1 & sleep 1").status == 0
    observe.assert_nothing_left(name)
    session = observe.closed_session_of(name)
    receipt = observe.usher("session", "receipt", session["id"])[0]
    assert receipt["iss"] == forge.host_id()
    said = receipt["session"]
    assert (said["id"], said["account"], said["uid"]) == (session["id"], name, forge.uid_of(name))
    assert (said["subject"], said["role"]) == ("human:alice", "dba")
    assert (said["approval"], said["change"]) == ("A-7", "CHG-1042")
    assert said["ticket"] == session["ticket"] and said["auditSession"] == session["auditSession"]
    assert said["boot"] == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert receipt["openedAt"] <= receipt["endedAt"] <= receipt["closedAt"] == session["closedAt"]
    assert (receipt["reason"], receipt["by"]) == (session["endReason"], session["endedBy"])
    names = [step["name"] for step in receipt["steps"]]
    assert [each for each in names if each in STEPS] == STEPS
    assert all(step["microseconds"] >= 0 and step["attempts"] >= 1 for step in receipt["steps"])
    assert receipt["left"] == session["left"] == 0
    text = signed_records(session)
    host.agent.stop()
    verdict = verify(text, public_key)
    assert verdict.returncode == 0, verdict.stderr
    assert json.loads(verdict.stdout)["session"] == session["id"]
    host.agent.start()


def test_a_changed_receipt_and_another_hosts_key_do_not_verify(host, broker, name, public_key, tmp_path):
    assert attempt(host.port, name, forge.ticket(broker, name)).status == 0
    text = signed_records(observe.closed_session_of(name))
    head, payload, signature = text.strip().split(".")
    changed = json.loads(forge.decoded(payload))
    changed["session"]["subject"] = "human:mallory"
    forged = ".".join([head, forge.encoded(forge.compact(changed).encode()), signature])
    for wrong in (forged, text[:-10], text + text, ""):
        verdict = verify(wrong, public_key)
        assert verdict.returncode == 3 and verdict.stdout == "" and "does not verify" in verdict.stderr
    other = tmp_path / "other.jwk"
    forge.Key().write_public(other)
    assert verify(text, other).returncode == 3


def test_an_end_by_an_administrator_and_one_after_a_crash_tell_their_cause(host, broker):
    names = [forge.account(), forge.account()]
    with Client(host.port, names[0], forge.ticket(broker, names[0])) as first, \
            Client(host.port, names[1], forge.ticket(broker, names[1])) as second:
        logins = [first.start("sleep 600"), second.start("sleep 600")]
        sessions = [observe.session_of(name) for name in names]
        observe.end(sessions[0])
        observe.assert_nothing_left(names[0])
        host.agent.stop()
        logins[1].kill()
        processes.wait_until(lambda: not processes.alive(sessions[1]["leader"]), 20, "the leader is gone")
        host.agent.start()
        for login in logins:
            login.kill()
            login.communicate()
    causes = []
    for name in names:
        session = observe.closed_session_of(name)
        receipt = observe.usher("session", "receipt", session["id"])[0]
        causes.append((receipt["reason"], receipt["by"].partition(" (")[0]))
    assert causes == [("operator: end of the test", "uid 0"), ("leader died", "agent")]


def test_a_live_session_has_no_receipt_and_its_operator_may_not_sign_one(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("cat /var/lib/usher/host-key.jwk; sleep 600")
        session = observe.session_of(name)
        answer = processes.run(["usher", "session", "receipt", session["id"]])
        assert answer.returncode == 6 and "open" in answer.stderr
        observe.end(session)
        output, _ = login.communicate(timeout=30)
    assert output == ""
    observe.assert_nothing_left(name)


def test_a_host_that_was_enrolled_before_gets_its_key_at_the_agents_start(host):
    path = pathlib.Path("/var/lib/usher/host-key.jwk")
    former = path.read_bytes()
    host.agent.stop()
    path.unlink()
    try:
        host.agent.start()
        assert path.stat().st_mode & 0o777 == 0o600 and path.read_bytes() != former
        log = host.agent.log.read_text(encoding="utf-8", errors="replace")
        assert "had no key to sign receipts with" in log
    finally:
        host.agent.stop()
        path.write_bytes(former)
        host.agent.start()
