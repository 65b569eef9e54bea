"""pam_usher.so under libpam: what it asks, answers, shows and logs, and in what time, whatever the agent does."""
import os
import re
import secrets
import signal
import socket
import subprocess

import agents
import fake_agent
import private_mounts

USER = "u-aaaaaaaaaa"
TICKET = secrets.token_urlsafe(500) + "." + secrets.token_urlsafe(100)
ADDRESS = ["item:rhost=192.0.2.7", "item:tty=ssh"]
LOGIN = {"user": USER, "service": "sshd", "terminal": "ssh", "remoteHost": "192.0.2.7"}
PRIORITY = 10 << 3 | 3  # authpriv, error
AUDIT_USER_MGMT = 1102
TIMEOUT = 1
# A second late is too late; the machine may be busy for half of one.
SLACK_MS = 700

BAD_ANSWERS = {
    "garbage": "answer: not what the interface describes",
    "truncated": "receive: closed before the end of the answer: {path}",
    "close": "receive: closed before the end of the answer: {path}",
    "huge": "receive: answer longer than 16384 bytes: {path}",
    "trailing": "receive: bytes behind the answer: {path}",
    "late": "receive {path}: Connection timed out",
    "REPLY:{}": "answer: not what the interface describes",
    'REPLY:{"parameters":{"unexpected":1}}': "answer: not what the interface describes",
    'REPLY:{"error":"io.usher.Agent.Broken","parameters":{}}': "answer: not what the interface describes",
    "refuse": "refused (ref 7F3K-Q2)",
}
# A phase, the method it calls, the step of the driver, and what comes before it.
PHASES = [
    ("Authenticate", "authenticate", []),
    ("Authorize", "account", []),
    ("OpenSession", "open", []),
    ("ReportTag", "open", []),
    ("Enter", "establish-child", ["open"]),
    ("CloseSession", "close", ["open"]),
]


class Login:
    """One run of the driver. Audit succeeds and nothing is written, unless it is to be the kernel's."""

    def __init__(self, work, steps, agent_path, arguments="", answer=TICKET, service="sshd", wrapper=(),
                 real_audit=False):
        directory = work / "pam.d"
        directory.mkdir(exist_ok=True)
        stack = f"{work}/pam_usher.so agent={agent_path} {arguments or f'timeout={TIMEOUT}'}"
        (directory / service).write_text(
            "".join(f"{kind} required {stack}\n" for kind in ("auth", "account", "session", "password")),
            encoding="utf-8")
        # Without it libpam logs that it is missing.
        (directory / "other").touch()
        if answer not in ("-", "="):
            file = work / "answer"
            file.write_bytes(answer if isinstance(answer, bytes) else answer.encode())
            answer = file
        audit = [] if real_audit else ["audit-enabled=1", "audit-sequence=1"]
        result = subprocess.run(
            [*wrapper, work / "pam_driver", directory, service, USER, answer, *audit, *steps], capture_output=True,
            check=False, timeout=60)
        self.output = result.stdout.decode("utf-8", "replace")
        self.errors = result.stderr.decode("utf-8", "replace")
        self.status = result.returncode
        self.lines = self.output.splitlines()

    def transcript(self):
        """The lines without their times."""
        return [re.sub(r"^(\S+ PAM_\S+) \d+ (-?\d+)$", r"\1 \2", line) for line in self.lines]

    def milliseconds(self, step):
        return int(re.search(rf"^{step} PAM_\S+ (\d+)", self.output, re.MULTILINE)[1])

    def result(self, step):
        return re.search(rf"^{step} (PAM_\S+)", self.output, re.MULTILINE)[1]


def _call(method, **parameters):
    return {"method": f"io.usher.Agent.{method}", "parameters": parameters}


class Suite:
    def __init__(self, checks, work, module):
        self.checks, self.work = checks, work
        (work / "pam_usher.so").write_bytes(module.read_bytes())
        private_mounts.cover_dev(work)
        self.log = agents.SystemLog()

    def run_login(self, steps, behaviours=None, **options):
        """A login against a fake agent: the run, the calls it made, the lines it logged."""
        with agents.agent(self.work, behaviours) as (_, path, calls):
            login = Login(self.work, steps, path, **options)
            return login, calls(), self.log.lines()

    def login_without_agent(self, steps, path=None, **options):
        login = Login(self.work, steps, path or self.work / "agent.sock", **options)
        return login, self.log.lines()

    # What a right agent gets and gives

    def test_whole_login(self):
        audit = agents.AuditReader()
        login, calls, log = self.run_login([
            *ADDRESS, "authenticate", "environment", "account", "establish", "open", "environment", "establish",
            "establish-child", "reinitialize-child", "close", "delete", "chauthtok"], real_audit=True)
        records = audit.records(AUDIT_USER_MGMT, fake_agent.TAG)
        audit.close()
        session = {"session": fake_agent.SESSION}
        self.checks.equal("a whole login: the transcript", login.transcript(), [
            "prompt Ticket: ", "authenticate PAM_SUCCESS 0", f"variable USHER_HANDLE={fake_agent.HANDLE}",
            "account PAM_SUCCESS 0", "establish PAM_SUCCESS 0", "info " + fake_agent.NOTICE.replace("\n", "\\n"),
            "open PAM_SUCCESS 0", f"variable USHER_SESSION={fake_agent.SESSION}", "establish PAM_SUCCESS 0",
            "establish-child PAM_SUCCESS 0", "reinitialize-child PAM_SUCCESS 0", "close PAM_SUCCESS 0",
            "delete PAM_SUCCESS 0", "chauthtok PAM_PERM_DENIED 0", "mapped 0"])
        self.checks.equal("a whole login: the calls", calls, [
            _call("Authenticate", login=LOGIN, ticket=TICKET),
            _call("Authorize", login=LOGIN, handle=fake_agent.HANDLE),
            _call("OpenSession", login=LOGIN, handle=fake_agent.HANDLE), _call("ReportTag", **session, written=True),
            _call("Enter", **session), _call("Enter", **session), _call("CloseSession", **session)])
        self.checks.equal("a whole login: nothing on stderr and nothing in the log", (login.errors, log), ("", []))
        self.checks.holds("a whole login: one audit record, with what libaudit adds", len(records) == 1 and re.search(
            rf"msg='{re.escape(fake_agent.TAG)} exe=\S+/pam_driver\"? hostname=192.0.2.7 addr=192.0.2.7 terminal=ssh "
            r"res=success'", records[0]), records)

    def test_silence(self):
        login, calls, _ = self.run_login(["authenticate-silent", "open-silent", "close"])
        self.checks.equal("PAM_SILENT: no notice", login.transcript()[-4:],
                          ["authenticate-silent PAM_SUCCESS 0", "open-silent PAM_SUCCESS 0", "close PAM_SUCCESS 0",
                           "mapped 0"])
        self.checks.equal("PAM_SILENT: all is asked", len(calls), 4)
        login, _, log = self.run_login(["authenticate-silent"], {"Authenticate": "refuse"})
        self.checks.equal("PAM_SILENT: no refusal shown", login.transcript(),
                          ["prompt Ticket: ", "authenticate-silent PAM_PERM_DENIED 0", "mapped 0"])
        self.checks.equal("PAM_SILENT: the refusal logged", len(log), 1)

    def test_answers_in_pieces_and_interrupted(self):
        steps = ["interrupt", *ADDRESS, "authenticate", "account", "open", "establish-child", "close"]
        slow = {method: "slow" for method in fake_agent.ANSWERS}
        login, _, log = self.run_login(steps, slow, arguments="timeout=10")
        codes = [line.split()[1] for line in login.transcript() if " PAM_" in line]
        self.checks.equal("answers byte by byte and 200 signals a second: all succeeds", codes, ["PAM_SUCCESS"] * 5)
        self.checks.equal("answers byte by byte and 200 signals a second: nothing logged", log, [])

    def test_authentication_info(self):
        info = "env:SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAA"
        _, calls, _ = self.run_login([info, "authenticate"])
        told = calls[0]["parameters"].get("authenticationInfo")
        self.checks.equal("SSH_AUTH_INFO_0: told for sshd", told, "publickey ssh-ed25519 AAAA")
        _, calls, _ = self.run_login([info, "authenticate"], service="su")
        self.checks.equal("SSH_AUTH_INFO_0: not told for another service",
                          "authenticationInfo" in calls[0]["parameters"], False)

    def test_handles(self):
        _, calls, _ = self.run_login(["account"], {"Authorize": "refuse"})
        self.checks.equal("no handle: asked without one", "handle" in calls[0]["parameters"], False)
        login, calls, _ = self.run_login(["env:USHER_HANDLE=../../x", "open", "environment"], {"OpenSession": "refuse"})
        self.checks.equal("a handle of another form: not sent", "handle" in calls[0]["parameters"], False)
        self.checks.holds("a handle of another form: gone from the environment", "USHER_HANDLE" not in login.output)

    # What is not a ticket

    def test_answers_that_are_no_tickets(self):
        for name, answer, problem in [
                ("empty", b"", "empty"), ("null", "=", "empty"), ("1001 bytes", b"x" * 1001, "oversize"),
                ("250,000 bytes", b"x" * 250_000, "oversize"), ("a blank", b"x y", "charset"),
                ("binary", bytes(range(1, 256)), "charset"),
                ("sshd's junk for unknown users", b"\b\n\r\177INCORRECT", "charset")]:
            login, calls, _ = self.run_login(["authenticate"], {"Authenticate": "refuse"}, answer=answer)
            self.checks.equal(f"{name}: refused", login.transcript(), [
                "prompt Ticket: ", "error Ticket refused (ref 7F3K-Q2)", "authenticate PAM_PERM_DENIED 0", "mapped 0"])
            parameters = calls[0]["parameters"]
            self.checks.equal(f"{name}: reported and not sent", (parameters.get("problem"), "ticket" in parameters),
                              (problem, False))
        login, calls, log = self.run_login(["authenticate"], answer="-")
        self.checks.equal("a conversation that fails: PAM_CONV_ERR", login.transcript(),
                          ["prompt Ticket: ", "authenticate PAM_CONV_ERR 0", "mapped 0"])
        self.checks.equal("a conversation that fails: nothing asked", calls, [])
        self.checks.equal("a conversation that fails: logged", log,
                          [(PRIORITY, "conversation failed"), (PRIORITY, "conversation: no answer to the prompt")])

    def test_wiping(self):
        for name, behaviours, answer in [
                ("after success", {}, TICKET), ("after a refusal", {"Authenticate": "refuse"}, TICKET),
                ("after garbage", {"Authenticate": "garbage"}, TICKET),
                ("after bytes behind the answer", {"Authenticate": "trailing"}, TICKET),
                ("after no answer", {"Authenticate": "close"}, TICKET),
                ("after a late answer", {"Authenticate": "late"}, TICKET), ("when oversize", {}, TICKET + "x" * 500),
                ("when it has a blank", {}, TICKET + " ")]:
            login, _, _ = self.run_login(["authenticate", "scan"], behaviours, answer=answer)
            self.checks.holds(f"the ticket is in no byte of the process {name}", "copies 0" in login.lines,
                              login.output)
        login, _ = self.login_without_agent(["authenticate", "scan"])
        self.checks.holds("the ticket is in no byte of the process without an agent", "copies 0" in login.lines,
                          login.output)
        login, _, _ = self.run_login(["keep", "authenticate", "scan"])
        self.checks.holds("the search finds a copy that the application kept", "copies 1" in login.lines, login.output)

    # Agents that are wrong

    def check_failure(self, what, login, log, method, step, line, refusal):
        """One phase failed: its code, what was shown, the one line in the log, its time, nothing left open."""
        unavailable = step == "authenticate" and not refusal
        code = "PAM_AUTHINFO_UNAVAIL" if unavailable else "PAM_PERM_DENIED"
        message = "error Ticket refused" + (" (ref 7F3K-Q2)" if refusal else "")
        shown = [text for text in login.transcript() if text.startswith("error ")]
        self.checks.equal(f"{what}: {code}, nothing left open",
                          [text for text in login.transcript() if text.startswith(f"{step} ")], [f"{step} {code} 0"])
        self.checks.equal(f"{what}: what the operator sees", shown, [] if step == "close" else [message])
        self.checks.equal(f"{what}: one line to authpriv", log, [(PRIORITY, f"io.usher.Agent.{method}: {line}")])
        self.checks.holds(f"{what}: in time ({login.milliseconds(step)} ms)",
                          login.milliseconds(step) <= TIMEOUT * 1000 + SLACK_MS)
        self.checks.equal(f"{what}: nothing on stderr, unloaded", (login.errors, login.lines[-1]), ("", "mapped 0"))

    def test_wrong_answers(self):
        for method, step, before in PHASES:
            for behaviour, line in BAD_ANSWERS.items():
                login, calls, log = self.run_login([*before, step], {method: behaviour})
                line = line.format(path=self.work / "agent.sock")
                name = f"{method} answered by {behaviour}"
                self.check_failure(name, login, log, method, step, line, behaviour == "refuse")
                if behaviour == "late":
                    self.checks.holds(f"{name}: not before its time", login.milliseconds(step) >= TIMEOUT * 1000)
                self.checks.equal(f"{name}: the last call", calls[-1]["method"], f"io.usher.Agent.{method}")

    def test_agent_that_closes_before_reading(self):
        login, _, log = self.run_login(["authenticate"], {"any": "close-before-reading"})
        self.checks.equal("a connection closed at once: unavailable, no SIGPIPE",
                          (login.status, login.result("authenticate")), (0, "PAM_AUTHINFO_UNAVAIL"))
        self.checks.equal("a connection closed at once: one line", len(log), 1)

    # Agents that are not there

    def check_unreachable(self, what, path, line, at_least=0):
        for method, step, before in PHASES[:3]:
            login, log = self.login_without_agent([*before, step], path)
            self.check_failure(f"{what}, {step}", login, log, method, step, line, False)
            self.checks.holds(f"{what}, {step}: not before its time", login.milliseconds(step) >= at_least)
        login, log = self.login_without_agent(["establish", "close", "delete", "chauthtok"], path)
        self.checks.equal(f"{what}: phases that have nothing to ask", (login.transcript(), log), ([
            "establish PAM_SUCCESS 0", "close PAM_SUCCESS 0", "delete PAM_SUCCESS 0", "chauthtok PAM_PERM_DENIED 0",
            "mapped 0"], []))

    def test_unreachable(self):
        missing, file, stale = (self.work / name for name in ("missing.sock", "file.sock", "stale.sock"))
        self.check_unreachable("no socket", missing, f"connect {missing}: No such file or directory")
        file.touch()
        self.check_unreachable("a file for a socket", file, f"connect {file}: Connection refused")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(stale))
        self.check_unreachable("a socket nobody listens on", stale, f"connect {stale}: Connection refused")

    def test_stopped_agent(self):
        with agents.agent(self.work) as (process, path, _):
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            self.check_unreachable("a stopped agent", path, f"receive {path}: Connection timed out", TIMEOUT * 1000)
            connections = agents.fill_backlog(path)
            self.check_unreachable("a stopped agent with a full backlog", path,
                                   f"connect {path}: Connection timed out", TIMEOUT * 1000)
            for connection in connections:
                connection.close()

    def test_agent_of_another_user(self):
        directory = self.work / "other"
        directory.mkdir()
        os.chown(directory, 65534, 65534)
        wrapper = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        with agents.agent(directory, wrapper=wrapper) as (_, path, calls):
            self.check_unreachable("an agent that does not run as root", path, f"peer does not run as root: {path}")
            self.checks.equal("an agent that does not run as root: told nothing", calls(), [])

    def test_request_too_long(self):
        login, calls, log = self.run_login(["env:SSH_AUTH_INFO_0=publickey " + "A" * 8000, "authenticate", "scan"])
        line = f"request: longer than 8192 bytes, not sent to {self.work / 'agent.sock'}"
        self.check_failure("a call that would be too long", login, log, "Authenticate", "authenticate", line, False)
        self.checks.equal("a call that would be too long: not sent", calls, [])
        self.checks.holds("a call that would be too long: the ticket wiped", "copies 0" in login.lines, login.output)

    # Audit and arguments

    def test_audit_that_fails(self):
        cases = [
            ("auditing switched off", ["audit-enabled=0"], "audit: the kernel's auditing is off"),
            ("a kernel without audit", ["audit-sequence=0"],
             "audit: the session's record was not taken: Operation not permitted"),
            ("a record that is refused", ["audit-sequence=-22"],
             "audit: the session's record was not taken: Invalid argument"),
        ]
        for name, steps, line in cases:
            login, calls, log = self.run_login([*steps, "open", "establish", "establish-child", "close"])
            self.checks.equal(f"{name}: no session, and no child enters", [
                line for line in login.transcript() if not line.startswith("mapped")], [
                    "error Ticket refused", "open PAM_PERM_DENIED 0", "establish PAM_SUCCESS 0", "error Ticket refused",
                    "establish-child PAM_PERM_DENIED 0", *login.transcript()[-2:-1]])
            self.checks.equal(f"{name}: reported", calls[1:],
                              [_call("ReportTag", session=fake_agent.SESSION, written=False)])
            self.checks.equal(f"{name}: logged", log, [
                (PRIORITY, line), (PRIORITY, "setcred: the session was refused")])

    def test_audit_without_the_right_to(self):
        # As su and sudo: the real uid is the caller's. libaudit then reports success although nothing was written.
        wrapper = ["setpriv", "--ruid", "65534", "--bounding-set", "-audit_write"]
        login, calls, _ = self.run_login(["open"], wrapper=wrapper, real_audit=True)
        self.checks.equal("without CAP_AUDIT_WRITE: no session", login.transcript(),
                          ["error Ticket refused", "open PAM_PERM_DENIED 0", "mapped 0"])
        self.checks.equal("without CAP_AUDIT_WRITE: reported", calls[1:],
                          [_call("ReportTag", session=fake_agent.SESSION, written=False)])

    def test_arguments(self):
        for arguments, line in [
                ("debug", "module argument is unknown: debug"),
                ("timeout=0", "module argument is out of range: timeout=0"),
                ("timeout=61", "module argument is out of range: timeout=61"),
                ("timeout=1 timeout=1", "module argument is given twice: timeout=1"),
                ("agent=/x", "module argument is given twice: agent=/x"),
                ("prompt=", "module argument is out of range: prompt=")]:
            for step, code in [("authenticate", "PAM_SERVICE_ERR"), ("account", "PAM_PERM_DENIED"),
                               ("open", "PAM_PERM_DENIED"), ("establish", "PAM_PERM_DENIED"),
                               ("delete", "PAM_PERM_DENIED"), ("close", "PAM_PERM_DENIED")]:
                login, calls, log = self.run_login([step], arguments=arguments)
                shown = [] if step == "close" else ["error Ticket refused"]
                self.checks.equal(f"{arguments}: {step} is refused", login.transcript(),
                                  [*shown, f"{step} {code} 0", "mapped 0"])
                self.checks.equal(f"{arguments}: {step} asks nobody and logs why", (calls, log),
                                  ([], [(PRIORITY, line)]))
        login, _, _ = self.run_login(["authenticate"], arguments="[prompt=Your ticket, please: ]")
        self.checks.equal("prompt=TEXT is what is asked", login.lines[0], "prompt Your ticket, please: ")


def run(checks, work, module):
    with agents.kernel_audit():
        checks.run_all(Suite(checks, work, module))
