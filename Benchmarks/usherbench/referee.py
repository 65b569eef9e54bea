"""The same logins judged by somebody else's harness, where one is at hand (BENCH_REFEREE): it measures peers
that this machine has a module for, and Usher beside them, with its own programs."""
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tomllib

from .one_time_peers import OneTimePeers
from .report import Spread

USHER = '''about = "pam_usher: one-time ticket of the host's own account, burned durably; open and close durable"
so = "{module}"
service = """
auth     required {module}
account  required {module}
session  required pam_loginuid.so
session  required {module}
"""
user = "{account}"
codes = "{codes}"
max_rate = 1500
'''


def runnable(path, host):
    """Whether a peer needs nothing that this host lacks: its module, its files, its commands, no daemon."""
    peer = tomllib.loads(path.read_text())
    module = pathlib.Path(peer["so"])
    if peer.get("daemons") or peer.get("prompt_map"):
        return False
    if not (module if module.is_absolute() else host.security_directory / module).exists():
        return False
    if any(not pathlib.Path(file).exists() for file in re.findall(r"(?<=[ =])/(?:opt|etc/bench)/\S+", peer["service"])):
        return False
    return not peer.get("codes") or shutil.which(peer["codes"].split()[0]) is not None


class Referee:
    """A copy of the harness with a peer file for Usher."""

    def __init__(self, harness, scratch, host):
        self.directory = pathlib.Path(scratch) / "referee"
        self.results = pathlib.Path(scratch) / "referee-results"
        shutil.copytree(harness, self.directory, ignore=shutil.ignore_patterns("__pycache__", "results"))
        programs = pathlib.Path(scratch) / "referee-bin"
        subprocess.run(["make", "-s", "-C", self.directory, f"OUT={programs}", f"{programs}/pambench",
                        f"{programs}/dlcost"], check=True)
        (self.directory / "peers" / "usher.toml").write_text(
            USHER.format(module=host.module, account=host.local_user,
                         codes=host.ticket_command("{user}", "{count}").replace('"', '\\"')))
        self.peers = sorted(path.stem for path in (self.directory / "peers").glob("*.toml") if runnable(path, host))
        self.common = ["--out", str(self.results), "--bin", str(programs), "--peers", ",".join(self.peers),
                       "--daemons", "/bin/false", "--wait", "2", "--retries", "0"]

    def run(self, command, *arguments):
        done = subprocess.run(["/usr/bin/python3", str(self.directory / "bench.py"), command, *self.common, *arguments],
                              capture_output=True, text=True)
        sys.stderr.write("".join(line + "\n" for line in done.stderr.splitlines() if line.startswith("!!")))
        if done.returncode:
            raise RuntimeError(f"referee {command}: exit {done.returncode}: {done.stderr[-400:].strip()}")

    def rows(self, name):
        file = self.results / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def judge(report, harness, scratch, host, rounds, batch, seconds):
    """Latency in fork mode, logins/s, and double-spend, of all peers that run here."""
    others = OneTimePeers(pathlib.Path(scratch), host.security_directory)
    try:
        referee = Referee(harness, scratch, host)
        referee.run("latency", "--modes", "fork", "--rounds", str(rounds), "--batch", str(batch))
        host.settle()
        referee.run("concurrency", "--modes", "fork", "--rounds", "1", "--seconds", str(seconds), "--procs", "1,8,32")
        host.settle()
        # This part of the harness goes without audit, where Usher admits nobody: ours has its own.
        others_only = ",".join(peer for peer in referee.peers if peer != "usher")
        referee.run("doublespend", "--rounds", str(rounds), "--peers", others_only)
    finally:
        others.remove()
    tell_latency(report, referee)
    tell_double_spend(report, referee)


def tell_latency(report, referee):
    latency, rates = referee.rows("latency.jsonl"), referee.rows("concurrency.jsonl")
    floor = {row["round"]: row["wall_us"]["p50"] for row in latency if row["label"] == "permit"}
    for peer in referee.peers:
        mine = [row for row in latency if row["label"] == peer]
        if not mine:
            continue
        ratio = Spread.of([row["wall_us"]["p50"] / floor[row["round"]] for row in mine])
        speeds = {row["procs"]: round((row["n"] - row["fails"]) / row["seconds"]) for row in rates
                  if row["label"] == peer}
        failed = sum(row["fails"] for row in mine)
        middle = statistics.median(row["wall_us"]["p50"] for row in mine)
        report.emit("referee", peer=peer, p50_us=round(middle, 1), ratio=ratio.json(), failed=failed,
                    logins_per_second=speeds)
        report.note(f"referee: {peer}, × permit; logins/s at 1 / 8 / 32",
                    f"{ratio.text('×')}; {' / '.join(str(speeds.get(n, '–')) for n in (1, 8, 32))}"
                    + (f" ({failed} failed)" if failed else ""))


def tell_double_spend(report, referee):
    for row in referee.rows("doublespend.jsonl"):
        report.emit("referee-double-spend", **row)
        times = {int(times): codes for times, codes in row["accepted_times"].items()}
        repeated = sum(codes for count, codes in times.items() if count > 1)
        report.note(f"referee: {row['peer']}, accepted more than once of {row['codes']} by 8 at once",
                    f"{repeated}, at worst {max(times)} times")
