"""The contestants: a PAM stack each, and how they come by the answers to their prompts."""
import pathlib

from .report import Spread

STAGES = ("start", "authenticate", "account", "open", "close", "end")

# Every stack but `permit-bare` has pam_loginuid: the agent opens no session without the kernel's `ses`,
# so the others pay for one too.
STACKS = {
    "permit": ("pam_permit.so", "session required pam_loginuid.so\n"),
    "permit-bare": ("pam_permit.so", ""),
    "unix": ("pam_unix.so", "session required pam_loginuid.so\n"),
    "usher": (None, "session required pam_loginuid.so\n"),
}


class Peer:
    """One stack in a service directory of its own, under the service name that tickets are good for."""

    def __init__(self, name, directory, host):
        self.name, self.host = name, host
        self.directory = pathlib.Path(directory) / name
        module, loginuid = STACKS[name]
        module = module or host.module
        self.directory.mkdir(parents=True)
        (self.directory / "sshd").write_text(
            f"auth required {module}\naccount required {module}\n{loginuid}session required {module}\n")
        # Without it libpam complains in the log at every login.
        (self.directory / "other").touch()
        self.logins = self.directory / "logins"

    def prepare(self, count):
        """Writes the logins file: fresh tickets for Usher, the one password for everybody else."""
        if self.name == "usher":
            lines = [f"{account}\t{ticket}" for account, ticket in self.host.tickets(count)]
        else:
            lines = [f"{self.host.local_user}\t{self.host.local_password}"]
        self.logins.touch(mode=0o600)
        self.logins.write_text("\n".join(lines) + "\n")
        return self.logins

    def run(self, programs, count, parallel):
        """One batch of logins, each in a process of its own."""
        logins = self.prepare(count)
        [result] = programs.run("transactions", self.directory, "sshd", logins, count, parallel, accept=(0, 1))
        logins.unlink()
        batch = Batch(self.name, parallel, result)
        if batch.failed and self.name == "usher":
            batch.first_failure["agent"] = self.host.complaints()
        return batch


class Batch:
    def __init__(self, name, parallel, result):
        self.name, self.parallel = name, parallel
        self.count, self.failed, self.seconds = result["count"], result["failed"], result["seconds"]
        self.first_failure = result.get("first_failure")
        self.wall_us = result["wall_us"]
        self.stages = {stage: result[f"{stage}_us"] for stage in STAGES}

    @property
    def rate(self):
        """Logins that went through, a second."""
        return (self.count - self.failed) / self.seconds

    def json(self):
        values = {"peer": self.name, "parallel": self.parallel, "logins": self.count, "failed": self.failed,
                  "logins_per_second": round(self.rate, 1)}
        if self.wall_us:
            values["wall_us"] = Spread.of(self.wall_us).json(1)
            values["stage_p50_us"] = {stage: Spread.of(times).json(1)["median"] for stage, times in self.stages.items()}
        if self.first_failure:
            values["first_failure"] = self.first_failure
        return values
