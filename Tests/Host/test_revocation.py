"""What is revoked does not log in, and what it had open ends at once: by command and by a signed list."""
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import sqlite3
import time
import typing

import pytest

import forge
import observe
import processes
from login import Client, attempt
from test_ends import DATABASE, assert_all_gone, begin, disk_that_takes_no_row, staying

LIST = pathlib.Path("/etc/usher/revocations.jws")
CONFIGURATION = pathlib.Path("/etc/usher/usherd.toml")
TRUST = pathlib.Path("/etc/usher/trust.d/soc.toml")
OTHER_TRUST = pathlib.Path("/etc/usher/trust.d/soc-2.toml")
LIST_TYPE = "usher-revocations+jwt"
REASON = "INC-7 of the tests"


def revoke(kind, *value):
    """The agent's answer. An id may begin with a dash and so stands after `--`, behind the options."""
    answer = processes.run(["usher", "revoke", kind, "--reason", REASON, "--json", "--", *value])
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def standing():
    return observe.usher("revoke", "list")["revocations"]


def lift(revocation):
    return observe.usher("revoke", "lift", revocation["id"], "--reason", "end of the test")


@pytest.fixture(autouse=True)
def nothing_revoked(host):
    """Whatever a test revokes is lifted after it."""
    yield
    for revocation in standing():
        if revocation["source"] == "command":
            lift(revocation)
    assert not standing()


@pytest.fixture
def ticket(broker, name):
    return forge.ticket(broker, name)


@pytest.fixture
def client(host, name, ticket):
    with Client(host.port, name, ticket) as made:
        yield made


def payload(ticket):
    return json.loads(forge.decoded(ticket.split(".")[1]))


# What is revoked, by its kind; all but the ticket and the account itself also meet another ticket of the same kind.
KINDS = {
    "ticket": lambda broker, name, ticket: [payload(ticket)["jti"]],
    "subject": lambda broker, name, ticket: ["human:alice"],
    "account": lambda broker, name, ticket: [name],
    "role": lambda broker, name, ticket: ["dba"],
    "key": lambda broker, name, ticket: [broker.id],
    "all": lambda broker, name, ticket: [],
}


@pytest.mark.parametrize("kind", KINDS)
def test_refused_is_a_new_login_until_it_is_lifted(host, broker, name, ticket, kind):
    made = revoke(kind, *KINDS[kind](broker, name, ticket))
    assert (made["sessionsEnded"], made["admissionsLapsed"]) == (0, 0)
    assert made["warnings"] == []
    reason = observe.assert_refused(host, attempt(host.port, name, ticket), "revoked")["reason"]
    assert REASON in reason and made["revocation"]["id"] in reason and "uid 0" in reason
    inspected = processes.run(["usher", "ticket", "inspect", "--json", "-"], input=ticket, stdin=None)
    assert inspected.returncode == 3
    said = json.loads(inspected.stdout)
    assert (said["code"], said["admissible"]) == ("revoked", False) and REASON in said["reason"]
    lift(made["revocation"])
    # It was refused before the burn: the same ticket is as good as before.
    assert attempt(host.port, name, ticket).status == 0
    observe.assert_nothing_left(name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_running_session_with_its_children_ends_at_once(host, broker, client, name, ticket, kind):
    login, session = begin(client)
    made = revoke(kind, *KINDS[kind](broker, name, ticket))
    assert (made["sessionsEnded"], made["stoodBefore"]) == (1, False)
    login.wait(timeout=20)
    assert login.returncode != 0
    assert_all_gone(name, session)
    closed = observe.closed_session_of(name)
    assert closed["endReason"].startswith(f"revoked: {kind}") and REASON in closed["endReason"]
    assert closed["endedBy"].startswith("uid 0")


def test_a_session_that_nothing_revoked_matches_goes_on(host, broker, client, name):
    login, session = begin(client)
    others = [("subject", "human:bob"), ("role", "short"), ("account", "operator1"),
              ("ticket", forge.encoded(os.urandom(16))), ("key", forge.Key().id)]
    for kind, value in others:
        assert revoke(kind, value)["sessionsEnded"] == 0
    assert login.poll() is None and observe.session_of(name)["id"] == session["id"]
    login.kill()
    login.communicate()
    assert_all_gone(name, session)


def test_all_ends_every_session_and_says_how_it_is_lifted(host, broker):
    names = [forge.account() for _ in range(3)]
    with contextlib.ExitStack() as stack:
        logins = []
        for each in names:
            client = stack.enter_context(Client(host.port, each, forge.ticket(broker, each)))
            logins.append(client.start("sleep 600"))
            observe.session_of(each)
        answer = processes.run(["usher", "revoke", "all", "--reason", REASON])
        assert answer.returncode == 0, answer.stderr
        identifier = standing()[0]["id"]
        assert "3 sessions ended" in answer.stdout
        assert f"usher revoke lift {identifier} --reason" in answer.stdout
        for login in logins:
            login.wait(timeout=20)
    for each in names:
        observe.assert_nothing_left(each)
    # An exempt account still comes in, to lift it.
    key = attempt(host.port, "local1", None, key=host.work / "client-key")
    assert key.status == 0, key
    lift(standing()[0])
    name = forge.account()
    assert attempt(host.port, name, forge.ticket(broker, name)).status == 0


def test_it_stands_after_restart_and_crash_of_the_agent(host, broker, name, ticket):
    made = revoke("role", "dba")
    host.agent.restart()
    observe.assert_refused(host, attempt(host.port, name, ticket), "revoked")
    host.agent.stop(signal.SIGKILL)
    host.agent.start()
    observe.assert_refused(host, attempt(host.port, name, ticket), "revoked")
    assert [each["id"] for each in standing()] == [made["revocation"]["id"]]
    lift(made["revocation"])
    host.agent.restart()
    assert attempt(host.port, name, ticket).status == 0
    lifted = [each for each in observe.usher("revoke", "list", "--all")["revocations"]
              if each["id"] == made["revocation"]["id"]]
    assert [each["liftReason"] for each in lifted] == ["end of the test"]


def test_the_same_twice_is_one_and_what_is_wrong_is_refused(host, broker):
    first, second = revoke("role", "dba"), revoke("role", "dba")
    assert second["stoodBefore"] and second["revocation"]["id"] == first["revocation"]["id"]
    assert revoke("role", "nowhere")["warnings"] == ["this host has no role nowhere"]
    for words in (["subject", "alice"], ["key", "short"], ["role", "DBA"], ["account", "a/b"], ["ticket", "x"],
                  ["all", "everything"]):
        assert processes.run(["usher", "revoke", *words, "--reason", REASON]).returncode == 2, words
    assert processes.run(["usher", "revoke", "role", "dba", "--reason", "two\nlines"]).returncode == 2
    assert processes.run(["usher", "revoke", "role", "dba"]).returncode == 2
    unknown = processes.run(["usher", "revoke", "lift", "r-aaaaaaaaaaaaaaaa", "--reason", REASON])
    assert unknown.returncode == 6


def test_nobody_inside_a_session_revokes_or_lifts(host, broker, name):
    made = revoke("role", "short")
    command = (f"usher revoke all --reason mine; echo revoke=$?; "
               f"usher revoke lift {made['revocation']['id']} --reason mine; echo lift=$?")
    outcome = attempt(host.port, name, forge.ticket(broker, name), command)
    assert "revoke=5" in outcome.stdout and "lift=5" in outcome.stdout, outcome
    assert [each["id"] for each in standing()] == [made["revocation"]["id"]]


def test_a_member_of_usher_soc_reads_what_is_revoked_and_one_of_usher_admin_revokes(host, broker):
    made = revoke("role", "dba")["revocation"]["id"]
    answers = {}
    for group in ("usher-soc", "usher-admin"):
        processes.run(["usermod", "-G", f"usher,{group}", "operator2"])
        member = ["setpriv", "--reuid", "operator2", "--regid", "operator2", "--init-groups"]
        answers[group] = [processes.run([*member, "usher", "revoke", *words]).returncode for words in (
            ["list"], ["role", "short", "--reason", REASON], ["lift", made, "--reason", REASON])]
    processes.run(["usermod", "-G", "", "operator2"])
    assert answers == {"usher-soc": [0, 5, 5], "usher-admin": [0, 0, 0]}
    assert [each["value"] for each in standing()] == ["short"]


@dataclasses.dataclass
class Hold:
    """What a test does with the login that it holds: waits until it is there, and lets it go on."""
    wait: typing.Callable
    free: typing.Callable


@contextlib.contextmanager
def held_before_open(host):
    """Logins wait in the session phase, before pam_usher, until they are set free."""
    stack = pathlib.Path("/etc/pam.d/sshd")
    before = stack.read_text(encoding="ascii")
    reached, free = host.work / "hold-reached", host.work / "hold-free"
    script = host.work / "hold"
    script.write_text(f"#!/bin/sh\n[ \"$PAM_TYPE\" = open_session ] || exit 0\ntouch {reached}\n"
                      f"while ! [ -e {free} ]; do sleep 0.05; done\n", encoding="ascii")
    script.chmod(0o755)
    for file in (reached, free):
        file.unlink(missing_ok=True)
    stack.write_text(f"session optional pam_exec.so {script}\n{before}", encoding="ascii")
    try:
        yield Hold(lambda: processes.wait_until(reached.exists, 15, "a login in the session phase"), free.touch)
    finally:
        free.touch()
        stack.write_text(before, encoding="ascii")


@pytest.mark.parametrize("kind, words", [("key", ["echo came in; sleep 600"]), ("all", ["echo came in; sleep 600"]),
                                         ("role", ["-N"])], ids=["key", "all", "no command"])
def test_what_is_revoked_between_the_burn_and_the_session_wins(host, broker, name, ticket, kind, words):
    # A connection without a command has to go too: nothing of it would be a session.
    options = words if words == ["-N"] else []
    with held_before_open(host) as held, Client(host.port, name, ticket, options=options) as client:
        login = client.start(*([] if options else words))
        held.wait()
        made = revoke(kind, *KINDS[kind](broker, name, ticket))
        assert (made["sessionsEnded"], made["admissionsLapsed"]) == (0, 1)
        held.free()
        output, _ = login.communicate(timeout=30)
    assert "came in" not in output and login.returncode != 0
    assert not [each for each in observe.usher("session", "list", "--all") if each["account"] == name]
    observe.assert_nothing_left(name)
    refused = [line for line in host.agent.log.read_text(encoding="utf-8").splitlines()
               if f"account={name} " in line and "phase=open_session" in line]
    assert [("code=revoked" in line, REASON in line) for line in refused] == [(True, True)]
    lift(made["revocation"])
    observe.assert_refused(host, attempt(host.port, name, ticket), "replayed")


def test_a_trust_entry_that_is_marked_revoked_ends_sessions_at_the_reload(host, broker, client, name):
    login, session = begin(client)
    entry = pathlib.Path("/etc/usher/trust.d/test.toml")
    before = entry.read_text(encoding="ascii")
    try:
        entry.write_text('revoked = "key lost"\n' + before, encoding="ascii")
        host.agent.signal(signal.SIGHUP)
        login.wait(timeout=20)
        assert_all_gone(name, session)
        assert "key lost" in observe.closed_session_of(name)["endReason"]
        assert [each["source"] for each in standing()] == ["trust"]
        other = forge.account()
        observe.assert_refused(host, attempt(host.port, other, forge.ticket(broker, other)), "revokedKey")
    finally:
        entry.write_text(before, encoding="ascii")
        host.agent.signal(signal.SIGHUP)
        processes.wait_until(lambda: not standing(), 10, "the entry is trusted again")


def test_no_kill_waits_for_the_row_of_another(host, broker, client, name):
    login, session = begin(client)
    entry = pathlib.Path("/etc/usher/trust.d/test.toml")
    before = entry.read_text(encoding="ascii")
    waiting = forge.account()
    try:
        with held_before_open(host) as held, Client(host.port, waiting, forge.ticket(broker, waiting)) as other:
            refused = other.start("true")
            held.wait()
            entry.write_text('revoked = "key lost"\n' + before, encoding="ascii")
            with disk_that_takes_no_row():
                host.agent.signal(signal.SIGHUP)
                # All but the leader, which goes last.
                processes.wait_until(lambda: set(staying(session["auditSession"])) <= {session["leader"]}, 30, "killed")
                log = host.agent.log.read_text(encoding="utf-8")
                assert "admission not set to lapsed" not in log[log.rindex("session opening"):]
            held.free()
            refused.communicate(timeout=30)
            assert refused.returncode != 0
        login.wait(timeout=20)
        assert_all_gone(name, session)
    finally:
        entry.write_text(before, encoding="ascii")
        host.agent.signal(signal.SIGHUP)
        processes.wait_until(lambda: not standing(), 10, "the entry is trusted again")


# ---- the signed list -------------------------------------------------------------------------------------------------

class Lists:
    """A host that has a signed list, and who signs it."""

    # Over all tests: a host takes no number twice.
    number = 0

    def __init__(self, host):
        self.host = host
        self.key = forge.Key()

    def trust(self, key=None, more=""):
        key = key or self.key
        TRUST.write_text(
            f'issuer = "soc"\nsigns = "revocations"\n{more}[key]\nkty = "OKP"\ncrv = "Ed25519"\n'
            f'x = "{forge.encoded(key.public)}"\n', encoding="ascii")

    def configure(self, missing="refuse", skew=30):
        self.trust()
        CONFIGURATION.write_text(
            f'log_level = "info"\nskew = {skew}\nrevocation_list = "{LIST}"\nrevocation_missing = "{missing}"\n',
            encoding="ascii")
        self.host.agent.restart()

    def sign(self, entries=(), key=None, number=None, header=None, **changes):
        now = int(time.time())
        if number is None:
            Lists.number += 1
        values = {"iss": "soc", "iat": now, "exp": now + 600, "num": number or Lists.number,
                  "rev": list(entries)} | changes
        key = key or self.key
        return forge.sign(values, key, header or {"alg": "EdDSA", "typ": LIST_TYPE, "kid": key.id})

    def place(self, text, mode=0o644):
        new = LIST.with_suffix(".new")
        new.write_text(text + "\n", encoding="ascii")
        new.chmod(mode)
        new.rename(LIST)

    @staticmethod
    def state():
        return observe.usher("revoke", "list")["list"]

    def wait_for(self, condition, what):
        return processes.wait_until(lambda: condition(self.state()), 10, what, interval=0.1)

    def put(self, *entries, **changes):
        """Places a list and waits until it is in force."""
        self.place(self.sign(entries, **changes))
        number = changes.get("number", Lists.number)
        self.wait_for(lambda state: (state.get("number"), state["state"]) == (number, "inForce"), "the list in force")

    def put_refused(self, text, *words, mode=0o644):
        """Places a list and waits until the host says what is wrong with it; the one before stays in force."""
        before = self.state()
        self.place(text, mode)
        state = self.wait_for(lambda state: any(word in state.get("problem", "") for word in words) and state,
                              f"a list that is not taken: {words}")
        assert (state["state"], state.get("number")) == (before["state"], before.get("number"))
        processes.wait_until(
            lambda: state["problem"] in self.host.agent.log.read_text(encoding="utf-8").replace('\\"', '"'), 5,
            "the log has the reason")
        return state


def entry(kind, value=None, reason=REASON, **more):
    return {"kind": kind, "reason": reason} | ({"value": value} if value else {}) | more


@pytest.fixture
def lists(host):
    before = CONFIGURATION.read_text(encoding="ascii")
    made = Lists(host)
    LIST.unlink(missing_ok=True)
    made.configure()
    yield made
    for file in (LIST, TRUST, OTHER_TRUST):
        file.unlink(missing_ok=True)
    CONFIGURATION.write_text(before, encoding="ascii")
    host.agent.restart()


def admitted(host, broker):
    name = forge.account()
    outcome = attempt(host.port, name, forge.ticket(broker, name))
    observe.assert_nothing_left(name)
    return outcome.status == 0


def test_without_its_list_a_host_refuses_every_ticket(host, broker, lists, name, ticket):
    reason = observe.assert_refused(host, attempt(host.port, name, ticket), "revocationListMissing")["reason"]
    assert str(LIST) in reason
    assert lists.state()["state"] == "missing"
    lists.put()
    assert attempt(host.port, name, ticket).status == 0
    observe.assert_nothing_left(name)
    LIST.unlink()
    lists.wait_for(lambda state: state["state"] == "missing", "the missing list")
    assert not admitted(host, broker)


def test_with_alarm_a_host_goes_on_without_its_list_and_says_so(host, broker, lists):
    lists.configure("alarm")
    assert admitted(host, broker)
    log = host.agent.log.read_text(encoding="utf-8")
    assert "no revocation list: tickets are judged without it" in log
    lists.put(entry("role", "dba"))
    LIST.unlink()
    lists.wait_for(lambda state: state["state"] == "missing", "the missing list")
    # What the last list revoked stays revoked.
    assert not admitted(host, broker)
    processes.wait_until(
        lambda: "no revocation list: tickets are judged by what the last one revoked"
        in host.agent.log.read_text(encoding="utf-8"), 5, "the log says what counts")


@contextlib.contextmanager
def unreadable_list():
    """The database does not give the list that was taken."""
    def rename(old, new):
        with contextlib.closing(sqlite3.connect(DATABASE, timeout=10)) as database:
            database.execute(f"ALTER TABLE {old} RENAME TO {new}")
    rename("revocation_list", "away")
    try:
        yield
    finally:
        rename("away", "revocation_list")


@pytest.mark.parametrize("missing", ["alarm", "refuse"])
def test_a_database_that_cannot_be_read_at_a_reload_makes_no_list_forgotten(host, broker, lists, missing):
    lists.configure(missing)
    lists.put(entry("role", "dba"))
    with unreadable_list():
        OTHER_TRUST.write_text(TRUST.read_text(encoding="ascii").replace(
            forge.encoded(lists.key.public), forge.encoded(forge.Key().public)), encoding="ascii")
        host.agent.signal(signal.SIGHUP)
        lists.wait_for(lambda state: "no such table" in state.get("problem", ""), "a list that cannot be checked")
        assert [each["value"] for each in standing()] == ["dba"]
        assert not admitted(host, broker)
    lists.wait_for(lambda state: state["state"] == "inForce", "the list in force again")
    assert [each["value"] for each in standing()] == ["dba"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_refuses_new_logins_and_ends_running_sessions(host, broker, lists, name, kind):
    lists.put()
    ticket = forge.ticket(broker, name)
    with Client(host.port, name, ticket) as client:
        login, session = begin(client)
        value = KINDS[kind](broker, name, ticket)
        more = {"issuer": payload(ticket)["iss"]} if kind == "ticket" else {}
        lists.put(entry(kind, *value, **more))
        login.wait(timeout=20)
        assert login.returncode != 0
        assert_all_gone(name, session)
    closed = observe.closed_session_of(name)
    assert closed["endReason"].startswith(f"revoked: {kind}") and closed["endedBy"].startswith("list ")
    assert [each["source"] for each in standing()] == ["list"]
    if kind not in ("ticket", "account"):
        other = forge.account()
        observe.assert_refused(host, attempt(host.port, other, forge.ticket(broker, other)), "revoked")
    # The next list is the whole truth.
    lists.put()
    assert standing() == [] and admitted(host, broker)


def test_an_expired_list_is_none(host, broker, lists):
    lists.configure(skew=1)
    lists.put(exp=int(time.time()) + 4)
    assert admitted(host, broker)
    lists.wait_for(lambda state: state["state"] == "expired", "the list expires with the skew")
    name = forge.account()
    observe.assert_refused(host, attempt(host.port, name, forge.ticket(broker, name)), "revocationListMissing")
    host.agent.restart()
    assert lists.state()["state"] == "expired"
    lists.put()
    assert admitted(host, broker)


def test_lists_that_are_not_taken_leave_the_one_before_in_force(host, broker, lists):
    lists.put()
    lists.put(entry("role", "short"))
    base = Lists.number
    good = LIST.read_text(encoding="ascii").strip()
    now = int(time.time())
    lists.put_refused(lists.sign(number=base - 1), "rolledBack")
    lists.put_refused(lists.sign([entry("role", "dba")], number=base), "otherContent")
    lists.put_refused(lists.sign(number=base + 10001), "stepTooLarge")
    lists.put_refused(lists.sign(number=base + 1, iat=now - 500), "issuedEarlier")
    lists.put_refused(lists.sign(number=base + 1, iat=now + 400), "notYetValid")
    lists.put_refused("garbage", "malformed")
    lists.put_refused("A" * (1 << 20) + "AA", "longer than")
    lists.put_refused(lists.sign([entry("role", "dba")] * 2, number=base + 1), "repeats")
    lists.put_refused(lists.sign([entry("role", "DBA")], number=base + 1), "invalidClaim")
    lists.put_refused(lists.sign(key=forge.Key(), number=base + 1), "unknownKey")
    lists.put_refused(good[:-8] + ("AAAAAAA" + good[-1]), "badSignature")
    lists.put_refused(lists.sign(key=broker, number=base + 1, iss=forge.ISSUER), "ticketKey")
    lists.put_refused(lists.sign(number=base + 1, iss="other"), "wrongIssuer")
    header = {"alg": "EdDSA", "typ": forge.TYPE, "kid": lists.key.id}
    lists.put_refused(lists.sign(number=base + 1, header=header), "wrongType")
    lists.put_refused(lists.sign(number=base + 1), "mode", mode=0o666)
    assert [each["value"] for each in standing()] == ["short"]
    assert admitted(host, broker)
    # The largest step that is allowed, and the same list placed again.
    Lists.number = base + 10000
    lists.put(number=base + 10000)
    lists.place(LIST.read_text(encoding="ascii").strip())
    time.sleep(1.2)
    assert "problem" not in lists.state() and admitted(host, broker)


def test_a_number_is_not_forgotten_by_a_restart_nor_by_a_missing_file(host, broker, lists):
    lists.put(entry("role", "dba"))
    old = LIST.read_text(encoding="ascii").strip()
    lists.put()
    LIST.unlink()
    host.agent.stop(signal.SIGKILL)
    host.agent.start()
    lists.place(old)
    lists.wait_for(lambda state: "rolledBack" in state.get("problem", ""), "the rolled back list")
    assert standing() == []
    assert admitted(host, broker)


def test_entries_are_in_force_before_anybody_is_served_again(host, broker, lists, name):
    lists.put()
    with Client(host.port, name, forge.ticket(broker, name)) as client:
        login, session = begin(client)
        host.agent.stop()
        lists.place(lists.sign([entry("subject", "human:alice")]))
        host.agent.start()
        login.wait(timeout=20)
        assert_all_gone(name, session)
    assert observe.closed_session_of(name)["endReason"].startswith("revoked: subject human:alice")


def test_a_key_for_lists_signs_no_tickets_and_its_distrust_takes_its_list_away(host, broker, lists, name):
    lists.put(entry("role", "short"))
    ticket = forge.sign(forge.claims(name, iss="soc"), lists.key)
    observe.assert_refused(host, attempt(host.port, name, ticket), "useNotAllowed")
    lists.trust(more='revoked = "stolen"\n')
    host.agent.signal(signal.SIGHUP)
    state = lists.wait_for(lambda state: state["state"] == "missing" and state, "the distrusted list")
    assert "revokedKey" in state["problem"] and standing() == []
    assert not admitted(host, broker)
    lists.trust()
    host.agent.signal(signal.SIGHUP)
    lists.wait_for(lambda state: state["state"] == "inForce", "the trusted list")
    assert [each["value"] for each in standing()] == ["short"]


def test_the_command_line_makes_and_explains_lists(host, broker, lists):
    key, public = host.work / "soc.jwk", host.work / "soc.pub.jwk"
    TRUST.unlink()
    key.unlink(missing_ok=True)
    assert processes.run(["usher", "key", "new", "--out", str(key)]).returncode == 0
    public.write_text(processes.run(["usher", "key", "show", str(key)]).stdout, encoding="ascii")
    trusted = processes.run(["usher", "key", "trust", "--issuer", "soc", "--revocations", str(public)])
    assert trusted.returncode == 0, trusted.stderr
    Lists.number += 1
    entries = host.work / "entries.json"
    entries.write_text(json.dumps([entry("role", "short")]), encoding="ascii")
    issued = processes.run(["usher", "revoke", "issue", "--key", str(key), "--issuer", "soc", "--number",
                            str(Lists.number), "--valid", "1h", str(entries)])
    assert issued.returncode == 0, issued.stderr
    file = host.work / "list.jws"
    file.write_text(issued.stdout, encoding="ascii")
    checked = processes.run(["usher", "revoke", "check", "--json", str(file)])
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["rev"] == [entry("role", "short")]
    lists.place(issued.stdout.strip())
    lists.wait_for(lambda state: state.get("number") == Lists.number, "our own list")
    old = processes.run(["usher", "revoke", "issue", "--key", str(key), "--issuer", "soc", "--number",
                         str(Lists.number - 1), str(entries)])
    file.write_text(old.stdout, encoding="ascii")
    assert processes.run(["usher", "revoke", "check", str(file)]).returncode == 3
    assert processes.run(["usher", "revoke", "issue", "--key", str(key), "--issuer", "soc", "--number", "0",
                          str(entries)]).returncode == 1
