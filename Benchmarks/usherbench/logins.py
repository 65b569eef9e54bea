"""Latency and throughput of whole logins, memory of the agent, double-spend."""
import time

from .peers import STAGES
from .report import Spread, percentile

PARALLEL = (1, 2, 8, 32)


def latency(report, programs, peers, rounds, batch, unix_batch):
    """Interleaved rounds, so that the machine's noise hits all alike; ratios are taken inside a round."""
    walls = {name: [] for name in peers}
    middles = {name: [] for name in peers}
    stages = {stage: [] for stage in STAGES}
    failed = 0
    for round_number in range(rounds):
        for name, peer in peers.items():
            result = peer.run(programs, unix_batch if name == "unix" else batch, 1)
            report.emit("latency", round=round_number, **result.json())
            failed += result.failed
            if not result.wall_us:
                continue
            walls[name] += result.wall_us
            middles[name].append(Spread.of(result.wall_us).median)
            if name == "usher":
                for stage in STAGES:
                    stages[stage] += result.stages[stage]
        peers["usher"].host.settle()
    for name in peers:
        if not walls[name]:
            report.require(f"{name}: logins that go through", "none", "all", False)
            continue
        report.note(f"whole login, {name}: p50, p99",
                    f"{percentile(walls[name], 0.5) / 1000:.2f}, {percentile(walls[name], 0.99) / 1000:.2f} ms")
    report.require("right tickets and passwords refused (latency)", str(failed), "0", failed == 0)
    for floor in ("permit", "permit-bare"):
        ratios = [ours / theirs for ours, theirs in zip(middles["usher"], middles[floor])]
        if ratios:
            spread = Spread.of(ratios)
            report.emit("latency-ratio", floor=floor, ratio=spread.json(3))
            label = "pam_permit" if floor == "permit" else "pam_permit without pam_loginuid"
            report.hold(f"whole login, usher / {label}", spread.text("×"), "≤ 4×", spread.median <= 4)
    if stages["open"]:
        report.note("usher, p50 of each phase in µs",
                    ", ".join(f"{stage} {percentile(stages[stage], 0.5):.0f}" for stage in STAGES))


def throughput(report, programs, peers, rounds, counts, memory):
    """Logins/s, audit on for everybody: without its audit record Usher opens no session. The rate counts until
    the last answer; how long the agent then still works on teardowns is given beside it."""
    rates = {(name, parallel): [] for name in peers for parallel in PARALLEL}
    settled = {parallel: [] for parallel in PARALLEL}
    failed = 0
    for round_number in range(rounds):
        for parallel in PARALLEL:
            for name, peer in peers.items():
                before = peer.host.agent_cpu_seconds()
                result = peer.run(programs, max(counts[name], 2 * parallel), parallel)
                values = result.json()
                if name == "usher":
                    rest = peer.host.settle()
                    settled[parallel].append((result.count - result.failed) / (result.seconds + rest))
                    cpu = (peer.host.agent_cpu_seconds() - before) / result.count
                    values.update(teardowns_done_after_s=round(rest, 2), agent_cpu_us_per_login=round(cpu * 1e6))
                    memory.read(result.count)
                report.emit("throughput", round=round_number, **values)
                failed += result.failed
                rates[name, parallel].append(result.rate)
    for parallel in PARALLEL:
        for name in peers:
            spread = Spread.of(rates[name, parallel])
            what, text = f"logins/s, {name}, {parallel} parallel", spread.text(digits=0)
            if (name, parallel) == ("usher", 32):
                report.hold(what, text, "≥ 1000", spread.median >= 1000)
            else:
                report.note(what, text)
        report.note(f"the same with all teardowns done, usher, {parallel} parallel",
                    Spread.of(settled[parallel]).text(digits=0))
    report.require("right tickets and passwords refused (throughput)", str(failed), "0", failed == 0)


class Memory:
    """Resident memory and descriptors of the agent over its logins."""

    def __init__(self, report, host):
        self.report, self.host, self.logins, self.readings = report, host, 0, []
        self.read(0)

    def read(self, logins):
        self.logins += logins
        reading = (self.logins, self.host.agent_rss_mib(), self.host.agent_descriptors())
        self.readings.append(reading)
        self.report.emit("memory", logins=self.logins, rss_mib=round(reading[1], 1), descriptors=reading[2])

    def fill(self, programs, peer, until, batch):
        """Goes on to log in until the agent has seen this many."""
        while self.logins < until:
            result = peer.run(programs, min(batch, until - self.logins), 8)
            self.host.settle()
            self.read(result.count)

    def judge(self):
        """Flat: the last reading is at most a tenth above the one at a fifth of the way."""
        (_, idle, idle_descriptors), (last_logins, last, descriptors) = self.readings[0], self.readings[-1]
        early = next(rss for logins, rss, _ in self.readings if logins >= last_logins / 5)
        self.report.note("agent RSS idle", f"{idle:.1f} MiB")
        self.report.hold(f"agent RSS after {last_logins} logins", f"{last:.1f} MiB", "≤ 40 MiB", last <= 40)
        self.report.hold("the same against a fifth of the logins", f"{last / early:.2f}×", "≤ 1.1×",
                         last <= 1.1 * early)
        self.report.hold("agent descriptors idle → after", f"{idle_descriptors} → {descriptors}", "≤ +4",
                         descriptors <= idle_descriptors + 4)


def double_spend(report, programs, peer, tickets, contestants):
    """Each ticket from all contestants at once: it must admit exactly one."""
    start = time.monotonic()
    logins = peer.prepare(tickets)
    [result] = programs.run("doublespend", peer.directory, "sshd", logins, contestants, accept=(0, 1))
    logins.unlink()
    report.emit("double-spend", seconds=round(time.monotonic() - start, 1), **result)
    what = f"{tickets} tickets × {contestants} processes:"
    for key in ("admitted_more_than_once", "never_admitted", "processes_that_died"):
        report.require(f"{what} {key.replace('_', ' ')}", str(result[key]), "0", result[key] == 0)
    peer.host.settle()
