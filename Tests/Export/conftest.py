import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from certificates import Authority
from evidence_log import EvidenceLog
from receivers import StrictReceiver, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
USHER = pathlib.Path(os.environ.get("USHER", ROOT / ".build" / os.environ.get("CONFIG", "release") / "usher"))


@pytest.fixture
def work():
    """A directory that only this user may write, as exporter and log ask for."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="usher-export-", dir="/var/tmp"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def log(work):
    log = EvidenceLog(work / "log")
    yield log
    log.file.close()


@pytest.fixture
def authority(work):
    return Authority(work, "authority")


@pytest.fixture
def receiver(authority):
    certificate, key = authority.issue("receiver", ["siem.example", "127.0.0.1"])
    receiver = StrictReceiver(certificate, key)
    yield receiver
    receiver.stop()
    assert receiver.faults == []


class Running:
    """An export that goes on; `said` is what it wrote to standard error."""

    def __init__(self, arguments):
        self.process = subprocess.Popen([USHER, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.output, self.errors = [], []
        self.threads = [threading.Thread(target=self._collect, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.output), (self.process.stderr, self.errors))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line.rstrip(b"\n"))

    @property
    def said(self):
        return b"\n".join(self.errors).decode()

    def wait_for(self, text, seconds=30):
        wait_until(lambda: text in self.said, f"{text!r}; it said: {self.said}", seconds)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        for thread in self.threads:
            thread.join(10)
        return status


@pytest.fixture
def follow():
    """Starts exports that are ended with the test."""
    running = []

    def start(*arguments):
        running.append(Running(["evidence", "export", *arguments, "--follow"]))
        return running[-1]

    yield start
    for one in running:
        one.stop(signal.SIGKILL)


@pytest.fixture
def export():
    """Runs an export to its end."""

    def run(*arguments, status=0):
        result = subprocess.run([USHER, "evidence", "export", *map(str, arguments)], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=120)
        assert result.returncode == status, result.stderr.decode()
        return result

    return run
