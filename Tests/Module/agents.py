"""Agents that are right, wrong, late, stopped or somebody else's; and what the module told them and syslog."""
import contextlib
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SO_RCVBUFFORCE = 33  # socket(7); not in Python's module


@contextlib.contextmanager
def agent(directory, behaviours=None, wrapper=()):
    """Runs fake_agent.py on a fresh socket; gives the socket's path and a function that reads the calls so far."""
    path, calls = directory / "agent.sock", directory / "calls"
    for file in (path, calls):
        file.unlink(missing_ok=True)
    options = [f"{method}={behaviour}" for method, behaviour in (behaviours or {}).items()]
    process = subprocess.Popen([*wrapper, sys.executable, HERE / "fake_agent.py", path, calls, *options],
                               stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the fake agent did not start")
        yield process, path, lambda: [json.loads(line) for line in calls.read_text(encoding="utf-8").splitlines()]
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        process.stdout.close()


class SystemLog:
    """/dev/log of the private namespace."""
    PATH = "/dev/log"

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.PATH)

    def lines(self):
        """What came since the last call: priority and text, without what libc and libpam put before it."""
        found = []
        while select.select([self.socket], [], [], 0)[0]:
            message = self.socket.recv(65536).decode("utf-8", "replace").rstrip("\0\n")
            priority, _, text = message.partition(">")
            found.append((int(priority[1:]), re.sub(r"^.*?: (pam_usher\([a-z:-]+\): )?", "", text)))
        return found


def _audit_status():
    answer = subprocess.run(["auditctl", "-s"], check=True, capture_output=True, text=True).stdout
    return {name: int(value) for name, value in re.findall(r"^(enabled|pid) (\d+)$", answer, re.MULTILINE)}


@contextlib.contextmanager
def kernel_audit():
    """The kernel keeps audit records meanwhile. Only what was off is switched off again, unless a daemon came."""
    was_off = _audit_status()["enabled"] == 0
    if was_off:
        subprocess.run(["auditctl", "-e", "1"], check=True, capture_output=True)
    try:
        yield
    finally:
        if was_off and _audit_status()["pid"] == 0:
            subprocess.run(["auditctl", "-e", "0"], check=True, capture_output=True)


class AuditReader:
    """The kernel's audit records, from its multicast group: an auditd may or may not run."""
    NETLINK_AUDIT, AUDIT_NLGRP_READLOG = 9, 1

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, self.NETLINK_AUDIT)
        # A busy machine writes more than the default holds before it is read.
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.socket.bind((os.getpid(), 1 << (self.AUDIT_NLGRP_READLOG - 1)))

    def records(self, kind, text, wait=20.0):
        """The records of one type that hold a text; waits for the first, then for what came with it."""
        found = []
        end = time.monotonic() + wait
        while select.select([self.socket], [], [], 0.2 if found else max(0, end - time.monotonic()))[0]:
            message = self.socket.recv(65536)
            record = message[16:].decode("ascii", "replace").rstrip("\0")
            if int.from_bytes(message[4:6], sys.byteorder) == kind and text in record:
                found.append(record)
        return found

    def close(self):
        self.socket.close()


def fill_backlog(path):
    """Connects until the listener's queue is full; the connections must be kept."""
    connections = []
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            connection.connect(str(path))
        except BlockingIOError:
            connection.close()
            return connections
        connections.append(connection)
