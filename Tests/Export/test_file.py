"""Files, named pipes and standard output."""
import json
import os
import subprocess
import threading

from evidence_log import check_whole
from receivers import wait_until

SESSION = "s-zzzzyyyyxxxxwwww"


def lines_of(path):
    return path.read_bytes().splitlines()


def test_standard_output_is_the_log_byte_for_byte(log, export):
    log.append(300)
    log.rotate()
    log.append(200)
    result = export("file", "-", "--log", log.directory)
    assert result.stdout == b"".join(line + b"\n" for line in log.lines)


def test_a_log_without_lines_is_nothing_to_say(log, export):
    assert export("file", "-", "--log", log.directory).stdout == b""


def test_a_run_goes_on_where_the_one_before_ended(log, work, export):
    arguments = ["file", work / "out.jsonl", "--log", log.directory, "--cursor", work / "cursor"]
    log.append(10)
    export(*arguments)
    assert (work / "out.jsonl").stat().st_mode & 0o777 == 0o600
    log.append(10)
    log.rotate()
    export(*arguments)
    export(*arguments)
    assert lines_of(work / "out.jsonl") == log.lines


def test_a_line_that_a_crash_cut_is_written_again_whole(log, work, export):
    log.append(10)
    # 4 whole lines and a part, and a cursor from before: what a crash between writing and the cursor leaves.
    export("file", work / "out.jsonl", "--log", log.directory, "--cursor", work / "cursor")
    (work / "cursor").unlink()
    os.truncate(work / "out.jsonl", sum(len(line) + 1 for line in log.lines[:4]) + 30)
    export("file", work / "out.jsonl", "--log", log.directory, "--cursor", work / "cursor", "--from", 5)
    assert lines_of(work / "out.jsonl") == log.lines


def test_only_the_lines_of_a_session(log, work, export):
    for number in range(50):
        log.append(session=SESSION if number % 3 == 0 else "s-aaaabbbbccccdddd")
    out = export("file", "-", "--session", SESSION, "--log", log.directory).stdout.splitlines()
    assert out == [line for line in log.lines if json.loads(line)["usher"]["session"] == SESSION]
    assert len(out) == 17


def test_from_begins_with_that_line(log, export):
    for _ in range(8):
        log.append(25, filler="x" * 4000)
        log.rotate()
    log.append(400, filler="y" * 2000)
    for first in (1, 2, 25, 26, 199, 200, 201, 202, 333, 599, 600):
        out = export("file", "-", "--log", log.directory, "--from", first).stdout.splitlines()
        assert out == log.lines[first - 1:]
    assert export("file", "-", "--log", log.directory, "--from", 601).stdout == b""


def test_a_named_pipe_follows_the_log(log, work, follow):
    os.mkfifo(work / "pipe", 0o600)
    export = follow("file", work / "pipe", "--log", log.directory, "--cursor", work / "cursor")
    received = []

    def read():
        with open(work / "pipe", "rb") as pipe:
            received.extend(pipe)

    reader = threading.Thread(target=read, daemon=True)
    log.append(100)
    reader.start()
    wait_until(lambda: len(received) == 100, "the first lines")
    log.rotate()
    log.append(100)
    wait_until(lambda: len(received) == 200, "the other lines")
    export.stop()
    reader.join(10)
    assert [line.rstrip(b"\n") for line in received] == log.lines


def test_a_file_follows_the_log_while_both_are_killed_and_rotate(log, work, follow):
    arguments = ["file", work / "out.jsonl", "--log", log.directory, "--cursor", work / "cursor"]
    for round in range(5):
        export = follow(*arguments)
        for _ in range(10):
            log.append(20, filler="z" * 500)
            log.rotate()
        wait_until(lambda: (work / "out.jsonl").exists() and len(lines_of(work / "out.jsonl")) > round * 200, "lines")
        export.stop(9)
    follow(*arguments)
    wait_until(lambda: lines_of(work / "out.jsonl")[-1] == log.lines[-1], "the last line")
    check_whole(lines_of(work / "out.jsonl"), last=1000)


def test_a_line_that_is_being_written_waits_for_its_end(log, work, follow):
    follow("file", work / "out.jsonl", "--log", log.directory)
    log.append(2)
    line = log.line()
    log.write_raw(line[:50])
    wait_until(lambda: (work / "out.jsonl").exists() and len(lines_of(work / "out.jsonl")) == 2, "whole lines")
    log.write_raw(line[50:] + b"\n")
    wait_until(lambda: lines_of(work / "out.jsonl") == [*log.lines, line], "the third line")


def test_a_torn_end_that_the_writer_cuts_is_never_sent(log, work, follow):
    export = follow("file", work / "out.jsonl", "--log", log.directory)
    log.append(2)
    wait_until(lambda: (work / "out.jsonl").exists() and len(lines_of(work / "out.jsonl")) == 2, "whole lines")
    size = log.current.stat().st_size
    log.write_raw(b'{"metadata":{"torn')
    # Long enough for the exporter to have seen it.
    wait_until(lambda: export.process.poll() is None and _looked(export.process.pid), "a look", 5)
    os.truncate(log.current, size)
    log.append(3)
    wait_until(lambda: lines_of(work / "out.jsonl") == log.lines, "what follows")
    assert export.said == ""


def _looked(pid, state={}):
    """Whether the process has slept and woken at least three times since the first question."""
    switches = int(open(f"/proc/{pid}/status").read().split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return switches >= state.setdefault(pid, switches) + 3


def test_a_full_disk_is_told_and_nothing_is_lost(log, work, export):
    small = work / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", small], check=True)
    try:
        log.append(500)
        result = export("file", small / "out.jsonl", "--log", log.directory, "--cursor", work / "cursor", status=1)
        assert "No space left on device" in result.stderr.decode()
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        export("file", small / "out.jsonl", "--log", log.directory, "--cursor", work / "cursor")
        received = lines_of(small / "out.jsonl")
        # The line at which the disk was full is whole again: its part was cut off.
        check_whole(received, last=500)
    finally:
        subprocess.run(["umount", small], check=True)
