"""On what machine, and how quiet it was."""
import os
import pathlib
import platform
import re
import subprocess


def audit_status():
    """`auditctl -s` as numbers."""
    done = subprocess.run(["auditctl", "-s"], capture_output=True, text=True, check=True)
    return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)", done.stdout, re.MULTILINE)}


def processor():
    match = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


class Environment:
    """The machine, its load, and its audit: a login writes records, and who reads them takes part in the price."""

    def __init__(self, report):
        self._report = report
        audit = audit_status()
        self._lost = audit["lost"]
        report.emit("machine", kernel=platform.release(), processors=os.cpu_count(), processor=processor(),
                    load_averages=os.getloadavg(), audit_enabled=audit["enabled"], auditd=audit["pid"] != 0,
                    audit_backlog_limit=audit["backlog_limit"])
        report.note("load average before", f"{os.getloadavg()[0]:.2f} on {os.cpu_count()} processors")
        report.note("audit", "on, with auditd" if audit["enabled"] and audit["pid"] else "not with auditd")

    def audit_losses(self):
        """Records that the kernel could not deliver: with them, every rate is flattered."""
        lost = audit_status()["lost"] - self._lost
        self._report.emit("audit", records_lost=lost)
        self._report.note("audit records lost", str(lost))
