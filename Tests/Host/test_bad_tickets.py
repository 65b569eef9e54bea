"""Every ticket that a host must refuse, through the real sshd: in bounded time, with the reason for those who may
know it, and without a trace."""
import concurrent.futures
import os
import pathlib
import time

import paramiko
import pytest

import forge
import observe
import processes
from login import Client, attempt

HOUR = 3600


def expired(key, name):
    now = int(time.time())
    return forge.ticket(key, name, iat=now - 600, exp=now - 60)


def not_yet_valid(key, name):
    now = int(time.time())
    return forge.ticket(key, name, iat=now, nbf=now + 200, exp=now + 300)


def issued_in_the_future(key, name):
    now = int(time.time())
    return forge.ticket(key, name, iat=now + HOUR, exp=now + HOUR + 60)


def another_signature(key, name):
    head, _, _ = forge.ticket(key, name).rpartition(".")
    return f"{head}.{forge.ticket(key, name).rpartition('.')[2]}"


def changed_claim(key, name):
    head, payload, signature = forge.ticket(key, name, rol="short").split(".")
    changed = forge.decoded(payload).replace(b'"short"', b'"dba"')
    return f"{head}.{forge.encoded(changed)}.{signature}"


def with_header(**changes):
    def make(key, name):
        header = {"alg": "EdDSA", "typ": forge.TYPE, "kid": key.id} | changes
        return forge.sign(forge.claims(name), key, {each: value for each, value in header.items() if value is not None})
    return make


def with_text(change):
    """A rightly signed payload whose JSON text was changed before signing."""
    return lambda key, name: forge.sign(change(forge.compact(forge.claims(name))), key)


def with_claims(**changes):
    return lambda key, name: forge.ticket(key, name, **changes)


def of_stranger(_key, name):
    return forge.ticket(forge.Key(), name)


def signed_by_stranger_in_the_brokers_name(key, name):
    stranger = forge.Key()
    return forge.sign(forge.claims(name), stranger, {"alg": "EdDSA", "typ": forge.TYPE, "kid": key.id})


CASES = {
    "expired": (expired, "expired"),
    "not yet valid": (not_yet_valid, "notYetValid"),
    "issued in the future": (issued_in_the_future, "notYetValid"),
    "living too long": (with_claims(exp=int(time.time()) + 2 * HOUR), "malformed"),
    "for another host": (with_claims(aud="h-aaaaaaaaaaaaaaaa"), "wrongAudience"),
    "for several hosts": (with_claims(aud=["h-aaaaaaaaaaaaaaaa"]), "malformed"),
    "for another account": (with_claims(usr="u-aaaaaaaaaa"), "wrongAccount"),
    "for another service": (with_claims(svc=["login"]), "wrongService"),
    "from another address": (with_claims(src="192.0.2.7"), "wrongSource"),
    "from another network": (with_claims(src="10.0.0.0/8"), "wrongSource"),
    "by an unknown key": (of_stranger, "unknownKey"),
    "by a stranger in the broker's name": (signed_by_stranger_in_the_brokers_name, "badSignature"),
    "with the signature of another ticket": (another_signature, "badSignature"),
    "with a changed claim": (changed_claim, "badSignature"),
    "by another issuer": (with_claims(iss="https://elsewhere.example.org"), "wrongIssuer"),
    "with alg none": (lambda key, name: forge.with_algorithm(key, "none", name), "malformed"),
    "with alg HS256": (lambda key, name: forge.with_algorithm(key, "HS256", name), "malformed"),
    "with alg ES256": (lambda key, name: forge.with_algorithm(key, "ES256", name), "malformed"),
    "with typ JWT": (with_header(typ="JWT"), "malformed"),
    "without typ": (with_header(typ=None), "malformed"),
    "without kid": (with_header(kid=None), "malformed"),
    "with a critical extension": (with_header(crit=["exp"]), "malformed"),
    "with an embedded key": (with_header(jwk={"kty": "OKP"}), "malformed"),
    "with a duplicate claim": (with_text(lambda text: text[:-1] + ',"rol":"dba"}'), "malformed"),
    "with an unknown claim": (with_claims(admin=True), "malformed"),
    "with bytes after its JSON": (with_text(lambda text: text + " {}"), "malformed"),
    "with trailing bytes": (lambda key, name: forge.ticket(key, name) + "AAAA", "malformed"),
    "with a fourth part": (lambda key, name: forge.ticket(key, name) + ".AAAA", "malformed"),
    "with padding": (lambda key, name: forge.ticket(key, name) + "==", "unreadableTicket"),
    "with a wrong type of claim": (with_claims(max="60"), "malformed"),
    "without an id": (with_claims(jti=None), "malformed"),
    "for an agent without an owner": (with_claims(sub="agent:bot"), "malformed"),
    "with a use that the key may not sign": (with_claims(use="breakglass"), "useNotAllowed"),
    "for one command": (with_claims(cmd="/usr/bin/id"), "commandNotEnforceable"),
    "with an unknown role": (with_claims(rol="unknown"), "unknownRole"),
    "with a role beyond the trust entry": (with_claims(rol="untrusted"), "roleNotAllowedByTrust"),
    "with a role for another service": (with_claims(rol="elsewhere"), "serviceNotAllowedByRole"),
    "with a role for another account": (with_claims(rol="standing"), "accountNotAllowedByRole"),
    "without the approval that the role requires": (with_claims(rol="approved", chg="C-1"), "approvalRequired"),
    "without the change that the role requires": (with_claims(rol="approved", apr="A-1"), "changeRequired"),
    "without the source that the role requires": (with_claims(rol="placed"), "sourceRequired"),
    "without the key that the role requires": (with_claims(rol="bound"), "keyRequired"),
    "that is one word": (lambda _key, _name: "password", "malformed"),
    "that is an empty line": (lambda _key, _name: "", "emptyTicket"),
    "that is three empty parts": (lambda _key, _name: "..", "malformed"),
    "that is half": (lambda key, name: forge.ticket(key, name)[:200], "malformed"),
    "of 1001 bytes": (lambda key, name: forge.of_length(key, 1001, name), "oversizeTicket"),
}


@pytest.mark.parametrize("kind", CASES)
def test_refused_is_a_ticket(host, broker, name, no_trace, kind):
    make, code = CASES[kind]
    observe.assert_refused(host, attempt(host.port, name, make(broker, name)), code)


def test_the_longest_ticket_that_fits_is_admitted(host, broker, name):
    outcome = attempt(host.port, name, forge.of_length(broker, 1000, name), "echo in")
    assert outcome.stdout == "in\n", outcome


def test_refused_is_binary_garbage(host, name, no_trace):
    garbage = bytes(byte for byte in os.urandom(3000) if byte not in (0, 10, 13))[:900]
    observe.assert_refused(host, attempt(host.port, name, garbage))


def test_refused_is_a_ticket_with_a_zero_byte(host, broker, name, no_trace):
    # OpenSSH's client stops at the zero byte; another client does not.
    ticket = forge.ticket(broker, name)
    status, _ = answer_by_paramiko(host.port, name, f"{ticket[:200]}\0{ticket[200:]}")
    assert status == "refused"


@pytest.mark.parametrize("length", [65_536, 250_000])
def test_refused_is_a_huge_answer(host, name, no_trace, length):
    # OpenSSH's client cuts at 1023 bytes; a hostile one does not.
    begin = time.monotonic()
    status, shown = answer_by_paramiko(host.port, name, "A" * length)
    assert status == "refused"
    assert time.monotonic() - begin < 20
    assert "Ticket refused" in shown
    reference = shown.partition("(ref ")[2].partition(")")[0]
    assert observe.why(reference)["code"] == "oversizeTicket"


def answer_by_paramiko(port, name, answer):
    """One keyboard-interactive login by a client that sends what it is given. Returns how it ended, and what the
    server had shown."""
    shown = []

    def handler(_title, instructions, prompts):
        shown.append(instructions)
        return [answer for _ in prompts]
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.auth_timeout = 30
    try:
        transport.start_client(timeout=20)
        transport.auth_interactive(name, handler)
        return "admitted", "\n".join(shown)
    except paramiko.AuthenticationException:
        return "refused", "\n".join(shown)
    except paramiko.SSHException as error:
        ended = "disconnect" in str(error).lower() or "EOF" in str(error)
        return "refused" if ended else str(error), "\n".join(shown)
    finally:
        transport.close()


def test_refused_is_a_ticket_of_a_revoked_key(host, broker, name, no_trace):
    entry = pathlib.Path("/etc/usher/trust.d/test.toml")
    before = entry.read_text(encoding="utf-8")
    try:
        entry.write_text('revoked = "left the company"\n' + before, encoding="utf-8")
        host.agent.restart()
        observe.assert_refused(host, attempt(host.port, name, forge.ticket(broker, name)), "revokedKey")
    finally:
        entry.write_text(before, encoding="utf-8")
        host.agent.restart()


def test_refused_is_an_account_beyond_the_trust_entry(host, broker):
    outcome = attempt(host.port, "operator2", forge.ticket(broker, "operator2", rol="anyone"))
    observe.assert_refused(host, outcome, "accountNotAllowedByTrust")


def test_refused_is_a_ticket_for_root(host, broker):
    # root is exempt here and has no password: the ticket is taken for one.
    outcome = attempt(host.port, "root", forge.ticket(broker, "root", rol="anyone"))
    assert outcome.status != 0 and outcome.stdout == ""


def test_an_unknown_name_is_asked_and_refused_like_any_other(host, broker):
    known = attempt(host.port, "operator2", "no ticket")
    unknown = attempt(host.port, "nobody-has-this-name", "no ticket")
    assert [prompt.rpartition(") ")[2] for prompt in unknown.prompts] == ["Ticket: "]
    assert (unknown.status, unknown.stdout) == (known.status, known.stdout)
    assert bool(unknown.reference) == bool(known.reference)


def test_of_fifty_connections_with_one_ticket_exactly_one_wins(host, broker, name, no_trace):
    ticket = forge.ticket(broker, name)

    def one(_number):
        return attempt(host.port, name, ticket, "echo won", timeout=120)
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(one, range(50)))
    assert [outcome.stdout for outcome in outcomes if outcome.status == 0] == ["won\n"]
    losers = [outcome for outcome in outcomes if outcome.status != 0]
    assert len(losers) == 49
    assert all(outcome.stdout == "" for outcome in losers)
    codes = {observe.why(outcome.reference)["code"] for outcome in losers}
    assert codes <= {"replayed", "uidBusy"}, codes


def test_a_refusal_shows_a_reference_and_nothing_else(host, broker, name, no_trace):
    outcome = attempt(host.port, name, expired(broker, name))
    shown = outcome.stdout + outcome.stderr
    assert "Ticket refused (ref " in shown
    for word in ("expired", "usher", "agent", "exp "):
        assert word not in shown.replace("usher-login", ""), shown


def test_a_ticket_can_be_inspected_without_burning_it(host, broker, name):
    ticket = forge.ticket(broker, name)
    for _ in range(2):
        answer = processes.run(["usher", "ticket", "inspect", "--json"], input=ticket + "\n", stdin=None)
        assert answer.returncode == 0, answer.stderr + answer.stdout
    late = processes.run(["usher", "ticket", "inspect", "--json"], input=expired(broker, name) + "\n", stdin=None)
    assert late.returncode == 3 and "expired" in late.stdout, late
    assert attempt(host.port, name, ticket, "echo in").stdout == "in\n"


def test_guessing_leaves_the_agent_as_it_was(host, name, no_trace):
    def resident():
        text = pathlib.Path(f"/proc/{host.agent.pid}/status").read_text(encoding="ascii")
        return int(text.partition("VmRSS:")[2].split()[0])
    with Client(host.port, name, "guess") as client:
        client.run("true")
        before = resident()
        for _ in range(40):
            client.run("true")
    assert resident() < before + 8 * 1024
