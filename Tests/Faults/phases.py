"""The parts of an agent's life in which a fault strikes. Each prepares its logins with the agent whole, then acts."""
import os
import pathlib
import signal
import time

import processes

ACCOUNTS = pathlib.Path("/run/usher/accounts")
HOMES = pathlib.Path("/run/usher/home")
# `open` reaches the disk with the next commit, 20 ms later at the latest (CommitQueue.patience).
CONFIRMED = 0.05


class Phase:
    """A name, and the logins that take part: what each was promised decides what must hold afterwards."""
    starts_agent = False

    def __init__(self, host):
        self.host = host
        self.logins = []
        # What must be live afterwards whatever happens.
        self.lasting = []

    @property
    def agent_lives(self):
        return self.host.agent.poll() is None

    def seat(self):
        """A login that is in, with its row saying so."""
        login = self.host.login()
        self.logins.append(login)
        if not login.log_in():
            raise RuntimeError(f"preparation: login refused: {login.answers}\n{self.host.tail()}")
        time.sleep(CONFIRMED)
        return login

    def until_gone(self, login, seconds=10):
        """Waits until the agent has taken the account away, or is dead."""
        end = time.monotonic() + seconds
        while self.agent_lives and time.monotonic() < end:
            if not (ACCOUNTS / login.name).exists() and not (HOMES / login.name).exists():
                # The last row is written without haste.
                time.sleep(CONFIRMED)
                return
            time.sleep(0.005)

    def prepare(self):
        """Before the fault."""

    def act(self):
        """While it strikes: whatever fails here is no failure yet."""


class Login(Phase):
    """A whole login, up to work."""

    def act(self):
        login = self.host.login()
        self.logins.append(login)
        login.log_in()
        time.sleep(CONFIRMED)


class Close(Phase):
    """The leader closes its session and goes."""

    def prepare(self):
        self.login = self.seat()

    def act(self):
        self.login.log_out()
        self.until_gone(self.login)


class LeaderKilled(Close):
    """The leader is killed."""

    def act(self):
        self.login.process.kill()
        self.login.process.wait()
        self.until_gone(self.login)


class Ended(Close):
    """An administrator ends the session."""

    def act(self):
        rows = self.host.sessions()
        number = next((row["id"] for row in rows if row["account"] == self.login.name), None) if rows else None
        if number:
            processes.run(["usher", "session", "end", number, "--reason", "fault"])
            self.until_gone(self.login)


class Replay(Close):
    """A burned ticket comes again."""

    def act(self):
        again = self.host.login(self.login.name, self.login.ticket)
        if again.do("authenticate") == 0:
            raise AssertionError("a burned ticket was admitted while its session is live")
        again.hang_up()


class Stop(Phase):
    """The agent is asked to stop; its sessions go on."""

    def prepare(self):
        self.lasting.append(self.seat())

    def act(self):
        os.kill(self.host.agent.pid, signal.SIGTERM)
        try:
            self.host.agent.wait(10)
        except Exception:
            if not self.host.agent.poll():
                raise AssertionError("the agent does not stop") from None


class Start(Phase):
    """The agent starts and finds everything that a crash leaves: a session that goes on, one whose leader died, an
    admission that waits, one whose login process died, a home and a file that no row accounts for."""
    starts_agent = True

    def prepare(self):
        self.lasting.append(self.seat())
        dead = self.seat()
        waiting, lapsed = self.host.login(), self.host.login()
        self.logins += [waiting, lapsed]
        self.waiting = waiting
        for login in (waiting, lapsed):
            if login.do("authenticate") != 0:
                raise RuntimeError(f"preparation: ticket refused\n{self.host.tail()}")
        self.host.kill_agent()
        for login in (dead, lapsed):
            login.process.kill()
            login.process.wait()
        (HOMES / "u-straystray").mkdir()
        (ACCOUNTS / "u-straystray").touch()

    def act(self):
        self.host.await_serving()


PHASES = {"login": Login, "close": Close, "leader-killed": LeaderKilled, "ended": Ended, "replay": Replay,
          "stop": Stop, "start": Start}
