"""Events a second that usher-audit and the agent take, beside laurel on the same records; and what recording costs."""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

import kernel_audit
from login import Client

from .host import PROJECT
from .programs import FLAGS

PLUGIN = "/usr/sbin/usher-audit"
LAUREL = "/usr/sbin/laurel"
STORM = pathlib.Path("/usr/local/bin/usher-bench-storm")
STAMP = re.compile(r"audit\((\d+\.\d+):(\d+)\)")
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pid_of(name):
    """The one process of this name; None without."""
    answer = subprocess.run(["pgrep", "-x", "-n", name], capture_output=True, text=True)
    return int(answer.stdout) if answer.returncode == 0 else None


def in_session(host, command):
    """What the command printed in a brokered session."""
    (account, ticket), = host.tickets(1)
    with Client(host.port, account, ticket) as client:
        outcome = client.run(command, timeout=600)
    if outcome.status != 0:
        raise RuntimeError(f"a session of the benchmark: {outcome}")
    return outcome.stdout


def storm_seconds(host, count):
    """How long so many programs, one after another, take in a session."""
    words = f"S=$(date +%s%N); {STORM} marks b {count}; E=$(date +%s%N); echo $(( (E-S)/1000 ))"
    return int(in_session(host, words)) / 1e6


class Recorded:
    """Events that this host's auditd has written, to be played again under other serial numbers."""

    def __init__(self, log):
        events = {}
        for line in pathlib.Path(log).read_text(errors="replace").splitlines():
            if found := STAMP.search(line):
                events.setdefault(found[0], []).append(line)
        self._events = [lines for lines in events.values() if any('key="usher-exec"' in line for line in lines)][-500:]
        if not self._events:
            raise RuntimeError("the session's programs are not in auditd's log")
        self._serial = int(time.time()) * 1000

    def write(self, path, count, ours=1):
        """`count` events, every `ours`-th of them a session's, the others a daemon's under a rule of the site."""
        with open(path, "w", encoding="utf-8") as stream:
            for number in range(count):
                self._serial += 1
                lines = self._events[number % len(self._events)]
                text = "\n".join([*lines, f"type=EOE msg={STAMP.search(lines[0])[0]}: "]) + "\n"
                text = STAMP.sub(rf"audit(\1:{self._serial})", text)
                if number % ours:
                    text = re.sub(r" auid=\d+", " auid=4294967295", text).replace("usher-exec", "site-exec")
                stream.write(text)


def play(command, path):
    """Wall seconds, processor seconds and largest RSS in MiB of a consumer of the stream."""
    with open(path, "rb") as stream:
        start = time.monotonic()
        # wait4 counts what timeout(1) has waited for as its own.
        process = subprocess.Popen(["timeout", "120", *command], stdin=stream, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        _, status, use = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
    said = process.stderr.read().decode(errors="replace")[-300:]
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, seconds, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024


def replay(report, host, recorded, scratch, rounds, count):
    laurel = scratch / "laurel"
    laurel.mkdir()
    (laurel / "laurel.toml").write_text(f'directory = "{laurel}"\n[auditlog]\nfile = "audit.log"\nsize = 500000000\n')
    rates = {}
    for name, ours in (("all of sessions", 1), ("one in ten of sessions", 10)):
        for _ in range(rounds):
            for who in ("usher", "laurel"):
                if who == "laurel" and not os.path.exists(LAUREL):
                    continue
                recorded.write(scratch / "stream", count, ours)
                before = host.agent_cpu_seconds()
                command = [PLUGIN] if who == "usher" else [LAUREL, "--config", str(laurel / "laurel.toml")]
                status, said, seconds, cpu, rss = play(command, scratch / "stream")
                if status != 0 and who == "laurel":
                    report.note(f"laurel, {name}", f"not measured: exit {status} {said}")
                    continue
                if status != 0:
                    raise RuntimeError(f"{command[0]}: exit {status}: {said}")
                agent = host.agent_cpu_seconds() - before if who == "usher" else 0.0
                report.emit("evidence-replay", who=who, stream=name, events=count, events_s=round(count / seconds),
                            cpu_s=round(cpu, 3), agent_cpu_s=round(agent, 2), rss_mib=round(rss, 1),
                            agent_rss_mib=round(host.agent_rss_mib(), 1))
                rates.setdefault((who, name), []).append((count / seconds, count / max(cpu + agent, 0.01), rss))
    for name in ("all of sessions", "one in ten of sessions"):
        ours = [statistics.median(column) for column in zip(*rates["usher", name])]
        report.note(f"usher-audit and agent, {name}", f"{ours[0]:,.0f} events/s, plugin at most {ours[2]:.0f} MiB")
        if ("laurel", name) in rates:
            theirs = [statistics.median(column) for column in zip(*rates["laurel", name])]
            report.hold("laurel on the same stream", f"{theirs[0]:,.0f} events/s, at most {theirs[2]:.0f} MiB",
                        "below usher's", ours[0] > theirs[0])
        else:
            report.note("laurel on the same stream", "not installed")


def slow_down(report, host, rounds, count):
    """The same programs with the rules and without, in turn, in one run."""
    watchers = {"agent": host.agent_pid, "plugin": pid_of("usher-audit")}
    times = {"on": [], "off": []}
    shares = []
    try:
        for _ in range(rounds):
            for state in ("off", "on"):
                (kernel_audit.delete_rules if state == "off" else kernel_audit.add_rules)()
                before = {name: cpu_seconds(pid) for name, pid in watchers.items() if pid}
                seconds = storm_seconds(host, count)
                used = {name: cpu_seconds(watchers[name]) - since for name, since in before.items()}
                times[state].append(seconds)
                if state == "on":
                    shares.append(sum(used.values()) / seconds)
                report.emit("evidence-slow-down", rules=state, programs=count, seconds=round(seconds, 3),
                            **{f"{name}_cpu_s": round(value, 2) for name, value in used.items()})
    finally:
        kernel_audit.add_rules()
    off, on = statistics.median(times["off"]), statistics.median(times["on"])
    report.note(f"{count:,} programs in a session: without rules, with them",
                f"{off:.2f} s, {on:.2f} s ({(on / off - 1) * 100:+.0f} %)")
    share = statistics.median(shares) * 100
    report.hold("CPU of agent and plugin, of the time that the programs take", f"{share:.0f} %", "< 10 %", share < 10)


def evidence(report, host, scratch, rounds, count, programs):
    source = PROJECT / "Tests/Host/storm.c"
    subprocess.run(["gcc", *FLAGS, "-o", str(STORM), str(source)], check=True)
    storm_seconds(host, 600)
    time.sleep(2)
    scratch = scratch / "evidence"
    scratch.mkdir()
    recorded = Recorded(host.audit_log)
    replay(report, host, recorded, scratch, rounds, count)
    slow_down(report, host, rounds, programs)
    shutil.rmtree(scratch)
    STORM.unlink()
