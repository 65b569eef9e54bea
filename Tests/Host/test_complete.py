"""Is every program that a brokered session starts in the evidence? Counted by the programs themselves."""
import json
import os
import pathlib
import re
import secrets
import time

import pytest

import forge
import host_files
import kernel_audit
import observe
import processes
from login import Client

HERE = pathlib.Path(__file__).resolve().parent
SESSIONS = 8
# 50,000 is the whole proof; a tenth of it belongs to every `make test`.
PROGRAMS = int(os.environ.get("STORM_PROGRAMS", "5000"))
STORM = pathlib.Path("/usr/local/bin/usher-test-storm")
EVIDENCE = pathlib.Path("/var/log/usher")


@pytest.fixture(scope="module")
def storm(machine):
    host_files.must(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(STORM),
                     str(HERE / "storm.c")])
    yield STORM
    STORM.unlink()


@pytest.fixture
def quick_auditd(host):
    """The tests' auditd syncs its log at every record, which no host does: the kernel's queue then fills, and records
    are lost before anybody of ours could see them. Debian's setting, for as long as the test takes."""
    path = pathlib.Path("/etc/audit/auditd.conf")
    before = path.read_text(encoding="utf-8")
    text = re.sub(r"^(\s*flush\s*=).*$", r"\1 INCREMENTAL_ASYNC", before, flags=re.MULTILINE)
    path.write_text(re.sub(r"^(\s*freq\s*=).*$", r"\1 50", text, flags=re.MULTILINE), encoding="utf-8")
    processes.run(["auditctl", "--signal", "HUP"])
    yield
    path.write_text(before, encoding="utf-8")
    processes.run(["auditctl", "--signal", "HUP"])


def evidence_lines():
    """Every line of the evidence log, the rotated files first."""
    files = sorted(EVIDENCE.glob("evidence-*.jsonl"), key=lambda path: int(re.sub(r"\D", "", path.stem)))
    for path in [*files, EVIDENCE / "evidence.jsonl"]:
        with path.open("rb") as lines:
            yield from lines


def seen(run):
    """Ids of the run that the evidence names, and the intervals of its gaps in milliseconds."""
    mark = re.compile(run.encode() + rb'-\d+-\d+')
    ids, gaps = set(), []
    for line in evidence_lines():
        found = mark.search(line)
        if found:
            ids.add(found[0].decode())
        elif b'"kind":"gap"' in line:
            gaps.append(json.loads(line)["usher"])
    return ids, gaps


@pytest.fixture
def losing_audit(host):
    """A kernel that keeps few records and lets no program wait for room: what auditd does not fetch at once is lost."""
    before = kernel_audit.status()
    kernel_audit.set_backlog(128, 0)
    yield
    kernel_audit.set_backlog(before["backlog_limit"], before["backlog_wait_time"])


def run_storm(host, broker, storm, programs):
    """Programs of eight sessions: when each began by its own count, and what the evidence has of them."""
    run = f"storm{secrets.token_hex(4)}"
    clients = [(number, forge.account()) for number in range(SESSIONS)]
    share = programs // SESSIONS
    started = time.time()
    logins = []
    for number, name in clients:
        client = Client(host.port, name, forge.ticket(broker, name)).__enter__()
        logins.append((client, client.start(
            f"{STORM} marks {run}-{number} {share} && cat marks")))
    ran = {}
    for client, login in logins:
        output, _ = login.communicate(timeout=1200)
        assert login.returncode == 0
        ran |= {mark: int(when) for mark, when in map(str.split, output.splitlines())}
        client.__exit__()
    seconds = time.time() - started
    assert len(ran) == SESSIONS * share, "the programs count themselves"
    counts = []
    # All are there, or no more come.
    while not (ran.keys() <= seen(run)[0] or counts[-15:].count(len(seen(run)[0])) == 15):
        counts.append(len(seen(run)[0]))
        time.sleep(1)
    ids, gaps = seen(run)
    print(f"{len(ids & ran.keys())} of {len(ran)} programs in {seconds:.1f} s, {len(gaps)} gaps")
    assert ids <= ran.keys()
    unexplained = sorted(ran[mark] for mark in ran.keys() - ids
                         if not any(gap["from"] <= ran[mark] <= gap["to"] for gap in gaps))
    told = [(gap["cause"], gap["from"], gap["to"]) for gap in gaps]
    assert not unexplained, (
        f"{len(unexplained)} programs between {unexplained[0]} and {unexplained[-1]} are in no gap: {told}")
    for _, name in clients:
        observe.assert_nothing_left(name)
    return ran, ids, gaps


def test_every_program_of_eight_sessions_at_full_speed_is_in_the_evidence(host, broker, storm, quick_auditd):
    run_storm(host, broker, storm, PROGRAMS)


def test_programs_whose_records_the_kernel_lost_are_in_a_gap(host, broker, storm, losing_audit):
    ran, ids, gaps = run_storm(host, broker, storm, 2000)
    assert ran.keys() - ids, "nothing was lost: this shows nothing"
    assert any(gap["cause"] == "kernel lost records" and gap["lost"] > 0 for gap in gaps)
