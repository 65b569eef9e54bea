"""The C programs in src/: compiled with the system's compiler, run with JSON lines as their answer."""
import json
import pathlib
import subprocess

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "src"
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror"]
PROGRAMS = {
    "transactions": (["transactions.c", "pamlogin.c"], ["-lpam"]),
    "doublespend": (["doublespend.c", "pamlogin.c"], ["-lpam"]),
    "crowd": (["crowd.c"], []),
    "dlopencost": (["dlopencost.c"], ["-lpam"]),
    "lookups": (["lookups.c"], []),
    "userdbservice": (["userdbservice.c"], []),
}


class ProgramFailed(Exception):
    """A program could not do its work; says which and what it said."""


class Programs:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def build(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        for name, (sources, libraries) in PROGRAMS.items():
            command = ["gcc", *FLAGS, "-o", str(self.directory / name)]
            command += [str(SOURCES / source) for source in sources] + libraries
            subprocess.run(command, check=True)

    def path(self, name):
        return str(self.directory / name)

    def run(self, name, *arguments, accept=(0,)):
        """The JSON objects that the program printed. Exit 1 means that something it counts went wrong and is
        only taken where the caller says so; everything else is a failure of the benchmark."""
        done = subprocess.run([self.path(name), *map(str, arguments)], capture_output=True, text=True)
        if done.returncode not in accept:
            raise ProgramFailed(f"{name}: exit {done.returncode}: {(done.stderr or done.stdout)[-400:].strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]
