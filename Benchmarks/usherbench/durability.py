"""Is a burned ticket on the disk before the answer leaves? Seen from outside, by strace on the agent."""
import contextlib
import pathlib
import re
import signal
import subprocess
from dataclasses import dataclass

# What moves bytes between the agent, its sockets and its database; strings are cut after the method's name,
# so that no ticket and no whole handle reaches the trace.
TRACED = ("read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,"
          "pwrite64,pwritev,pwritev2,fsync,fdatasync")
SHOWN = 48
VOLATILE = {"tmpfs", "ramfs"}
CALL = re.compile(r"^(?:\[pid +)?(\d+)\]? +(\d+\.\d+) (?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$")


@dataclass
class Event:
    """A system call: when it began and ended, on what descriptor, and its text."""
    name: str
    target: str
    text: str
    begin: float
    end: float


def file_system(path):
    """Type of the file system that holds a path."""
    path = pathlib.Path(path).resolve()
    best = ("", "unknown")
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, after = line.split(" - ")
        point = fields.split()[4].replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, after.split()[0])
    return best[1]


def database_file_system(report, host):
    """False, with a violated row, when the database lies on memory: its commits would cost nothing."""
    kind = file_system(host.state_directory)
    report.emit("database", directory=str(host.state_directory), file_system=kind)
    report.require("file system of the database", kind, "not tmpfs", kind not in VOLATILE)
    return kind not in VOLATILE


@contextlib.contextmanager
def traced(pid, output):
    """strace on all threads of a process, attached before the body and gone after it."""
    command = ["strace", "-f", "-p", str(pid), "-ttt", "-T", "-yy", "-s", str(SHOWN), "-e", f"trace={TRACED}",
               "-o", str(output)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for line in tracer.stderr:
            if "attached" in line:
                break
        else:
            raise RuntimeError("strace could not attach to the agent")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=30)


def events(text):
    """The calls of a trace in the order of their end; what another thread interrupts is put together again."""
    begun, calls = {}, []
    for line in text.splitlines():
        match = CALL.match(line)
        if not match:
            continue
        thread, stamp, name, rest, resumed, tail = match.groups()
        stamp = float(stamp)
        if name and rest.endswith("<unfinished ...>"):
            begun[thread] = (stamp, name, rest.removesuffix("<unfinished ...>"))
            continue
        if resumed:
            if thread not in begun:
                continue
            begin, name, head = begun.pop(thread)
            rest = head + tail
        else:
            begin = stamp
        took = re.search(r"<(\d+\.\d+)>$", rest)
        target = re.search(r"^\d+<(.*?)>(?=[,)]|\s|$)", rest)
        end = begin + float(took[1]) if took else stamp
        calls.append(Event(name, target[1] if target else "", rest, begin, end))
    return sorted(calls, key=lambda call: call.end)


def is_sync(call):
    return call.name in ("fsync", "fdatasync")


def durable_before_answer(calls, directory):
    """For each Authenticate in the trace: were database bytes written, and then synced, between the call's
    arrival and the answer with its handle? Yields True or False."""
    directory = str(directory)
    for index, call in enumerate(calls):
        if "io.usher.Agent.Authenticate" not in call.text:
            continue
        answer = next((later for later in calls[index + 1:]
                       if later.target == call.target and later.name.startswith(("write", "send"))), None)
        if answer is None or "handle" not in answer.text:
            yield False
            continue
        between = [other for other in calls if call.end <= other.begin and other.end <= answer.begin
                   and other.target.startswith(directory)]
        written = next((other for other in between if "write" in other.name), None)
        yield written is not None and any(is_sync(other) and other.begin >= written.end
                                          and other.target == written.target for other in between)


def durability(report, programs, peer, scratch, logins):
    """Traces single logins, each with nothing else going on, then a crowd: syncs per login of both."""
    host, output = peer.host, pathlib.Path(scratch) / "strace"
    with traced(host.agent_pid, output):
        for _ in range(logins):
            peer.run(programs, 1, 1)
            host.settle()
    calls = events(output.read_text(errors="replace"))
    output.unlink()
    verdicts = list(durable_before_answer(calls, host.state_directory))
    syncs = sum(map(is_sync, calls)) / logins
    report.emit("durability", logins=logins, answers_seen=len(verdicts), durable_first=sum(verdicts),
                syncs_per_login=syncs)
    good = len(verdicts) == logins and all(verdicts)
    report.require("ticket burned on disk before Authenticate is answered", f"{sum(verdicts)} of {logins}", "all", good)
    with traced(host.agent_pid, output):
        crowd = peer.run(programs, 32 * 4, 32)
        host.settle()
    calls = events(output.read_text(errors="replace"))
    output.unlink()
    together = sum(map(is_sync, calls)) / crowd.count
    report.emit("durability-crowd", logins=crowd.count, parallel=32, syncs_per_login=round(together, 2))
    report.note("syncs per login, alone / 32 parallel", f"{syncs:.1f} / {together:.2f}")
