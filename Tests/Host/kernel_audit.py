"""The machine's kernel audit, which the private host shares: its state is remembered, used and put back."""
import pathlib
import re
import subprocess

import processes

RULES = pathlib.Path(__file__).resolve().parents[2] / "audit/rules.d/50-usher.rules"
CONFIGURATION = pathlib.Path("/etc/audit/auditd.conf")


def status():
    """`auditctl -s` as numbers."""
    answer = processes.run(["auditctl", "-s"])
    if answer.returncode != 0:
        raise RuntimeError(f"the kernel's audit does not answer: {answer.stderr.strip()}")
    return {name: int(value) for name, value in re.findall(r"^(\w+) (-?\d+)", answer.stdout, re.MULTILINE)}


def _rules():
    lines = RULES.read_text(encoding="ascii").splitlines()
    return [line.split() for line in lines if line.startswith("-a ")]


def add_rules():
    """Loads the rules that the project installs, one by one as augenrules would. A rule already there is fine."""
    for rule in _rules():
        answer = processes.run(["auditctl", *rule])
        if answer.returncode != 0 and "exists" not in answer.stderr:
            raise RuntimeError(f"auditctl {' '.join(rule)}: {answer.stderr.strip()}")


def delete_rules():
    """Removes exactly those rules."""
    for rule in _rules():
        processes.run(["auditctl", "-d", *rule[1:]])


def present_rules():
    """How many of our rules the kernel has loaded."""
    return processes.run(["auditctl", "-l"]).stdout.count("key=usher-exec")


def set_backlog(records, patience):
    """How many records the kernel keeps for auditd, and how long a program waits for room (its clock's ticks)."""
    answer = processes.run(["auditctl", "-b", str(records), "--backlog_wait_time", str(patience)])
    if answer.returncode != 0:
        raise RuntimeError(f"auditctl -b {records}: {answer.stderr.strip()}")


def remember():
    """What `restore` needs."""
    state = status()
    return {"enabled": state["enabled"], "backlog_limit": state["backlog_limit"], "pid": state["pid"],
            "rules": present_rules()}


def log_of(auditd):
    """The log file of a running auditd, reachable from any mount namespace."""
    text = pathlib.Path(f"/proc/{auditd}/root{CONFIGURATION}").read_text(encoding="utf-8")
    path = re.search(r"^\s*log_file\s*=\s*(\S+)", text, re.MULTILINE)
    return f"/proc/{auditd}/root{path[1] if path else '/var/log/audit/audit.log'}"


def start_auditd(log):
    """An auditd in the current namespace with the private host's own configuration and log; returns its pid."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text = re.sub(r"^(\s*log_file\s*=).*$", r"\1 /var/log/audit/audit.log", text, flags=re.MULTILINE)
    # Every record at once in the file: the tests look for it there.
    text = re.sub(r"^(\s*flush\s*=).*$", r"\1 INCREMENTAL", text, flags=re.MULTILINE)
    text = re.sub(r"^(\s*freq\s*=).*$", r"\1 1", text, flags=re.MULTILINE)
    CONFIGURATION.write_text(text, encoding="utf-8")
    with open(log, "ab") as output:
        daemon = subprocess.Popen(
            ["/usr/sbin/auditd", "-n"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
            start_new_session=True, preexec_fn=processes.fresh_login_state)
    processes.wait_until(lambda: status()["pid"] == daemon.pid or daemon.poll() is not None, 15, "auditd is up")
    if daemon.poll() is not None:
        raise RuntimeError(f"auditd ended at once: {pathlib.Path(log).read_text(encoding='utf-8')}")
    processes.run(["auditctl", "-b", "8192"])
    return daemon.pid


def restore(before, own_auditd):
    """Ends our auditd and puts the kernel's audit back as it was."""
    if before["rules"] == 0:
        delete_rules()
    if own_auditd:
        processes.end(own_auditd)
        processes.run(["auditctl", "-b", str(before["backlog_limit"])])
        processes.run(["auditctl", "-e", str(before["enabled"])])
