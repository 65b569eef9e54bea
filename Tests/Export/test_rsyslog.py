"""A real rsyslogd with gnutls, as examples/export-rsyslog.conf sets it up."""
import os
import pathlib
import re
import signal
import subprocess

import pytest

from evidence_log import check_whole
from receivers import Rsyslog, wait_until

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "export-rsyslog.conf"


@pytest.fixture
def rsyslog(work, authority):
    directory = work / "rsyslog"
    directory.mkdir()
    certificate, key = authority.issue("receiver", ["siem.example", "127.0.0.1"])
    receiver = Rsyslog(EXAMPLE.read_text(), directory, authority.path, certificate, key)
    yield receiver
    receiver.stop()


@pytest.fixture
def arguments(rsyslog, authority, log, work):
    certificate, key = authority.issue("host", ["host.example"])
    return ["syslog", "--to", f"127.0.0.1:{rsyslog.port}", "--server-name", "siem.example", "--ca", authority.path,
            "--certificate", certificate, "--key", key, "--log", log.directory, "--cursor", work / "cursor"]


def test_its_file_is_the_log_byte_for_byte(log, rsyslog, arguments, export):
    log.append(2000)
    log.rotate()
    log.append(1000, severity=4, filler="w" * 9000)
    log.append(filler="y" * 250_000)
    export(*arguments)
    # The export has ended: rsyslogd had read everything, and writes what it has read.
    wait_until(lambda: len(rsyslog.lines) == 3001, "all lines in rsyslogd's file")
    assert rsyslog.lines == log.lines
    assert check_whole(rsyslog.lines, last=3001) == 0


def test_a_host_without_a_certificate_is_not_let_in(log, rsyslog, authority, export):
    log.append(3)
    result = export("syslog", "--to", f"127.0.0.1:{rsyslog.port}", "--ca", authority.path, "--log", log.directory,
                    status=1)
    assert re.search(r"closed the connection|no TLS with", result.stderr.decode())
    assert rsyslog.lines == []


def test_nothing_is_missing_after_restarts_of_the_receiver(log, rsyslog, arguments, follow):
    exporter = follow(*arguments)
    for round in range(3):
        log.append(800, filler="v" * 700)
        log.rotate()
        wait_until(lambda: len(rsyslog.lines) > 0, "lines")
        rsyslog.stop()
        log.append(200)
        rsyslog.start()
    wait_until(lambda: rsyslog.lines and rsyslog.lines[-1] == log.lines[-1], "the last line", 60)
    check_whole(rsyslog.lines, last=3000)
    assert exporter.stop() == 0


def test_nothing_is_missing_after_a_crash_of_the_receiver(log, rsyslog, arguments, follow):
    exporter = follow(*arguments)
    log.append(3000, filler="v" * 700)
    wait_until(lambda: len(rsyslog.lines) > 500, "lines")
    rsyslog.stop(kill=True)
    # A crash may leave a part of a line in its file; a receiver that is to be complete cuts it, as its admin would.
    cut_part(rsyslog.output)
    rsyslog.start()
    log.append(100)
    wait_until(lambda: rsyslog.lines[-1] == log.lines[-1], "the last line", 60)
    check_whole(rsyslog.lines, last=3100)
    assert exporter.stop() == 0


def test_nothing_is_missing_when_exporter_and_log_restart_too(log, rsyslog, arguments, follow):
    for round in range(4):
        exporter = follow(*arguments)
        log.append(500, filler="u" * 300)
        wait_until(lambda: len(rsyslog.lines) > round * 500, "lines of this round")
        exporter.stop(signal.SIGKILL if round % 2 else signal.SIGTERM)
        log.rotate()
    exporter = follow(*arguments)
    wait_until(lambda: rsyslog.lines[-1] == log.lines[-1], "the last line", 60)
    check_whole(rsyslog.lines, last=2000)
    assert exporter.stop() == 0


def test_the_example_is_taken_by_rsyslogds_own_check(rsyslog):
    result = subprocess.run(["/usr/sbin/rsyslogd", "-N1", "-f", rsyslog.configuration], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "error" not in result.stderr.lower().replace("no errors", ""), result.stderr


def cut_part(path):
    data = path.read_bytes()
    os.truncate(path, data.rfind(b"\n") + 1)
