"""What the tests look at: the command line's answers, processes, files, mounts, logs and audit records."""
import json
import os
import pathlib
import re
import time

import forge
import processes
from daemons import AGENT_SOCKET, accepts

TEARDOWN_SECONDS = 20


def usher(*words, **options):
    """One `usher` command with --json; the value that it prints. Raises when it fails."""
    answer = processes.run(["usher", *words, "--json"], **options)
    if answer.returncode != 0:
        raise RuntimeError(f"usher {' '.join(words)}: {answer.returncode}: {answer.stdout}{answer.stderr}")
    return json.loads(answer.stdout)


def sessions():
    """Live sessions."""
    return usher("session", "list")


def session_of(name, seconds=15):
    """The open session of an account, once it is there."""
    def find():
        return next((each for each in sessions() if each["account"] == name and each["state"] == "open"), None)
    return processes.wait_until(find, seconds, f"a session of {name}", interval=0.1)


def closed_session_of(name, seconds=TEARDOWN_SECONDS):
    """The closed session of an account, once its teardown is through."""
    def find():
        found = [each for each in usher("session", "list", "--all") if each["account"] == name]
        return found[-1] if found and found[-1]["state"] == "closed" else None
    return processes.wait_until(find, seconds, f"the session of {name} is closed", interval=0.1)


def end(session):
    """Asks the agent to end a session, as an administrator does."""
    return usher("session", "end", session["id"], "--reason", "end of the test")


def why(reference):
    """What the agent knows of a refusal, at once: the operator may ring before the row is on the disk."""
    return usher("why", reference)


def leftovers(name):
    """Everything that should not outlive an account's session, as words; empty when nothing is left."""
    uid = forge.uid_of(name)
    found = [f"process {pid}" for pid in processes.of_uid(uid)]
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    home = f"/run/usher/home/{name}"
    if f" {home} " in mounts:
        found.append("mounted home")
    if os.path.lexists(home):
        found.append("home directory")
    for file in (name, f"uid.{uid}"):
        if os.path.lexists(f"/run/usher/accounts/{file}"):
            found.append(f"public file {file}")
    for record in pathlib.Path("/run/usher/accounts").glob("group.*"):
        if name in record.read_text(encoding="ascii", errors="replace"):
            found.append(f"membership in {record.name}")
    if processes.run(["getent", "passwd", str(uid)]).returncode == 0:
        found.append("name of the uid")
    return found


def assert_nothing_left(name, seconds=TEARDOWN_SECONDS):
    """Waits for the teardown, then finds nothing."""
    deadline = time.monotonic() + seconds
    while (left := leftovers(name)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"left of {name}: {left}"


def assert_agent_alive(host):
    """It runs, answers, and was not restarted behind our back."""
    assert host.agent.pid, "the agent does not run"
    assert accepts(AGENT_SOCKET), "the agent does not listen"
    sessions()


def assert_refused(host, outcome, code=None, within=20):
    """The login was refused, in bounded time, and the agent can say why. Returns the reason."""
    assert outcome.status != 0, "the login was admitted"
    assert outcome.stdout == "", "the command ran"
    assert outcome.seconds < within, f"refused only after {outcome.seconds:.1f} s"
    assert outcome.reference, f"no reference was shown: {outcome.stderr}"
    reason = why(outcome.reference)
    if code:
        assert reason["code"] == code, reason
    log = host.agent.log.read_text(encoding="utf-8", errors="replace")
    assert outcome.reference in log, "the reference is not in the agent's log"
    assert reason["code"] in log, "the reason is not in the agent's log"
    return reason


class Messages:
    """The system log since this object was made."""

    def __init__(self, host):
        self._path = host.work / "messages"
        self._start = self._path.stat().st_size if self._path.exists() else 0

    def lines(self, containing=""):
        text = self._path.read_bytes()[self._start:].decode("utf-8", "replace")
        return [line for line in text.splitlines() if containing in line]

    def wait_for(self, containing, seconds=5):
        return processes.wait_until(lambda: self.lines(containing), seconds, f"{containing!r} in the system log")


def audit_records(host, *conditions):
    """ausearch's interpretation of the records that match; each a type and its text."""
    answer = processes.run(["ausearch", "-i", "-if", host.audit_log, *conditions])
    return [(match[1], match[2]) for match in re.finditer(r"^(?:node=\S+ )?type=(\S+) (.*)$", answer.stdout,
                                                          re.MULTILINE)]


def audit_of_session(host, number, wanted, words=(), seconds=15):
    """All records of an audit session, once each of the wanted types is among them and each of the words stands in
    one."""
    def complete():
        records = audit_records(host, "--session", str(number))
        found = all(any(word in text for _, text in records) for word in words)
        return records if found and set(wanted) <= {kind for kind, _ in records} else None
    try:
        return processes.wait_until(complete, seconds, "audit records", interval=0.3)
    except TimeoutError:
        kinds = sorted({kind for kind, _ in audit_records(host, "--session", str(number))})
        raise AssertionError(
            f"audit session {number} has {kinds}, not all of {sorted(wanted)} {' '.join(words)}") from None


def field(text, name):
    """The value of a field in an audit record's text."""
    match = re.search(rf"(?:^|[\s'])'?{re.escape(name)}=(\S+?)'?(?=\s|$)", text)
    return match[1] if match else None
