"""The evidence log of real logins: what it tells, that it verifies, and that a hand on it is found."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

import forge
import observe
import processes
from login import Client, attempt

LOG = pathlib.Path("/var/log/usher")
CURRENT = LOG / "evidence.jsonl"


def lines():
    """Every line of the log, as objects."""
    found = []
    for path in sorted(LOG.glob("evidence-*.jsonl"), key=lambda each: int(each.stem.split("-")[1])) + [CURRENT]:
        # The last one may be on its way.
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
        found += [json.loads(line) for line in whole.splitlines()]
    return found


def of_session(session, kind=None):
    return [line for line in lines() if line["usher"].get("session") == session
            and (kind is None or line["usher"]["kind"] == kind)]


def eventually(find, what, seconds=15):
    return processes.wait_until(find, seconds, what, interval=0.1)


def verify(*words, path=None):
    """The verdict, whatever it is."""
    answer = processes.run(["usher", "evidence", "verify", *([str(path)] if path else []), *words, "--json"])
    assert answer.returncode in (0, 3), answer.stderr
    verdict = json.loads(answer.stdout)
    assert verdict["sound"] == (answer.returncode == 0)
    return verdict


@pytest.fixture
def public_key(host, tmp_path):
    path = tmp_path / "host.pub.jwk"
    path.write_text(processes.run(["usher", "host", "show", "--key"]).stdout, encoding="ascii")
    return path


@pytest.fixture
def closed_session(host, broker, name):
    """A login that is over, with approval and change, and its evidence."""
    ticket = forge.ticket(broker, name, apr="A-7", chg="CHG-1042")
    assert attempt(host.port, name, ticket, "true").status == 0
    session = observe.closed_session_of(name)
    eventually(lambda: of_session(session["id"], "closed"), "the end is in the evidence")
    return session


def test_a_login_tells_who_why_what_for_and_how_it_ended(host, name, closed_session):
    own = {line["usher"]["kind"]: line for line in of_session(closed_session["id"])}
    assert {"opened", "account_made", "entered", "ended", "account_removed", "closed"} <= set(own)
    opened = own["opened"]
    assert (opened["class_uid"], opened["category_uid"], opened["type_uid"]) == (3003, 3, 300301)
    assert opened["metadata"]["version"] == "1.3.0"
    assert opened["metadata"]["correlation_uid"] == closed_session["id"]
    said = opened["usher"]
    assert (said["subject"], said["role"], said["account"]) == ("human:alice", "dba", name)
    assert (said["approval"], said["change"], said["ticket"]) == ("A-7", "CHG-1042", closed_session["ticket"])
    assert said["audit_session"] == closed_session["auditSession"] and said["host"] == forge.host_id()
    assert said["max_duration"] == 3600 and said["attribution"] == "agent"
    ended = own["ended"]["usher"]
    assert (ended["cause"], ended["by"]) == ("closed", "leader") and own["ended"]["class_uid"] == 3002
    receipt = processes.run(["usher", "session", "receipt", closed_session["id"], "--jws"]).stdout.splitlines()[0]
    digest = subprocess.run(["sha256sum"], input=receipt, capture_output=True, text=True, check=True).stdout.split()[0]
    assert own["closed"]["usher"]["receipt_sha256"] == digest and own["closed"]["usher"]["left"] == 0
    admitted = [line for line in lines() if line["usher"]["kind"] == "admitted" and line["usher"]["account"] == name]
    assert len(admitted) == 1 and admitted[0]["type_uid"] == 300201 and admitted[0]["status_id"] == 1


def test_a_refusal_is_in_the_evidence_with_its_reference_and_reason(host, broker, name):
    login = attempt(host.port, name, forge.ticket(broker, name, aud="h-aaaaaaaaaaaaaaaa"), "true")
    assert login.status != 0
    refused = eventually(
        lambda: [line for line in lines() if line["usher"]["kind"] == "refused" and line["usher"]["account"] == name],
        "the refusal is in the evidence")
    assert refused[0]["status_id"] == 2 and refused[0]["status_code"] == "wrongAudience"
    assert refused[0]["usher"]["reference"] == login.reference
    assert observe.why(refused[0]["usher"]["reference"])["reason"] == refused[0]["status_detail"]


def test_the_log_verifies_and_only_its_readers_may_read_it(host, closed_session, public_key, tmp_path):
    verdict = verify()
    assert verdict["sound"] and verdict["faults"] == [] and verdict["host"] == forge.host_id()
    assert "completeTo" not in verdict
    host.agent.stop()
    try:
        verdict = verify("--key", str(public_key))
        assert verdict["signedTo"] == verdict["last"] and verdict["unsigned"] == 0
        anchor = processes.run(["usher", "evidence", "anchor"]).stdout
        (tmp_path / "anchor").write_text(anchor, encoding="utf-8")
        assert verify("--key", str(public_key), "--anchor", str(tmp_path / "anchor"))["completeTo"] == verdict["last"]
    finally:
        host.agent.start()
    assert CURRENT.stat().st_mode & 0o777 == 0o640 and LOG.stat().st_mode & 0o777 == 0o750
    assert CURRENT.group() == LOG.group() == "usher-soc"
    assert pathlib.Path("/var/lib/usher/evidence-key").stat().st_mode & 0o777 == 0o600
    as_nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    assert processes.run([*as_nobody, "usher", "timeline", closed_session["id"]]).returncode == 5
    as_soc = ["setpriv", "--reuid", "nobody", "--regid", "usher-soc", "--clear-groups"]
    answer = processes.run([*as_soc, "usher", "timeline", closed_session["id"]])
    assert answer.returncode == 0 and "Session opened: human:alice" in answer.stdout


@pytest.mark.parametrize("tamper", ["changed", "removed", "inserted", "reordered", "forged checkpoint"])
def test_a_hand_on_the_log_is_found_at_its_place(host, closed_session, public_key, tmp_path, tamper):
    host.agent.stop()
    copy = tmp_path / "log"
    try:
        shutil.copytree(LOG, copy, ignore=shutil.ignore_patterns("reserve"))
    finally:
        host.agent.start()
    path = copy / "evidence.jsonl"
    text = path.read_text(encoding="utf-8").splitlines()
    index = next(number for number, line in enumerate(text) if closed_session["id"] in line and '"opened"' in line)
    if tamper == "changed":
        text[index] = text[index].replace("human:alice", "human:mallory")
    elif tamper == "removed":
        del text[index]
    elif tamper == "inserted":
        text.insert(index, text[index])
        index += 1
    elif tamper == "reordered":
        text[index], text[index + 1] = text[index + 1], text[index]
    else:
        index = next(number for number in range(index, len(text)) if '"kind":"checkpoint"' in text[number])
        head, _, _ = text[index].rpartition(',"signature":"')
        text[index] = head + ',"signature":"' + "A" * 86 + '"}}'
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    verdict = verify("--key", str(public_key), path=copy)
    assert not verdict["sound"]
    fault = next(each for each in verdict["faults"] if each["kind"] == tamper)
    assert fault["file"] == "evidence.jsonl" and fault["line"] in (index + 1, index + 2)
    assert verdict.get("signedTo", 0) < fault["sequence"] + 2


def test_a_tail_that_is_gone_is_never_complete_and_an_anchor_finds_it(host, closed_session, public_key, tmp_path):
    host.agent.stop()
    copy = tmp_path / "log"
    try:
        anchor = processes.run(["usher", "evidence", "anchor"]).stdout
        shutil.copytree(LOG, copy, ignore=shutil.ignore_patterns("reserve"))
    finally:
        host.agent.start()
    (tmp_path / "anchor").write_text(anchor, encoding="utf-8")
    path = copy / "evidence.jsonl"
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(text[:-3]) + "\n", encoding="utf-8")
    verdict = verify("--key", str(public_key), path=copy)
    last = json.loads(anchor)["usher"]["sequence"]
    assert verdict["sound"] and "completeTo" not in verdict and verdict["signedTo"] < last
    verdict = verify("--key", str(public_key), "--anchor", str(tmp_path / "anchor"), path=copy)
    assert [fault["kind"] for fault in verdict["faults"]] == ["anchor missed"]
    assert verdict["faults"][0]["sequence"] == last


def test_an_agent_that_is_killed_again_and_again_leaves_a_log_that_verifies(host, broker):
    for turn in range(6):
        name = forge.account()
        with Client(host.port, name, forge.ticket(broker, name)) as client:
            login = client.start("sleep 600")
            session = observe.session_of(name)
            if turn % 2:
                processes.run(["usher", "session", "end", session["id"], "--reason", "killed under it"])
            time.sleep(0.003 * turn)
            host.agent.stop(signal.SIGKILL)
            host.agent.start()
            login.kill()
            login.communicate()
        closed = observe.closed_session_of(name)
        kinds = eventually(
            lambda session=closed: (found := {line["usher"]["kind"] for line in of_session(session["id"])})
            and {"opened", "ended", "closed"} <= found and found, "the whole life is in the evidence")
        assert {"opened", "ended", "closed"} <= kinds
    assert verify()["sound"]


def test_the_time_without_an_agent_is_a_gap_of_the_host_and_of_the_sessions_that_went_on(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = observe.session_of(name)
        host.agent.stop(signal.SIGKILL)
        gone = time.time()
        time.sleep(0.2)
        back = time.time()
        host.agent.start()
        gaps = eventually(
            lambda: [line["usher"] for line in lines() if line["usher"].get("cause") == "agent down"
                     and line["usher"]["to"] >= back * 1000], "the gap is told")
        login.kill()
        login.communicate()
    assert all(gap["from"] <= gone * 1000 for gap in gaps), gaps
    assert {gap.get("session") for gap in gaps} >= {None, session["id"]}


def test_a_line_that_was_cut_is_kept_aside_and_told(host, closed_session):
    host.agent.stop()
    with CURRENT.open("ab") as file:
        file.write(b'{"metadata":{"version":"1.3.0","product"')
    verdict = verify()
    assert [fault["kind"] for fault in verdict["faults"]] == ["cut"]
    host.agent.start()
    eventually(lambda: any(line["usher"].get("cause") == "line cut" for line in lines()), "the gap is told")
    gap = [line for line in lines() if line["usher"].get("cause") == "line cut"][-1]
    assert (LOG / gap["usher"]["file"]).read_bytes() == b'{"metadata":{"version":"1.3.0","product"'
    assert verify()["sound"]


def fill(path):
    """Writes until the disk takes no more."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, b"x" * 4096)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def test_a_full_disk_refuses_new_logins_before_evidence_is_lost(host, broker, tmp_path):
    """A small disk of its own; what was set aside lets the session that runs tell its end."""
    name, late, after = forge.account(), forge.account(), forge.account()
    host.agent.stop()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=755", "tmpfs", str(LOG)], check=True)
    configuration = pathlib.Path("/etc/usher/usherd.toml")
    former = configuration.read_text(encoding="utf-8")
    key = pathlib.Path("/var/lib/usher/evidence-key")
    former_key = key.read_bytes()
    key.unlink()
    try:
        configuration.write_text(former + "evidence_reserve_mib = 2\n", encoding="utf-8")
        host.agent.start()
        with Client(host.port, name, forge.ticket(broker, name)) as client:
            login = client.start("sleep 600")
            session = observe.session_of(name)
            filler = LOG / "filler"
            fill(filler)
            time.sleep(1.2)
            assert attempt(host.port, late, forge.ticket(broker, late), "true").status != 0
            eventually(lambda: any(line["usher"]["kind"] == "refused" and line["usher"]["account"] == late
                                   and line["status_code"] == "evidenceUnavailable" for line in lines()),
                       "the refusal is in the evidence")
            observe.end(session)
            login.communicate(timeout=30)
        eventually(lambda: {"ended", "closed"} <= {line["usher"]["kind"] for line in of_session(session["id"])},
                   "the running session's end found room")
        filler.unlink()
        time.sleep(1.2)
        assert attempt(host.port, after, forge.ticket(broker, after), "true").status == 0
        observe.assert_nothing_left(after)
        assert verify()["sound"]
    finally:
        host.agent.stop()
        subprocess.run(["umount", str(LOG)], check=True)
        key.write_bytes(former_key)
        os.chmod(key, 0o600)
        configuration.write_text(former, encoding="utf-8")
        host.agent.start()


def test_timeline_and_search_find_a_session_by_who_and_when(host, name, closed_session):
    answer = processes.run(["usher", "timeline", closed_session["id"]])
    rows = [line.split("\t") for line in answer.stdout.splitlines()]
    assert answer.returncode == 0 and all(len(row) == 3 for row in rows)
    kinds = [row[1] for row in rows]
    assert kinds.index("opened") < kinds.index("ended") < kinds.index("closed")
    only = processes.run(["usher", "timeline", closed_session["id"], "--kind", "ended", "--json"]).stdout.splitlines()
    assert [json.loads(line)["usher"]["kind"] for line in only] == ["ended"]
    assert processes.run(["usher", "timeline", "s-aaaaaaaaaaaaaaaa"]).returncode == 6
    found = processes.run(["usher", "search", "--subject", "human:alice", "--kind", "opened", "--since", "5m",
                           "--session", closed_session["id"], "--json"]).stdout.splitlines()
    assert [json.loads(line)["usher"]["account"] for line in found] == [name]
    assert processes.run(["usher", "search", "--subject", "human:nobody", "--json"]).stdout == ""


def test_a_followed_timeline_ends_with_its_session(host, broker, name):
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 600")
        session = observe.session_of(name)
        follower = subprocess.Popen(["usher", "timeline", session["id"], "--follow"], stdout=subprocess.PIPE, text=True)
        observe.end(session)
        login.communicate(timeout=30)
        output, _ = follower.communicate(timeout=30)
    assert "\tended\t" in output and "\tclosed\t" in output and follower.returncode == 0


def test_a_reload_tells_which_file_changed(host):
    role = pathlib.Path("/etc/usher/roles.d/dba.toml")
    former = role.read_bytes()
    before = len(lines())
    try:
        role.write_bytes(former + b"# a remark\n")
        host.agent.signal(signal.SIGHUP)
        told = eventually(
            lambda: [line for line in lines()[before:] if line["usher"]["kind"] == "reloaded"], "the reload is told")
        assert told[0]["usher"]["file"] == str(role) and told[0]["class_uid"] == 3004
        assert told[0]["usher"]["before_sha256"] != told[0]["usher"]["after_sha256"]
    finally:
        role.write_bytes(former)
        host.agent.signal(signal.SIGHUP)


def test_a_package_verifies_anywhere_and_nothing_in_it_can_be_changed(host, name, closed_session, public_key, tmp_path):
    # auditd tells the last of the session a moment later; then a checkpoint follows.
    time.sleep(3)
    eventually(lambda: verify().get("unsigned") == 0, "a checkpoint follows the session")
    path = tmp_path / "case.tar"
    made = observe.usher("evidence", "package", closed_session["id"], "--out", str(path))
    assert made["signed"] and made["receipt"] and made["records"] >= 6 and path.stat().st_mode & 0o777 == 0o600
    again = processes.run(["usher", "evidence", "package", closed_session["id"], "--out", str(path)])
    assert again.returncode == 1, "a file that is there is not written over"
    host.agent.stop()
    try:
        verdict = verify("--key", str(public_key), path=path)
        assert verdict["sound"] and verdict["session"] == closed_session["id"] and not verdict["keyIsItsOwn"]
        assert verdict["evidence"]["unsigned"] == 0 and verdict["receipt"] and verdict["left"] == 0
        assert verify(path=path)["keyIsItsOwn"]
        other = tmp_path / "other.jwk"
        forge.Key().write_public(other)
        assert not verify("--key", str(other), path=path)["sound"]
    finally:
        host.agent.start()
    folder = f"usher-{closed_session['id']}"
    listed = subprocess.run(["tar", "-tf", str(path)], capture_output=True, text=True, check=True).stdout.split()
    assert {f"{folder}/{each}" for each in ("manifest.json", "manifest.sig", "report.html", "timeline.txt",
                                            "session.json", "evidence.jsonl", "checkpoints.jsonl", "audit.log",
                                            "receipt.jws", "host.pub.jwk")} == set(listed)
    records = subprocess.run(["tar", "-xOf", str(path), f"{folder}/audit.log"], capture_output=True, text=True,
                             check=True).stdout
    assert f"session={closed_session['id']}" in records and "type=LOGIN" in records
    page = subprocess.run(["tar", "-xOf", str(path), f"{folder}/report.html"], capture_output=True, text=True,
                          check=True).stdout
    assert "human:alice" in page and "CHG-1042" in page and "A-7" in page and "<script" not in page
    whole = path.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 150)):
        changed = tmp_path / "changed.tar"
        changed.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1:])
        answer = processes.run(["usher", "evidence", "verify", str(changed), "--key", str(public_key)])
        assert answer.returncode == 3, f"byte {position}: {answer.returncode} {answer.stdout}{answer.stderr}"
