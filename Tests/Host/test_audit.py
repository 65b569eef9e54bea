"""What the kernel's audit stream and `ausearch -i` show of a session."""
import forge
import kernel_audit
import observe
import processes
from login import Client, attempt

OF_A_LOGIN = {"USER_MGMT", "LOGIN", "USER_START", "USER_END", "EXECVE", "SYSCALL"}


def test_all_records_of_a_login_have_one_session_number(host, broker, name):
    values = forge.claims(name, sub="human:alice", apr="APR-77", chg="CHG-1042")
    command = "/usr/bin/true audited-argument; cat /proc/self/sessionid; echo; sudo -n id -u"
    outcome = attempt(host.port, name, forge.sign(values, broker), command)
    assert outcome.status == 0, outcome
    number = int(outcome.stdout.split()[0])
    session = observe.closed_session_of(name)
    assert session["auditSession"] == number
    records = observe.audit_of_session(host, number, OF_A_LOGIN)
    assert all(observe.field(text, "ses") in (None, str(number)) for kind, text in records if kind != "LOGIN")
    kinds = [kind for kind, _ in records]
    assert kinds.index("LOGIN") < kinds.index("USER_MGMT") < kinds.index("EXECVE") < kinds.index("USER_END")
    tags = [text for kind, text in records if kind == "USER_MGMT"]
    assert len(tags) == 1, tags
    expected = {
        "op": "usher-session-begin", "session": session["id"], "ticket": values["jti"], "issuer": values["iss"],
        "subject": "human:alice", "role": "dba", "approval": "APR-77", "change": "CHG-1042", "account": name,
        "auid": name, "res": "success",
    }
    assert {key: observe.field(tags[0], key) for key in expected} == expected
    execs = [text for kind, text in records if kind == "SYSCALL" and "key=usher-exec" in text]
    assert any("exe=/usr/bin/cat" in text for text in execs)
    # Under sudo too: the uid is root's there, the auid still the account's.
    assert any("exe=/usr/bin/id" in text and "uid=root" in text and f"auid={name}" in text for text in execs)
    assert any("a1=audited-argument" in text for kind, text in records if kind == "EXECVE")


def test_a_background_process_keeps_the_session_number(host, broker, name):
    outcome = attempt(host.port, name, forge.ticket(broker, name),
                      "cat /proc/self/sessionid; echo; setsid /usr/bin/env true-in-background >/dev/null 2>&1; true")
    number = int(outcome.stdout)
    records = observe.audit_of_session(host, number, OF_A_LOGIN)
    assert any("a0=/usr/bin/env" in text for kind, text in records if kind == "EXECVE")


def test_the_account_has_a_record_of_its_begin_and_one_of_its_end(host, broker, name):
    assert attempt(host.port, name, forge.ticket(broker, name)).status == 0
    session = observe.closed_session_of(name)

    def record(kind, operation):
        found = observe.audit_records(host, "-m", kind, "--start", "recent")
        return next((text for _, text in found if f"op={operation}" in text and session["id"] in text), None)
    for kind, operation in (("ADD_USER", "usher-account-begin"), ("DEL_USER", "usher-account-end")):
        text = processes.wait_until(lambda: record(kind, operation), 15, f"{kind} of {name}", interval=0.3)
        assert observe.field(text, "res") == "success", text
        assert name in text, text


def test_a_refused_login_leaves_no_tag(host, broker, name):
    outcome = attempt(host.port, name, forge.ticket(broker, name, rol="approved"))
    observe.assert_refused(host, outcome, "approvalRequired")
    tags = [text for _, text in observe.audit_records(host, "-m", "USER_MGMT", "--start", "recent") if name in text]
    assert tags == []


def test_a_local_account_is_not_tagged_and_its_execs_are_not_recorded(host):
    with Client(host.port, "local1", key=host.work / "client-key") as client:
        outcome = client.run("/usr/bin/true; cat /proc/self/sessionid")
    number = outcome.stdout.strip()
    processes.wait_until(
        lambda: any(kind == "USER_END" for kind, _ in observe.audit_records(host, "--session", number)), 15,
        "the end of the local login", interval=0.3)
    kinds = {kind for kind, _ in observe.audit_records(host, "--session", number)}
    assert "USER_MGMT" not in kinds and "EXECVE" not in kinds


def test_one_rule_an_abi_and_none_a_session(host, broker, name):
    before = kernel_audit.present_rules()
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login = client.start("sleep 60")
        observe.session_of(name)
        assert kernel_audit.present_rules() == before == 2
        login.kill()
        login.communicate()
    observe.assert_nothing_left(name)
