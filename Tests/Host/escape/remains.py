"""Looks for anything of a session that has ended: its uid, its audit session, its cgroup, its name."""
import os
import pathlib
import re
import stat
import tempfile

import forge
import namespaces
import processes

# Where files of a session can be without being residue that a scan of the whole disk finds.
PLACES = ("/tmp", "/var/tmp", "/dev", "/run", "/var/spool", "/var/mail", "/var/lib/systemd", "/var/lib/sudo")
IPC = ("shm", "sem", "msg")
SOCKETS = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")


def of_cgroup(session):
    """Processes in the session's cgroup, wherever that stands."""
    found = []
    for pid in processes.all_pids():
        try:
            groups = pathlib.Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if session["id"] in groups and processes.alive(pid):
            found.append(f"process {pid} in {groups.strip()}")
    return found


def files(uid, name):
    """Files of the uid, and files that are named after the account; what is below one says nothing more."""
    found = []
    for place in PLACES:
        for directory, below, names in os.walk(place, onerror=lambda _: None):
            kept = set()
            for each in below + names:
                path = os.path.join(directory, each)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                if status.st_uid == uid or name in each:
                    found.append(f"{stat.filemode(status.st_mode)} {path} of {status.st_uid}")
                else:
                    kept.add(each)
            below[:] = [each for each in below if each in kept]
    return found


def objects(uid):
    """System V objects, POSIX message queues, keys, sockets."""
    found = []
    for kind in IPC:
        lines = pathlib.Path(f"/proc/sysvipc/{kind}").read_text(encoding="ascii").splitlines()
        columns = lines[0].split()
        for line in lines[1:]:
            values = dict(zip(columns, line.split()))
            if str(uid) in (values["uid"], values["cuid"]):
                found.append(f"System V {kind} {line.split()[1]}")
    with tempfile.TemporaryDirectory() as directory:
        namespaces.mount("mqueue", directory, "mqueue")
        try:
            found += [f"message queue {each}" for each in os.listdir(directory)
                      if os.stat(os.path.join(directory, each)).st_uid == uid]
        finally:
            namespaces.unmount(directory)
    for network in SOCKETS:
        for line in pathlib.Path(f"/proc/net/{network}").read_text(encoding="ascii").splitlines()[1:]:
            if line.split()[7] == str(uid):
                found.append(f"{network} socket {line.split()[1]}")
    return found


def keys(uid):
    """The kernel collects keyrings a moment after they were discarded."""
    lines = pathlib.Path("/proc/key-users").read_text(encoding="ascii").splitlines()
    return [f"keys {line.strip()}" for line in lines
            if re.match(rf"\s*{uid}:", line) and not re.search(r":\s*\d+ 0/", line)]


def of(session):
    """Everything that is left of a closed session, as words."""
    name, uid = session["account"], forge.uid_of(session["account"])
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return ([f"process {pid}" for pid in processes.of_uid(uid)]
            + [f"process {pid} of ses" for pid in processes.of_audit_session(session["auditSession"])]
            + of_cgroup(session) + [f"mount {line}" for line in mounts if name in line]
            + [f"cgroup {path}" for path in pathlib.Path("/sys/fs/cgroup").rglob(f"*{session['id']}*")]
            + files(uid, name) + objects(uid) + keys(uid))
