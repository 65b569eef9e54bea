"""What is wrong with the log or the cursor is told: what, and where. Nothing is passed over in silence."""
import json
import os

import pytest

from receivers import wait_until


def lines_of(path):
    return path.read_bytes().splitlines()


def error(result):
    text = result.stderr.decode()
    assert text.startswith("usher: ") and text.count("\n") == 1, text
    return text


@pytest.fixture
def arguments(log, work):
    return ["file", work / "out.jsonl", "--log", log.directory, "--cursor", work / "cursor"]


def rewrite(path, change):
    lines = path.read_bytes().splitlines()
    change(lines)
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def test_lines_that_were_rotated_away(log, work, arguments, export):
    log.append(10)
    export(*arguments)
    for _ in range(3):
        log.append(10)
        log.rotate()
    for path in log.rotated()[:2]:
        path.unlink()
    text = error(export(*arguments, status=3))
    assert f"line 11 is gone from {log.directory}, whose oldest line is 31" in text
    assert "--over-gaps or --from 31 goes on behind it" in text
    assert lines_of(work / "out.jsonl") == log.lines[:10]
    result = export(*arguments, "--over-gaps")
    assert "going on with line 31" in result.stderr.decode()
    assert lines_of(work / "out.jsonl") == log.lines[:10] + log.lines[30:]
    # The cursor stands behind it.
    log.append(5)
    assert export(*arguments).stderr == b""
    assert lines_of(work / "out.jsonl") == log.lines[:10] + log.lines[30:]


def test_a_file_that_is_missing_in_between(log, work, arguments, export):
    for _ in range(3):
        log.append(10)
        log.rotate()
    log.append(1)
    log.rotated()[1].unlink()
    first, third = log.rotated()
    text = error(export(*arguments, status=3))
    assert f"lines 11 to 20 are missing between {first} and {third}" in text
    assert lines_of(work / "out.jsonl") == log.lines[:10]


def test_a_line_that_was_taken_out(log, work, arguments, export):
    log.append(10)
    rewrite(log.current, lambda lines: lines.pop(6))
    text = error(export(*arguments, status=3))
    assert f"{log.current}: lines are missing or out of order: line 8 follows line 6" in text
    assert lines_of(work / "out.jsonl") == log.lines[:6]
    export(*arguments, "--over-gaps")
    assert lines_of(work / "out.jsonl") == log.lines[:6] + log.lines[7:]


def test_a_line_that_was_changed(log, work, arguments, export):
    log.append(10)

    def change(lines):
        lines[4] = lines[4].replace(b"/bin/ls", b"/bin/id")

    rewrite(log.current, change)
    text = error(export(*arguments, status=3))
    assert f"{log.current}: line 6 does not continue the log: it names another hash than that of line 5" in text
    # It cannot be known before that the fifth line is not what was written; its receiver sees it as well.
    assert len(lines_of(work / "out.jsonl")) == 5


def test_lines_that_changed_places(log, work, arguments, export):
    log.append(10)

    def swap(lines):
        lines[3], lines[4] = lines[4], lines[3]

    rewrite(log.current, swap)
    text = error(export(*arguments, status=3))
    assert "line 5 follows line 3" in text
    # Going on takes what stands there, in its order, and comes to an end.
    result = export(*arguments, "--over-gaps")
    assert result.stderr.decode().count("going on with line") == 3
    received = [json.loads(line)["usher"]["sequence"] for line in lines_of(work / "out.jsonl")]
    assert received == [1, 2, 3, 5, 4, 6, 7, 8, 9, 10]


def test_what_is_no_line(log, work, arguments, export):
    log.append(5)
    log.write_raw(b"garbage\n\xff\xfe\n\n")
    log.append(5)
    text = error(export(*arguments, status=3))
    assert f"{log.current}: what stands in the place of line 6 is no evidence line" in text
    export(*arguments, "--over-gaps")
    assert lines_of(work / "out.jsonl") == log.lines


def test_a_line_without_an_end(log, arguments, export):
    log.append(2)
    log.write_raw(b"x" * 300_000)
    assert "a line of more than 262144 bytes" in error(export(*arguments, status=1))


def test_a_rotated_file_whose_end_was_cut_off(log, arguments, export):
    log.append(5)
    log.rotate()
    log.append(5)
    path = log.rotated()[0]
    os.truncate(path, path.stat().st_size - 20)
    text = error(export(*arguments, status=3))
    assert f"{path} ends in the middle of line 5" in text


def test_a_log_that_is_shorter_than_before(log, arguments, export):
    log.append(10)
    export(*arguments)
    rewrite(log.current, lambda lines: lines.__delitem__(slice(7, None)))
    text = error(export(*arguments, status=3))
    assert f"{log.current} ends the log with line 7, before line 10, which was there before" in text


def test_a_log_that_was_replaced(log, work, arguments, export):
    log.append(10)
    export(*arguments)
    # Written anew from its first line on, with numbers and hashes that fit each other.
    other = type(log)(work / "other")
    other.append(12, filler="other")
    log.current.write_bytes(other.current.read_bytes())
    text = error(export(*arguments, status=3))
    assert "line 11 does not continue the log: it names another hash than that of line 10" in text


def test_a_log_that_is_gone(log, arguments, export):
    log.append(10)
    export(*arguments)
    log.current.unlink()
    text = error(export(*arguments, status=3))
    assert f"{log.directory} holds no lines, but line 10 was there before" in text
    log.directory.rmdir()
    assert "No such file or directory" in error(export(*arguments, status=1))


@pytest.mark.parametrize("content", [
    "", "{}", "no json", '{"version":2,"destination":"x","sequence":1,"resend":{"sequence":1}}',
    '{"version":1,"destination":"x","sequence":-1,"resend":{"sequence":1}}',
    '{"version":1,"destination":"x","sequence":1,"hash":"beef","resend":{"sequence":1}}',
    '{"version":1,"destination":"x","sequence":1,"resend":{"sequence":2}}',
])
def test_a_cursor_that_is_none(log, work, arguments, export, content):
    log.append(3)
    (work / "cursor").write_text(content)
    assert f"{work / 'cursor'} is not a cursor of this version" in error(export(*arguments, status=1))
    assert (work / "cursor").read_text() == content
    export(*arguments, "--from", 1)
    assert lines_of(work / "out.jsonl") == log.lines
    assert json.loads((work / "cursor").read_text())["sequence"] == 3


def test_the_cursor_of_another_receiver(log, work, arguments, export):
    log.append(3)
    export(*arguments)
    result = export("file", work / "second.jsonl", "--log", log.directory, "--cursor", work / "cursor", status=1)
    text = error(result)
    assert f"is the cursor of file {work / 'out.jsonl'}, not of file {work / 'second.jsonl'}" in text


def test_a_cursor_or_log_that_others_may_write_is_refused(log, work, arguments, export):
    log.append(3)
    export(*arguments)
    (work / "cursor").chmod(0o666)
    assert "lets others in" in error(export(*arguments, status=1))
    (work / "cursor").chmod(0o600)
    log.current.chmod(0o666)
    assert "lets others in" in error(export(*arguments, status=1))


def test_with_follow_it_is_told_again_and_again_until_it_is_mended(log, work, arguments, follow):
    log.append(10)
    whole = log.current.read_bytes()
    rewrite(log.current, lambda lines: lines.pop(6))
    export = follow(*arguments)
    export.wait_for("line 8 follows line 6; --over-gaps or --from 8 goes on behind it; trying again in 1 s")
    export.wait_for("trying again in 2 s")
    log.current.write_bytes(whole)
    wait_until(lambda: lines_of(work / "out.jsonl") == log.lines, "all lines")


def test_with_follow_a_bad_cursor_is_told_again_and_again(log, work, arguments, follow):
    log.append(3)
    (work / "cursor").write_text("{}")
    export = follow(*arguments)
    export.wait_for("is not a cursor of this version")
    export.wait_for("trying again in 2 s")
    (work / "cursor").unlink()
    wait_until(lambda: (work / "out.jsonl").exists() and lines_of(work / "out.jsonl") == log.lines, "all lines")
