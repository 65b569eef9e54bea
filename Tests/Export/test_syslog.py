"""Syslog over TLS, with a receiver that accepts nothing but what the standards allow."""
import json
import re

import pytest

from certificates import Authority
from evidence_log import check_whole
from receivers import StrictReceiver, wait_until


def to(receiver, log, authority, *more, host="127.0.0.1"):
    return ["syslog", "--to", f"{host}:{receiver.port}", "--ca", authority.path, "--log", log.directory, *more]


def test_every_line_arrives_in_order_and_unchanged(log, receiver, authority, export):
    log.append(3000)
    log.rotate()
    log.append(2000, filler="x" * 500)
    export(*to(receiver, log, authority))
    assert receiver.lines == log.lines
    assert check_whole(receiver.lines, last=5000) == 0
    assert receiver.ends == ["close_notify"]


def test_the_header_says_severity_session_and_kind(log, receiver, authority, export):
    for severity in range(1, 6):
        log.append(severity=severity, kind=f"kind{severity}")
    log.append(session="s-zzzzyyyyxxxxwwww", kind="gap")
    export(*to(receiver, log, authority))
    # authpriv is 10; OCSF's 1 to 5 are syslog's 6 to 2.
    assert [int(one["priority"]) for one in receiver.messages] == [86, 85, 84, 83, 82, 86]
    last = receiver.messages[-1]
    assert (last["application"], last["process"], last["kind"]) == (b"usher", b"s-zzzzyyyyxxxxwwww", b"gap")
    assert last["time"] == b"2025-11-21T16:00:00.006Z"
    assert re.fullmatch(rb'\[origin software="usher" swVersion="[0-9.]+"\]', last["data"])


def test_a_line_as_long_as_the_log_allows_arrives(log, receiver, authority, export):
    room = 262_143 - len(log.line())
    log.append(filler="y" * room)
    assert len(log.lines[0]) == 262_143
    log.append(2)
    export(*to(receiver, log, authority))
    assert receiver.lines == log.lines


def test_a_second_run_sends_only_what_is_new_if_the_receiver_had_read_all(log, receiver, authority, export, work):
    arguments = to(receiver, log, authority, "--cursor", work / "cursor")
    log.append(10)
    export(*arguments)
    log.append(5)
    export(*arguments)
    assert receiver.lines == log.lines
    cursor = json.loads((work / "cursor").read_text())
    assert cursor["sequence"] == 15 and cursor["destination"] == f"syslog 127.0.0.1:{receiver.port}"
    assert (work / "cursor").stat().st_mode & 0o777 == 0o600


def test_a_connection_that_is_cut_loses_nothing(log, receiver, authority, follow, work):
    receiver.cut_after = 700
    export = follow(*to(receiver, log, authority, "--cursor", work / "cursor"))
    log.append(2000)
    export.wait_for("trying again in")
    log.append(500)
    wait_until(lambda: len(receiver.lines) >= 3200, "everything again, and the rest")
    assert check_whole(receiver.lines, last=2500) == 700
    assert export.stop() == 0
    assert receiver.ends == ["reset by us", "close_notify"]


def test_a_receiver_that_is_down_and_comes_back_gets_everything(log, receiver, authority, follow, work):
    export = follow(*to(receiver, log, authority, "--cursor", work / "cursor"))
    log.append(100)
    wait_until(lambda: len(receiver.lines) == 100, "the first lines")
    receiver.stop()
    log.append(100)
    log.rotate()
    log.append(100)
    export.wait_for("Connection refused; trying again in")
    receiver.start()
    export.wait_for("connected; sending from line 1")
    wait_until(lambda: len(receiver.lines) == 400, "the first lines again, and the others")
    assert check_whole(receiver.lines, last=300) == 100
    assert export.stop() == 0


def test_no_more_than_the_window_is_sent_again(log, receiver, authority, follow, work):
    export = follow(*to(receiver, log, authority, "--cursor", work / "cursor", "--resend", 16))
    for count in range(1, 21):
        log.append(10)
        wait_until(lambda: len(receiver.lines) == count * 10, "lines one batch after another")
    receiver.stop()
    receiver.start()
    log.append(1)
    wait_until(lambda: receiver.lines[-1] == log.lines[-1], "the last line")
    repeated = check_whole(receiver.lines, last=201)
    size = sum(map(len, log.lines[:200][-repeated:]))
    assert 16_384 <= size < 16_384 + 2 * sum(map(len, log.lines[:10]))
    assert export.stop() == 0


def test_an_exporter_that_is_killed_goes_on_without_a_gap(log, receiver, authority, follow, work):
    arguments = to(receiver, log, authority, "--cursor", work / "cursor")
    log.append(50)
    first = follow(*arguments)
    wait_until(lambda: len(receiver.lines) == 50, "the first lines")
    wait_until((work / "cursor").exists, "a cursor")
    first.stop(9)
    log.append(50)
    second = follow(*arguments)
    wait_until(lambda: receiver.lines[-1] == log.lines[-1], "the last line")
    check_whole(receiver.lines, last=100)
    assert second.stop() == 0


def test_the_log_may_rotate_while_it_is_sent(log, receiver, authority, follow):
    export = follow(*to(receiver, log, authority))
    for number in range(60):
        # Also a rotation with nothing between it and the next, as far as the exporter sees.
        log.append(number % 7 + 1, filler="z" * (number * 37 % 900))
        log.rotate()
    log.append(3)
    wait_until(lambda: len(receiver.lines) == len(log.lines), "all lines")
    assert receiver.lines == log.lines
    assert export.stop() == 0 and export.said == ""


def test_old_files_that_go_after_they_were_sent_do_no_harm(log, receiver, authority, follow, work):
    export = follow(*to(receiver, log, authority, "--cursor", work / "cursor"))
    for _ in range(5):
        log.append(20)
        log.rotate()
    wait_until(lambda: len(receiver.lines) == 100, "all lines")
    for path in log.rotated()[:4]:
        path.unlink()
    receiver.stop()
    receiver.start()
    log.append(1)
    wait_until(lambda: receiver.lines[-1] == log.lines[-1], "the last line")
    assert receiver.lines[:100] == log.lines[:100]
    assert receiver.lines[100:] == log.lines[80:]
    assert export.stop() == 0


def test_a_receiver_of_another_authority_is_refused(log, receiver, work, export):
    log.append(3)
    other = Authority(work, "other")
    result = export(*to(receiver, log, other), status=1)
    text = result.stderr.decode()
    assert f"the certificate of 127.0.0.1:{receiver.port} does not fit: not signed by an authority" in text
    assert receiver.lines == []


def test_a_receiver_of_another_name_is_refused(log, receiver, authority, export):
    log.append(3)
    result = export(*to(receiver, log, authority, "--server-name", "other.example"), status=1)
    assert "is not for other.example" in result.stderr.decode()
    # The address stands in the certificate, the name that leads to it does not.
    result = export(*to(receiver, log, authority, host="localhost"), status=1)
    assert "is not for localhost" in result.stderr.decode()
    assert receiver.lines == []
    export(*to(receiver, log, authority, "--server-name", "siem.example"))
    assert receiver.lines == log.lines


def test_a_receiver_whose_certificate_has_expired_is_refused(log, authority, export):
    certificate, key = authority.issue("expired", ["127.0.0.1"], days=(-3, -1))
    receiver = StrictReceiver(certificate, key)
    log.append(1)
    result = export(*to(receiver, log, authority), status=1)
    assert "does not fit" in result.stderr.decode()
    receiver.stop()
    assert receiver.lines == []


def test_a_refused_certificate_is_told_and_tried_again(log, receiver, work, follow):
    log.append(1)
    export = follow(*to(receiver, log, Authority(work, "other")))
    export.wait_for("does not fit")
    export.wait_for("trying again in 2 s")
    assert export.stop() == 0


def test_a_receiver_that_asks_gets_this_hosts_certificate(log, authority, export):
    receiver = StrictReceiver(*authority.issue("receiver", ["127.0.0.1"]), client_authority=authority.path)
    certificate, key = authority.issue("host", ["host.example"])
    log.append(3)
    export(*to(receiver, log, authority, "--certificate", certificate, "--key", key))
    assert receiver.lines == log.lines
    assert receiver.peers[0]["subject"] == ((("commonName", "host"),),)
    # Without one, TLS 1.3 lets the client write before it hears of the refusal: it must not count as delivered.
    result = export(*to(receiver, log, authority), status=1)
    assert "closed the connection" in result.stderr.decode() or "no TLS" in result.stderr.decode()
    receiver.stop()


def test_a_key_that_others_may_read_is_refused(log, receiver, authority, export):
    certificate, key = authority.issue("host", ["host.example"])
    key.chmod(0o604)
    log.append(1)
    result = export(*to(receiver, log, authority, "--certificate", certificate, "--key", key), status=1)
    assert "lets others in" in result.stderr.decode()


@pytest.mark.parametrize("arguments", [
    ["--to", "siem.example"], ["--to", "siem.example:0"], ["--to", "siem.example:70000"], ["--to", "::1:6514"],
    ["--to", "a:1", "--key", "k"], ["--to", "a:1", "--from", "0"], ["--to", "a:1", "--resend", "-1"],
])
def test_a_wrong_command_line_is_refused(arguments, export):
    export("syslog", "--ca", "/dev/null", *arguments, status=2)
