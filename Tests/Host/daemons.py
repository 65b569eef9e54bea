"""The private host's daemons: started without the caller's login state, known by pid file, ended by pidfd."""
import os
import pathlib
import signal
import socket
import subprocess
import sys

import processes

HERE = pathlib.Path(__file__).resolve().parent
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
AGENT_SOCKET = "/run/usher/agent.sock"
CONTROL_SOCKET = "/run/usher/control.sock"


class Daemon:
    """One daemon: its command, its log and how one sees that it is up."""

    def __init__(self, work, name, command, is_up):
        self.name = name
        self.command = command
        self.log = work / f"{name}.log"
        self._pid_file = work / f"{name}.pid"
        self._is_up = is_up

    @property
    def pid(self):
        """Of the running daemon; None when it does not run."""
        try:
            pid = int(self._pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return pid if processes.alive(pid) else None

    def start(self, seconds=20, prefix=(), environment=None):
        """Starts it and waits until it is up."""
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                [*prefix, *self.command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env=ENVIRONMENT | (environment or {}), start_new_session=True,
                preexec_fn=processes.fresh_login_state)
        self._pid_file.write_text(str(process.pid), encoding="ascii")
        # Popen would warn about a child that nobody waits for; the daemon is to outlive this object.
        process.returncode = 0
        processes.wait_until(lambda: self._is_up() or not self.pid, seconds, f"{self.name} is up")
        if not self.pid:
            raise RuntimeError(f"{self.name} ended at once:\n{self.tail()}")

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it with a signal and waits until it is gone."""
        if self.pid:
            processes.end(self.pid, number, seconds)

    def restart(self):
        self.stop()
        self.start()

    def signal(self, number):
        os.kill(self.pid, number)

    def tail(self, lines=30):
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def accepts(address, family=socket.AF_UNIX):
    """Whether somebody listens at an address."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


class Daemons:
    """The daemons of one private host."""

    def __init__(self, work, port):
        self._work = work
        self.syslog = Daemon(
            work, "syslog", ["/usr/bin/python3", str(HERE / "syslog_reader.py"), str(work / "messages")],
            lambda: os.path.exists("/dev/log"))
        self.agent = Daemon(work, "usherd", ["/usr/sbin/usherd"],
                            lambda: accepts(AGENT_SOCKET) and accepts(CONTROL_SOCKET))
        self.sshd = self.another_sshd("sshd", port, "/etc/ssh/sshd_config")

    def another_sshd(self, name, port, configuration):
        """An sshd with a configuration of its own; sshd takes its PAM service from the path's last part."""
        return Daemon(
            self._work, name, ["/usr/sbin/sshd", "-D", "-e", "-f", configuration],
            lambda: accepts(("127.0.0.1", port), socket.AF_INET))


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


assert sys.version_info >= (3, 9), "os.pidfd_open"
