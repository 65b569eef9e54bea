"""What must hold after any fault, once the agent runs again."""
import pathlib
import time

import processes
from phases import ACCOUNTS, HOMES

PATIENCE = 30


def residue(host, login):
    """What is left of a login that is over, as words."""
    found = [f"process {pid}" for pid in host.of_uid(login.uid) if pid != login.pid or login.alive]
    if (HOMES / login.name).exists():
        found.append("home")
    if f"/run/usher/home/{login.name} " in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8"):
        found.append("mount")
    for name in (login.name, f"uid.{login.uid}"):
        if (ACCOUNTS / name).exists():
            found.append(f"account file {name}")
    for record in ACCOUNTS.glob("group.*"):
        if login.name in record.read_text(encoding="ascii"):
            found.append(f"membership in {record.name}")
    return found


def eventually(find, seconds=PATIENCE):
    """What `find` still finds when nothing is left or the time is over."""
    end = time.monotonic() + seconds
    while (found := find()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


class Examination:
    """Looks at a phase after its fault; collects what does not hold."""

    def __init__(self, host, phase):
        self.host, self.phase, self.broken = host, phase, []

    def require(self, holds, what):
        if not holds:
            self.broken.append(what)
        return holds

    def run(self):
        """Every invariant; the sentences that do not hold."""
        rows = self._rows()
        if rows is None:
            return self.broken
        for login in self.phase.logins:
            self._promises(login, rows.get(login.name, []))
        self._waiting_goes_on()
        for login in self.phase.logins:
            self._leave(login)
        for login in self.phase.logins:
            left = eventually(lambda: residue(self.host, login))
            self.require(not left, f"left of {login.name} ({login.answers}): {left}")
            self._present_again(login)
        self._works_again()
        self._all_closed()
        self._evidence_verifies()
        return self.broken

    def _rows(self):
        """Rows by account, once none is on its way to its end."""
        def closing():
            rows = self.host.sessions(everything=True)
            return rows is None or [row for row in rows if row["state"] in ("closing", "opening")]
        left = eventually(closing)
        if not self.require(not left, f"not settled: {left if left is not True else 'no answer'}"):
            return None
        rows = {}
        for row in self.host.sessions(everything=True):
            rows.setdefault(row["account"], []).append(row)
        return rows

    def _promises(self, login, rows):
        """What the login was told is what stands."""
        self.require(len(rows) <= 1, f"{login.name} has {len(rows)} sessions")
        state = rows[0]["state"] if rows else None
        if login.answers.get("open") == 0:
            self.require(rows, f"{login.name} was told that its session is open, and no row says so")
        if login in self.phase.lasting or login is self.host.bystander:
            self.require(state == "open", f"the live session of {login.name} did not go on: {rows}")
        if state == "open":
            self.require(login.alive, f"{login.name} is open without a leader")
            if login.answers.get("enter") == 0:
                others = [pid for pid in self.host.of_uid(login.uid) if pid != login.pid]
                self.require(len(others) == 2, f"{login.name} is open and works with {len(others)} processes")
            self.require((HOMES / login.name).exists() and (ACCOUNTS / login.name).exists(),
                         f"{login.name} is open without home or account file")
        if state == "closed":
            self.require(rows[0]["endReason"] and rows[0]["endedBy"], f"{login.name} is closed without a reason")

    def _waiting_goes_on(self):
        """An admission whose login process lives is good after a restart."""
        waiting = getattr(self.phase, "waiting", None)
        if waiting:
            codes = [waiting.do(word) for word in ("account", "open", "enter")]
            self.require(codes == [0, 0, 0], f"the waiting admission was not good after the restart: {codes}")

    @staticmethod
    def _leave(login):
        if login.alive and login.answers.get("open") == 0 and "close" not in login.answers:
            login.log_out()
        else:
            login.hang_up()

    def _present_again(self, login):
        """However often a ticket comes, it admits once at most."""
        admitted = login.answers.get("authenticate") == 0
        for _ in range(1 if admitted else 2):
            again = self.host.login(login.name, login.ticket)
            code = again.do("authenticate")
            again.hang_up()
            self.require(not (admitted and code == 0), f"the ticket of {login.name} was admitted twice")
            admitted = admitted or code == 0

    def _works_again(self):
        login = self.host.login()
        if self.require(login.log_in(), f"no login after the fault: {login.answers}"):
            self.require(login.log_out() == 0, "the session after the fault was not closed")
        else:
            login.hang_up()
        left = eventually(lambda: residue(self.host, login))
        self.require(not left, f"left of the login after the fault: {left}")

    def _evidence_verifies(self):
        """Whatever was cut is mended: the chain and its checkpoints hold."""
        answer = processes.run(["usher", "evidence", "verify", "/var/log/usher/evidence.jsonl"])
        self.require(answer.returncode == 0, f"the evidence does not verify: {answer.stdout[-600:]}{answer.stderr}")

    def _all_closed(self):
        """Nothing stands but the bystander, whose session is as it was."""
        def live():
            rows = self.host.sessions(everything=True)
            return rows is None or [row for row in rows if row["state"] != "closed"
                                    and row["account"] != self.host.bystander.name]
        left = eventually(live)
        self.require(not left, f"not closed at the end: {left}")
        self._promises(self.host.bystander, [row for row in self.host.sessions() or []
                                             if row["account"] == self.host.bystander.name])
        groups = self.host.session_groups()
        self.require(len(groups) <= 1, f"control groups are left: {groups}")
        homes = sorted(path.name for path in HOMES.iterdir())
        self.require(homes == [self.host.bystander.name], f"homes are left: {homes}")
        files = {path.name for path in ACCOUNTS.iterdir() if not path.name.startswith(("group.", "gid."))}
        self.require(files == {self.host.bystander.name, f"uid.{self.host.bystander.uid}"},
                     f"account files: {sorted(files)}")
