"""A real systemd-journald, in mount and network namespaces of its own."""
import json
import os
import pathlib
import subprocess
import time

import pytest

from evidence_log import check_whole
from receivers import wait_until

CONFIGURATION = """[Journal]
Storage=volatile
Seal=no
RateLimitIntervalSec=0
ForwardToSyslog=no
ReadKMsg=no
Audit=
"""


class Journald:
    """Its sockets and files are below /run of its namespace, and seen from here by way of /proc/PID/root.

    The network namespace and the missing capability keep it away from the kernel's audit, which is one for the machine.
    """

    def __init__(self, directory):
        (directory / "journald.conf").write_text(CONFIGURATION)
        script = f"""set -e
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal
mkdir -p /etc/systemd && mount -t tmpfs tmpfs /etc/systemd && cp {directory}/journald.conf /etc/systemd/
exec capsh --drop=cap_audit_control,cap_audit_read,cap_syslog -- -c 'exec /lib/systemd/systemd-journald'"""
        self.process = subprocess.Popen(["unshare", "-m", "-n", "--propagation", "slave", "bash", "-c", script],
                                        stdout=open(directory / "journald.out", "w"), stderr=subprocess.STDOUT)
        self.root = pathlib.Path(f"/proc/{self.process.pid}/root")
        self.socket = self.root / "run/systemd/journal/socket"
        wait_until(lambda: self.process.poll() is None and self.socket.is_socket(), "journald listens")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def entries(self, *matches):
        """What journalctl tells, as the exporter's receiver would read it."""
        os.kill(self.process.pid, 0)
        directory = next((self.root / "run/log/journal").iterdir(), None)
        if not directory:
            return []
        output = subprocess.run(["journalctl", "-D", directory, "-o", "json", "--all", *matches],
                                capture_output=True, check=True).stdout
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def journald(work):
    journald = Journald(work)
    yield journald
    journald.stop()


def exported(journald, count):
    entries = []

    def enough():
        entries[:] = journald.entries("MESSAGE_ID=050ce5c0a45d4ba2a1e5dc115959ae1a")
        return len(entries) >= count

    wait_until(enough, f"{count} entries; there are {len(entries)}")
    return entries


def bytes_of(value):
    """journalctl writes what has control characters as a list of numbers."""
    return bytes(value) if isinstance(value, list) else value.encode()


def test_each_line_is_an_entry_with_its_fields(log, journald, export):
    log.append(3, role="dba", ticket="t-123", approval="A-7", change="CHG0042")
    log.append(1, severity=5, kind="gap", message="line one\nline two")
    export("journald", "--journal-socket", journald.socket, "--log", log.directory)
    entries = exported(journald, 4)
    first, last = entries[0], entries[3]
    assert {name: value for name, value in first.items() if not name.startswith("_")} == {
        "MESSAGE": "anna ran /bin/ls (äöü, number 1)", "MESSAGE_ID": "050ce5c0a45d4ba2a1e5dc115959ae1a",
        "PRIORITY": "6", "SYSLOG_FACILITY": "10", "SYSLOG_IDENTIFIER": "usher", "USHER_SEQUENCE": "1",
        "USHER_PREVIOUS": "0" * 64, "USHER_TIME": "2025-11-21T16:00:00.001Z", "USHER_KIND": "exec",
        "USHER_HOST": "h-7k3f2m5qabcdefgh", "USHER_ATTRIBUTION": "kernel", "USHER_SESSION": "s-aaaabbbbccccdddd",
        "USHER_SUBJECT": "human:anna", "USHER_ROLE": "dba", "USHER_TICKET": "t-123", "USHER_APPROVAL": "A-7",
        "USHER_CHANGE": "CHG0042", "USHER_LINE": log.lines[0].decode(),
    }
    assert (last["PRIORITY"], last["USHER_KIND"]) == ("2", "gap")
    assert bytes_of(last["MESSAGE"]) == b"line one\nline two"
    assert [bytes_of(one["USHER_LINE"]) for one in entries] == log.lines
    assert len(journald.entries("USHER_SESSION=s-aaaabbbbccccdddd", "USHER_KIND=gap")) == 1


def test_a_line_of_any_length_arrives_whole(log, journald, export):
    for size in (1000, 60_000, 150_000, 212_000, 250_000):
        log.append(filler="x" * size)
    export("journald", "--journal-socket", journald.socket, "--log", log.directory)
    assert [bytes_of(one["USHER_LINE"]) for one in exported(journald, 5)] == log.lines


def test_it_follows_the_log_and_nothing_is_missing(log, journald, work, follow):
    arguments = ["journald", "--journal-socket", journald.socket, "--log", log.directory, "--cursor", work / "cursor"]
    export = follow(*arguments)
    for _ in range(5):
        log.append(200)
        log.rotate()
    wait_until((work / "cursor").exists, "a cursor")
    export.stop(9)
    follow(*arguments)
    log.append(1)
    wait_until(lambda: journald.entries("USHER_SEQUENCE=1001"), "the last line")
    check_whole([bytes_of(one["USHER_LINE"]) for one in exported(journald, 1001)], last=1001)


def test_a_journal_that_is_not_there_is_told(log, work, export, follow):
    log.append(1)
    result = export("journald", "--journal-socket", work / "none", "--log", log.directory, status=1)
    assert f"journald does not answer: connect to {work / 'none'}: No such file or directory" in result.stderr.decode()
    follow("journald", "--journal-socket", work / "none", "--log", log.directory).wait_for("trying again in 2 s")
