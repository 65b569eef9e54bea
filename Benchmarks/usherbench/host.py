"""The private host of Tests/Host with what a benchmark needs: a role and a broker of its own, room for many
sessions, auditd and the agent as Debian and Usher configure them by default."""
import json
import os
import pathlib
import re
import socket
import subprocess
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]

import forge
import host_files
import private_host

ISSUER = "https://bench.example.org"
KEY = "/etc/usher/bench-broker.jwk"
PASSWORD = "bench-pass-word"
# The name under which the referee runs the peer `usher`.
REFEREE_SERVICE = "bench-usher"
# As many as the referee's largest crowd. The first is our own local user, and the one existing account that tickets
# are for: each such account needs audit rules of its own, so a host mediates 16 at most.
USERS = [f"bench{number}" for number in range(32)]
CONTROL = "/run/usher/control.sock"
# One home is 256 MiB by default, and 4 GiB are the budget of all: too few for a crowd.
AGENT = """log_level = "info"
home_size_mib = 16
homes_budget_mib = 65536
max_sessions = 10000
"""
LONGEST_SETTLING = 120.0


def must(*command, **options):
    """Runs a command that has to succeed; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: exit {done.returncode}: {(done.stdout + done.stderr)[-400:].strip()}")
    return done.stdout


class BenchHost:
    """For a process inside the private host's namespace."""

    state_directory = pathlib.Path("/var/lib/usher")
    local_user, local_password = USERS[0], PASSWORD

    def __init__(self, keeper):
        self._host = keeper.join()
        multiarch = must("gcc", "-print-multiarch").strip()
        self.security_directory = pathlib.Path("/usr/lib") / multiarch / "security"
        self.module = str(self.security_directory / "pam_usher.so")
        self._uids = set()
        self._configure()
        self._plain_auditd(keeper.state["own_auditd"])
        self._host.agent.restart()

    @property
    def port(self):
        """sshd's."""
        return self._host.port

    @property
    def audit_log(self):
        """auditd's."""
        return self._host.audit_log

    @property
    def agent_pid(self):
        return self._host.agent.pid

    def _configure(self):
        # The host's own passwd file stays in front of the bench users, as on any host.
        for name in USERS:
            must("useradd", "--no-create-home", "--shell", "/bin/sh", name)
        must("chpasswd", input="".join(f"{name}:{PASSWORD}\n" for name in USERS))
        if f"\n{self.local_user}:$y$" not in pathlib.Path("/etc/shadow").read_text():
            raise RuntimeError("this machine's chpasswd does not hash with yescrypt, as Debian's does")
        pathlib.Path("/etc/usher/usherd.toml").write_text(AGENT, encoding="ascii")
        pathlib.Path("/etc/usher/roles.d/bench.toml").write_text(
            f'name = "bench"\naccounts = ["ephemeral", "{self.local_user}"]\n'
            f'services = ["sshd", "{REFEREE_SERVICE}"]\nmax_duration = 3600\n', encoding="ascii")
        must("usher", "key", "new", "--out", KEY)
        must("usher", "key", "trust", "--issuer", ISSUER, "--name", "bench", "--role", "bench",
             "--account", "ephemeral", "--account", self.local_user, KEY)
        must("usherd", "--check")

    @staticmethod
    def _plain_auditd(pid):
        """The tests' auditd syncs its log at every record; Debian's does not, and neither should what we measure."""
        if not pid:
            return
        path = pathlib.Path("/etc/audit/auditd.conf")
        text = re.sub(r"^(\s*flush\s*=).*$", r"\1 INCREMENTAL_ASYNC", path.read_text(), flags=re.MULTILINE)
        path.write_text(re.sub(r"^(\s*freq\s*=).*$", r"\1 50", text, flags=re.MULTILINE))
        os.kill(pid, 1)

    # -- tickets -----------------------------------------------------------

    @staticmethod
    def _issue(*more):
        return ["usher", "ticket", "issue", "--key", KEY, "--issuer", ISSUER, "--subject", "human:bench",
                "--role", "bench", "--valid", "15m", *more]

    def ticket_command(self, account, count):
        """A shell command that prints tickets of an existing account for the referee, one a line."""
        words = self._issue("--account", account, "--service", REFEREE_SERVICE, "--count", count)
        return " ".join(words) + " | cut -d ' ' -f 2"

    def tickets(self, count):
        """Pairs of a fresh account and its ticket. A uid is not given twice within the host's quarantine, and
        among ten thousand names a pair or two shares one: those are left out."""
        pairs = []
        while len(pairs) < count:
            lines = must(*self._issue("--count", str(count - len(pairs)))).splitlines()
            for account, ticket in map(str.split, lines):
                uid = forge.uid_of(account)
                if uid not in self._uids:
                    self._uids.add(uid)
                    pairs.append((account, ticket))
        return pairs

    @staticmethod
    def ephemeral_name():
        return forge.account()

    # -- the agent ---------------------------------------------------------

    def live_sessions(self):
        """As the agent says on its control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(CONTROL)
            control.sendall(b'{"method":"io.usher.Control.GetHost","parameters":{}}\0')
            answer = b""
            while not answer.endswith(b"\0"):
                piece = control.recv(65536)
                if not piece:
                    raise RuntimeError("the agent closed its control socket without an answer")
                answer += piece
        return json.loads(answer[:-1])["parameters"]["liveSessions"]

    def settle(self):
        """Waits until every session is torn down; how many seconds that took."""
        start = time.monotonic()
        while live := self.live_sessions():
            if time.monotonic() - start > LONGEST_SETTLING:
                raise RuntimeError(f"{live} sessions are still not closed after {LONGEST_SETTLING:.0f} s")
            time.sleep(0.02)
        return time.monotonic() - start

    def complaints(self):
        """The last lines of the agent's log that are not about things going well."""
        lines = self._host.agent.log.read_text(errors="replace").splitlines()
        return [line[:300] for line in lines if not line.startswith(("info ", "debug "))][-5:]

    def agent_rss_mib(self):
        status = pathlib.Path(f"/proc/{self.agent_pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024

    def agent_descriptors(self):
        return len(os.listdir(f"/proc/{self.agent_pid}/fd"))

    def agent_cpu_seconds(self):
        """CPU time of all threads the agent has had."""
        fields = pathlib.Path(f"/proc/{self.agent_pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

