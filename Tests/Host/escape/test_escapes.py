"""Every trick by which a program may outlive its session, as a real program in a real session; afterwards a scan of
/proc, the file systems and IPC finds nothing."""
import contextlib
import os
import pathlib
import select
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

import forge
import observe
import processes
import remains
import tricks
from login import Client

PROGRAM = pathlib.Path(__file__).with_name("tricks.py").read_text(encoding="utf-8")
SUDOERS = pathlib.Path("/etc/sudoers.d/usher-escape")
TRICKS = ["new_session", "double_fork", "ignored_signals", "fork_bomb", "stopped", "traced", "other_user",
          "root_leaves_group", "root_leaves_group_and_uid", "new_audit_session", "root_of_a_new_audit_session",
          "fork_bomb_outside", "saved_uid", "namespaces", "later_jobs", "records", "busy_home", "immutable",
          "many_files", "set_id", "interprocess", "keyrings", "terminals", "ports", "everything"]


@pytest.fixture(autouse=True)
def root_for_everything(host):
    """Sessions of the role dba become root as they like."""
    SUDOERS.write_text("%usher-dba ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
    SUDOERS.chmod(0o440)
    yield
    SUDOERS.unlink()


@contextlib.contextmanager
def session(host, name, ticket, trick):
    """A session in which the trick is done."""
    with Client(host.port, name, ticket) as client:
        login = client.start(f"python3 -u - {trick}")
        try:
            login.stdin.write(PROGRAM)
            login.stdin.close()
            assert select.select([login.stdout], [], [], 40)[0], "the trick is not done in time"
            said = login.stdout.readline()
            assert said == "READY\n", said + login.stderr.read()
            yield login, observe.session_of(name)
        finally:
            login.kill()
            login.wait()


def closed(name, seconds=60):
    return observe.closed_session_of(name, seconds)


def receipt_of(ended):
    return observe.usher("session", "receipt", ended["id"])[0]


def findings(receipt, list_name, kind):
    return [each for step in receipt["steps"] for each in step.get(list_name, []) if each["kind"] == kind]


def assert_nothing_remains(ended):
    observe.assert_nothing_left(ended["account"])
    with contextlib.suppress(TimeoutError):
        processes.wait_until(lambda: not remains.keys(forge.uid_of(ended["account"])), 5, "keyrings are collected")
    assert remains.of(ended) == []


def test_the_suite_runs_every_trick():
    special = {"fuse", "fuse_that_lets_others_in", "links", "open_directory", "handed_on", "unkillable",
               "root_takes_off_every_mark"}
    defined = {name for name, value in vars(tricks).items() if callable(value) and value.__module__ == "tricks"}
    assert defined - {"check", "silent", "child", "as_root"} == set(TRICKS) | special


@pytest.mark.parametrize("trick", TRICKS)
def test_nothing_outlives_the_session(host, broker, name, trick):
    with session(host, name, forge.ticket(broker, name), trick) as (_, live):
        assert remains.of(live), "the scan finds nothing of a session that lives"
        observe.end(live)
        ended = closed(name)
        assert_nothing_remains(ended)
    assert receipt_of(ended)["left"] == 0
    observe.assert_agent_alive(host)


def test_root_who_takes_off_every_mark_is_not_found(host, broker, name):
    """The limit that Docs/Architecture.md names: no cgroup, no audit session and no uid of the session any more."""
    with session(host, name, forge.ticket(broker, name), "root_takes_off_every_mark") as (_, live):
        observe.end(live)
        ended = closed(name)
    unmarked = [pid for pid in processes.all_pids() if b"root_takes_off" in command_line(pid)]
    for pid in unmarked:
        processes.end(pid, signal.SIGKILL)
    assert len(unmarked) == 1
    assert_nothing_remains(ended)


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("cause", ["client", "leader", "agent"])
def test_everything_at_once_ends_with_every_cause(host, broker, name, cause):
    with session(host, name, forge.ticket(broker, name), "everything") as (login, live):
        if cause == "client":
            login.kill()
        elif cause == "leader":
            processes.end(live["leader"], signal.SIGKILL)
        else:
            host.agent.stop(signal.SIGKILL)
            login.kill()
            processes.wait_until(lambda: not processes.alive(live["leader"]), 20, "the leader is gone")
            host.agent.start()
        ended = closed(name)
        assert_nothing_remains(ended)
    assert receipt_of(ended)["left"] == 0


def test_the_receipt_names_what_was_ended_and_removed(host, broker, name):
    uid = forge.uid_of(name)
    with session(host, name, forge.ticket(broker, name), "everything") as (_, live):
        observe.end(live)
        receipt = receipt_of(closed(name))
    removed = {(each["kind"], each["what"]) for step in receipt["steps"] for each in step.get("removed", [])}
    kinds = {kind for kind, _ in removed}
    assert {"process", "cron-job", "at-job", "linger", "sudo-timestamp", "shared-memory", "semaphore", "message-queue",
            "posix-message-queue", "keyring", "set-id-file", "directory", "home"} <= kinds, kinds
    assert ("directory", f"/tmp/tmux-{uid}") in removed
    assert ("cron-job", f"/var/spool/cron/crontabs/{name}") in removed
    assert any(what.endswith(" python3") for kind, what in removed if kind == "process")


def test_links_to_files_of_others_go_and_the_files_stay(host, broker, name):
    victim = pathlib.Path("/var/tmp/usher-escape-victim")
    try:
        with session(host, name, forge.ticket(broker, name), "links") as (_, live):
            assert victim.stat().st_nlink == 2
            observe.end(live)
            ended = closed(name)
        assert_nothing_remains(ended)
        assert (victim.read_text(encoding="ascii"), victim.stat().st_nlink) == ("kept", 1)
    finally:
        victim.unlink(missing_ok=True)


def test_exchanging_directories_for_links_while_they_are_removed_loses_nothing_outside(host, broker, name):
    uid = forge.uid_of(name)
    victim = pathlib.Path("/var/lib/usher-escape-victim")
    victim.mkdir()
    racer = None
    try:
        for number in range(40):
            (victim / str(number)).touch()
            os.chown(victim / str(number), uid, uid)
        with session(host, name, forge.ticket(broker, name), "open_directory") as (_, live):
            script = (f"import os\nos.chdir('/tmp/usher-escape-{uid}')\nos.setresuid(65534, 65534, 65534)\n"
                      "while True:\n for n in range(40):\n  try:\n"
                      f"   os.rename(f'd{{n}}/x', f'd{{n}}/y'); os.symlink('{victim}', f'd{{n}}/x')\n"
                      "   os.unlink(f'd{n}/x'); os.rename(f'd{n}/y', f'd{n}/x')\n"
                      "  except OSError: pass\n")
            racer = subprocess.Popen(["/usr/bin/python3", "-c", script])
            time.sleep(0.5)
            observe.end(live)
            ended = closed(name)
        racer.kill()
        racer.wait()
        assert len(list(victim.iterdir())) == 40
        # A link that the racer made is nobody's of the session, and keeps the directory; it is told.
        for link in pathlib.Path("/tmp").glob(f"usher-escape-{uid}/*/x"):
            assert link.lstat().st_uid == 65534
        if not os.path.exists(f"/tmp/usher-escape-{uid}"):
            assert_nothing_remains(ended)
        else:
            assert receipt_of(ended)["left"] > 0
    finally:
        if racer:
            racer.kill()
        processes.run(["rm", "-rf", str(victim), f"/tmp/usher-escape-{uid}"])


@contextlib.contextmanager
def receiver(count):
    """Somebody outside the session, who takes so many descriptors and keeps them open. Gives them once all
    are there."""
    path = "/run/usher-escape-receiver"
    kept = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.listen()

        def receive():
            for _ in range(count):
                with listener.accept()[0] as way, contextlib.suppress(BrokenPipeError):
                    kept.extend(socket.recv_fds(way, 1, 1)[1])
                    way.send(b"x")
        taker = threading.Thread(target=receive, daemon=True)
        taker.start()

        def take():
            taker.join(10)
            assert len(kept) == count
            return kept
        try:
            yield take
        finally:
            os.unlink(path)
            for descriptor in kept:
                os.close(descriptor)


def test_a_socket_that_was_handed_on_is_told(host, broker, name):
    with receiver(1) as take:
        with session(host, name, forge.ticket(broker, name), "handed_on") as (_, live):
            kept = take()
            observe.end(live)
            receipt = receipt_of(closed(name))
        with socket.socket(fileno=kept.pop()) as handed:
            port = handed.getsockname()[1]
    assert [each["what"] for each in findings(receipt, "left", "port")] == [f"tcp {port}"]
    assert receipt["left"] == 1


@pytest.fixture
def fuse_for_all(host):
    """As udev gives the device to everybody."""
    before = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
    os.chmod("/dev/fuse", 0o666)
    yield
    os.chmod("/dev/fuse", before)


@pytest.mark.parametrize("trick", ["fuse", "fuse_that_lets_others_in"])
def test_a_mount_whose_server_never_answers_holds_up_nobody(host, broker, fuse_for_all, name, trick):
    other = forge.account()
    with receiver(3) as take, session(host, name, forge.ticket(broker, name), trick) as (_, live):
        take()
        mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        assert mounts.count(f"user_id={forge.uid_of(name)}") == 3
        # Not even the end of another session that left a file beside it.
        with session(host, other, forge.ticket(broker, other), "set_id") as (_, second):
            observe.end(second)
            assert receipt_of(closed(other, 20))["left"] == 0
        observe.end(live)
        ended = closed(name, 20)
        assert f"user_id={forge.uid_of(name)}" not in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    # An open descriptor keeps the keyring of who opened it: only now nobody has one.
    assert_nothing_remains(ended)
    receipt = receipt_of(ended)
    assert receipt["left"] == 0
    assert {each["what"] for each in findings(receipt, "removed", "mount")} == {
        f"/tmp/usher-escape-{forge.uid_of(name)}/below", f"/var/tmp/usher-escape-{forge.uid_of(name)}"}
    observe.assert_agent_alive(host)


@pytest.fixture
def freezable(host):
    """A file system of its own that can be frozen; always thawed and gone afterwards."""
    place = pathlib.Path("/run/usher-escape-mount")
    image = host.work / "image"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    for command in (["mkfs.ext4", "-q", str(image)], ["mount", "-o", "loop", str(image), str(place)]):
        answer = processes.run(command)
        assert answer.returncode == 0, answer.stderr
    place.chmod(0o777)
    yield place
    processes.run(["fsfreeze", "-u", str(place)])
    pathlib.Path("/run/usher-escape-frozen").unlink(missing_ok=True)
    answer = processes.wait_until(lambda: processes.run(["umount", str(place)]).returncode == 0, 10, "unmounted")
    place.rmdir()
    image.unlink()


def test_a_process_that_cannot_die_keeps_its_session_closing_and_no_other(host, broker, name, freezable):
    with session(host, name, forge.ticket(broker, name), "unkillable") as (_, live):
        assert processes.run(["fsfreeze", "-f", str(freezable)]).returncode == 0
        pathlib.Path("/run/usher-escape-frozen").touch()
        uid = forge.uid_of(name)
        waiting = processes.wait_until(
            lambda: [pid for pid in processes.of_uid(uid) if in_state(pid, "D")], 10, "a waiting process")
        observe.end(live)
        log = host.agent.log
        processes.wait_until(lambda: f"{waiting[0]} python3 (D)" in log.read_text(encoding="utf-8"), 20, "it is told")
        assert next(each for each in observe.sessions() if each["account"] == name)["state"] == "closing"
        other = forge.account()
        with session(host, other, forge.ticket(broker, other), "new_session") as (_, second):
            observe.end(second)
            closed(other, 10)
        assert next(each for each in observe.sessions() if each["account"] == name)["state"] == "closing"
        assert processes.run(["fsfreeze", "-u", str(freezable)]).returncode == 0
        ended = closed(name)
    for leftover in freezable.iterdir():
        if leftover.is_file():
            leftover.unlink()
    assert_nothing_remains(ended)


def in_state(pid, letter):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] == letter


def test_of_an_existing_account_only_the_session_ends(host, broker):
    name, uid = "operator1", processes.run(["id", "-u", "operator1"]).stdout.strip()
    file = pathlib.Path(f"/var/tmp/usher-escape-{uid}-tool")
    as_operator = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    other = subprocess.Popen([*as_operator, "sleep", "600"])
    objects = []
    try:
        with session(host, name, forge.ticket(broker, name, rol="standing"), "set_id") as (_, live):
            objects = processes.run([*as_operator, "ipcmk", "-M", "8"]).stdout.split()[-1:]
            observe.end(live)
            ended = processes.wait_until(
                lambda: next((each for each in observe.usher("session", "list", "--all")
                              if each["id"] == live["id"] and each["state"] == "closed"), None), 20, "it is closed")
        assert not processes.of_audit_session(live["auditSession"])
        assert other.poll() is None and file.exists()
        assert processes.run(["ipcs", "-m", "-i", objects[0]]).returncode == 0
        skipped = {step["name"] for step in receipt_of(ended)["steps"] if step.get("skipped")}
        assert skipped == {"jobs", "interprocess", "files", "home", "account"}
    finally:
        other.kill()
        other.wait()
        for each in ("/tmp", "/var/tmp"):
            pathlib.Path(each, file.name).unlink(missing_ok=True)
        for each in objects:
            processes.run(["ipcrm", "-m", each])
