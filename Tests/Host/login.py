"""Logins through the private host's sshd with OpenSSH's own client."""
import dataclasses
import os
import pathlib
import subprocess
import tempfile
import time

import pexpect

ASKPASS = """#!/bin/sh
# ssh asks this program; the answer comes from a file, so that it is in no argument list and no environment.
printf '%s\\n' "$1" >>"$USHER_PROMPTS"
cat "$USHER_ANSWER"
"""


@dataclasses.dataclass
class Outcome:
    """How a login ended."""

    status: int
    stdout: str
    stderr: str
    prompts: list
    seconds: float

    @property
    def reference(self):
        """Of the refusal that the operator was shown; None when there was none."""
        text = self.stdout + self.stderr
        marker = "Ticket refused (ref "
        if marker not in text:
            return None
        return text.partition(marker)[2].partition(")")[0]


class Client:
    """One login: who, with what, and where its files are. Usable as a context."""

    def __init__(self, port, account, answer=None, key=None, options=()):
        self.port = port
        self.account = account
        self._directory = tempfile.TemporaryDirectory(prefix="usher-login-")
        self._files = pathlib.Path(self._directory.name)
        self._answer = answer
        self._key = key
        self._options = list(options)
        self._terminals = []

    def __enter__(self):
        askpass = self._files / "askpass"
        askpass.write_text(ASKPASS, encoding="ascii")
        askpass.chmod(0o700)
        answer = self._files / "answer"
        answer.touch(mode=0o600)
        text = self._answer or ""
        answer.write_bytes((text if isinstance(text, bytes) else text.encode()) + b"\n")
        (self._files / "prompts").touch()
        return self

    def __exit__(self, *_):
        for shell in self._terminals:
            shell.close(force=True)
        self._directory.cleanup()

    @property
    def environment(self):
        """For ssh, scp, sftp and rsync alike."""
        keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return keep | {
            "SSH_ASKPASS": str(self._files / "askpass"), "SSH_ASKPASS_REQUIRE": "force", "LANG": "C.UTF-8",
            "USHER_ANSWER": str(self._files / "answer"), "USHER_PROMPTS": str(self._files / "prompts"),
        }

    @property
    def options(self):
        """Without the port and the account, which the programs spell differently."""
        chosen = {
            "UserKnownHostsFile": "/dev/null", "GlobalKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "no",
            "IdentitiesOnly": "yes", "IdentityAgent": "none", "NumberOfPasswordPrompts": "1", "ConnectTimeout": "20",
            "LogLevel": "INFO", "ControlPath": "none", "PasswordAuthentication": "no",
            "PubkeyAuthentication": "yes" if self._key else "no",
        }
        words = ["-F", "none"]
        for name, value in chosen.items():
            words += ["-o", f"{name}={value}"]
        if self._key:
            words += ["-i", str(self._key)]
        return words + self._options

    @property
    def prompts(self):
        return (self._files / "prompts").read_text(encoding="utf-8").splitlines()

    def command(self, *words):
        return ["ssh", *self.options, "-p", str(self.port), "-l", self.account, "127.0.0.1", *words]

    def start(self, *words, **options):
        """A login that goes on in the background."""
        options.setdefault("stdin", subprocess.PIPE)
        return subprocess.Popen(self.command(*words), env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True, **options)

    def run(self, *words, timeout=60, **options):
        """A login to its end."""
        return self.run_program(self.command(*words), timeout, **options)

    def run_program(self, command, timeout=60, **options):
        """A program that logs in by ssh, to its end."""
        begin = time.monotonic()
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        answer = subprocess.run(command, env=self.environment, capture_output=True, text=True, errors="replace",
                                timeout=timeout, check=False, start_new_session=True, **options)
        return Outcome(answer.returncode, answer.stdout, answer.stderr, self.prompts, time.monotonic() - begin)

    def terminal(self, *words, timeout=30):
        """A login on a terminal, as a person has it; ssh asks there and not by askpass."""
        environment = self.environment | {"SSH_ASKPASS_REQUIRE": "never", "TERM": "dumb"}
        command = self.command(*words)
        shell = pexpect.spawn(command[0], ["-tt", *command[1:]], env=environment, timeout=timeout, encoding="utf-8",
                              echo=False, dimensions=(24, 200))
        self._terminals.append(shell)
        return shell


def attempt(port, account, answer=None, *words, **options):
    """One login to its end, with `true` as the command unless another is given."""
    timeout = options.pop("timeout", 60)
    with Client(port, account, answer, **options) as client:
        return client.run(*(words or ("true",)), timeout=timeout)
