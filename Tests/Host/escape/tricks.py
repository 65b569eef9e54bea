"""What a program can do to outlive its session. Runs inside a session as `python3 - TRICK`, needs nothing but Python,
says READY once the trick is done, and stays until it is ended."""
import ctypes
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import time

UID = os.getuid()
NAME = os.environ.get("USER", "")
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    """The result of a C call that fails with -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def silent():
    """Lets go of the connection."""
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def child(body):
    """A process that does something and then sleeps. Returns its pid once the body is done."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            body()
            silent()
        except BaseException as error:
            os.write(writer, repr(error).encode())
            os._exit(1)
        os.write(writer, b"done")
        while True:
            time.sleep(600)
    os.close(writer)
    word = os.read(reader, 1000)
    if word != b"done":
        raise RuntimeError(word.decode())
    return pid


def as_root(script):
    """Runs a Python script as root; one that calls `stay()` goes on in the background from there."""
    stay = ("def stay():\n import os, time\n os.write(writer, b'x')\n r = os.open('/dev/null', os.O_RDWR)\n"
            " [os.dup2(r, n) for n in (0, 1, 2)]\n while True: time.sleep(600)\n")
    fork = ("import os\nreader, writer = os.pipe()\n"
            "if os.fork():\n os.close(writer)\n os._exit(0 if os.read(reader, 1) else 1)\n"
            "os.setsid()\n" if "stay()" in script else "import os\n")
    subprocess.run(["sudo", "-n", "/usr/bin/python3", "-c", f"{stay}UID = {UID}\nNAME = {NAME!r}\n{fork}{script}"],
                   check=True, stdin=subprocess.DEVNULL)


def new_session():
    child(os.setsid)


def double_fork():
    def again():
        os.setsid()
        if os.fork():
            silent()
            os._exit(0)
    if os.fork() == 0:
        again()
        child(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
        silent()
        time.sleep(600)
    time.sleep(0.3)


def ignored_signals():
    def body():
        for number in range(1, 65):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_IGN)
    child(body)


def fork_bomb():
    """Forks as fast as it can, also while it is killed; bounded, so that the machine stays usable."""
    resource.setrlimit(resource.RLIMIT_NPROC, (60, 60))
    if os.fork() == 0:
        silent()
        os.setsid()
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.001)
    time.sleep(0.5)


def stopped():
    pid = child(os.setsid)
    os.kill(pid, signal.SIGSTOP)


def traced():
    """One process holds another in a ptrace stop; see ptrace(2) for the numbers."""
    def hold():
        victim = child(lambda: None)
        check(libc.ptrace(0x4206, victim, 0, 0))  # PTRACE_SEIZE
        check(libc.ptrace(0x4207, victim, 0, 0))  # PTRACE_INTERRUPT
    child(hold)


def other_user():
    """Root in the session becomes somebody else."""
    as_root("os.setresgid(65534, 65534, 65534)\nos.setresuid(65534, 65534, 65534)\nstay()")


LEAVE = ("root = next(line.split()[1] for line in open('/proc/mounts') if line.split()[2] == 'cgroup2')\n"
         "group = os.open(f'{root}/cgroup.procs', os.O_WRONLY)\nos.write(group, str(os.getpid()).encode())\n"
         "assert '0::/\\n' in open('/proc/self/cgroup').read()\n")
RESET = "open('/proc/self/loginuid', 'w').write('4294967295')\n"


def root_leaves_group():
    """Root leaves the cgroup and keeps its audit session."""
    as_root(LEAVE + "stay()")


def root_leaves_group_and_uid():
    as_root(LEAVE + "os.setresuid(65534, 65534, 65534)\nstay()")


def new_audit_session():
    """What a cron job looks like: another cgroup, another audit session, the same uid."""
    as_root(LEAVE + RESET + "open('/proc/self/loginuid', 'w').write(str(UID))\n"
            "os.setresgid(UID, UID, UID)\nos.setresuid(UID, UID, UID)\nstay()")


def root_of_a_new_audit_session():
    """What sudo in a cron job looks like: another cgroup, another audit session, root; only the loginuid is left."""
    as_root(LEAVE + RESET + "open('/proc/self/loginuid', 'w').write(str(UID))\nstay()")


def fork_bomb_outside():
    """The same outside the cgroup: no cgroup.kill reaches it."""
    as_root(LEAVE + RESET + "open('/proc/self/loginuid', 'w').write(str(UID))\nimport resource, time\n"
            "resource.setrlimit(resource.RLIMIT_NPROC, (60, 60))\n"
            "os.setresgid(UID, UID, UID)\nos.setresuid(UID, UID, UID)\n"
            "if os.fork() == 0:\n while True:\n  try: os.fork()\n  except OSError: time.sleep(0.001)\nstay()")
    time.sleep(0.5)


def root_takes_off_every_mark():
    as_root(LEAVE + RESET + "mark = 'root_takes_off'\nstay()")


def saved_uid():
    """Only the saved uid is still the session's."""
    as_root(LEAVE + RESET + "os.setresuid(65534, 65534, UID)\nstay()")


def namespaces():
    """Own user, pid, mount, IPC and network namespaces, with a mount and a listening port in them."""
    subprocess.Popen(["unshare", "-Urpfin", "--mount-proc", "/usr/bin/python3", "-c",
                      "import os, socket, time\nos.system('mount -t tmpfs none /mnt; ip link set lo up')\n"
                      "s = socket.socket(); s.bind(('', 8080)); s.listen(); time.sleep(600)"],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                     start_new_session=True)
    time.sleep(0.5)


def later_jobs():
    """As crontab, at and batch leave them."""
    as_root("import pathlib\n"
            "crontabs = pathlib.Path('/var/spool/cron/crontabs'); crontabs.mkdir(mode=0o730, exist_ok=True)\n"
            "os.chmod(crontabs, 0o1730)\n"
            "tab = crontabs / NAME; tab.write_text('* * * * * sleep 600\\n'); os.chown(tab, UID, 0)\n"
            "os.system(f'chattr -f +i {tab}')\n"
            "for spool in ('atjobs', 'atspool'):\n"
            " directory = pathlib.Path('/var/spool/cron') / spool; directory.mkdir(mode=0o770, exist_ok=True)\n"
            " job = directory / f'a{UID:x}'; job.write_text('#!/bin/sh\\nsleep 600\\n'); job.chmod(0o700)\n"
            " os.chown(job, UID, 0)\n"
            "linger = pathlib.Path('/var/lib/systemd/linger'); linger.mkdir(parents=True, exist_ok=True)\n"
            "(linger / NAME).touch()\n")


def records():
    """What programs of root keep about an account."""
    as_root("import pathlib\n"
            "for file in (f'/run/sudo/ts/{NAME}', f'/run/sudo/ts/{UID}', f'/var/lib/sudo/lectured/{NAME}',"
            " f'/run/faillock/{NAME}', f'/var/mail/{NAME}'):\n"
            " path = pathlib.Path(file); path.parent.mkdir(parents=True, exist_ok=True); path.touch()\n"
            "os.chown(f'/var/mail/{NAME}', UID, 0)\n"
            "pathlib.Path('/run/screen').mkdir(exist_ok=True); os.chmod('/run/screen', 0o1777)\n"
            "pathlib.Path(f'/run/user/{UID}/systemd').mkdir(parents=True); os.chown(f'/run/user/{UID}', UID, UID)\n"
            "os.chown(f'/run/user/{UID}/systemd', UID, UID)\n")
    screen = pathlib.Path(f"/run/screen/S-{NAME}")
    screen.mkdir(mode=0o700)
    socket.socket(socket.AF_UNIX).bind(str(screen / "1.pts-0.host"))


def busy_home():
    """A home that is held by working directories, open and mapped files, and mounts of root's in it."""
    home = pathlib.Path.home()
    (home / "held").write_bytes(b"x" * 100000)

    def body():
        os.chdir(home)
        body.file = open(home / "held", "r+b")
    child(body)
    as_root(f"os.makedirs('{home}/a/b')\nos.system('mount -t tmpfs none {home}/a')\nos.makedirs('{home}/a/c')\n"
            f"os.system('mount --bind /etc {home}/a/c')\nos.chdir('{home}/a/c')\nstay()")
    time.sleep(0.5)


def immutable():
    for place in ("/tmp", "/var/tmp"):
        directory = pathlib.Path(place, f"usher-escape-{UID}")
        (directory / "below").mkdir(parents=True)
        (directory / "below" / "fixed").touch()
        (directory / "log").touch()
    as_root("for place in ('/tmp', '/var/tmp'):\n"
            " d = f'{place}/usher-escape-{UID}'\n"
            " if place == '/var/tmp':\n"
            "  assert os.system(f'chattr +a {d}/log && chattr +i {d}/below/fixed {d}/below {d}') == 0\n"
            " else: os.system(f'chattr -f -R +i {d}')\n")


def links():
    """Hard and symbolic links, to files of the session and of others."""
    directory = pathlib.Path(f"/var/tmp/usher-escape-{UID}")
    directory.mkdir()
    (directory / "own").touch()
    os.link(directory / "own", f"/var/tmp/usher-escape-{UID}-again")
    os.symlink("/etc", directory / "etc")
    os.symlink("/", f"/tmp/usher-escape-{UID}-root")
    as_root("open('/var/tmp/usher-escape-victim', 'w').write('kept')\n"
            "os.link('/var/tmp/usher-escape-victim', f'/var/tmp/usher-escape-{UID}/victim')\n")


def open_directory():
    """A directory in which everybody may exchange things, with what the teardown has to walk through."""
    directory = pathlib.Path(f"/tmp/usher-escape-{UID}")
    directory.mkdir()
    directory.chmod(0o777)
    for number in range(40):
        below = directory / f"d{number}"
        (below / "x").mkdir(parents=True)
        below.chmod(0o777)
        for file in range(40):
            (below / "x" / f"{file}").touch()


def many_files():
    """Thousands of sparse files, each of which claims a terabyte; 1,000 directories in each other."""
    directory = pathlib.Path(f"/var/tmp/usher-escape-{UID}")
    directory.mkdir()
    for number in range(4000):
        descriptor = os.open(directory / f"{number}", os.O_CREAT | os.O_WRONLY, 0o600)
        os.ftruncate(descriptor, 1 << 40)
        os.close(descriptor)
    os.chdir(directory)
    for _ in range(1000):
        os.mkdir("d")
        os.chdir("d")


def set_id():
    for place in ("/tmp", "/var/tmp"):
        program = pathlib.Path(place, f"usher-escape-{UID}-tool")
        program.write_bytes(pathlib.Path("/bin/true").read_bytes())
        program.chmod(0o6755)


def interprocess():
    """Every kind of object that the kernel keeps without a process."""
    check(libc.shmget(0, 1 << 16, 0o1600))
    attached = check(libc.shmget(0, 1 << 16, 0o1600))
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat(attached, None, 0)
    check(libc.semget(0, 3, 0o1600))
    check(libc.msgget(0, 0o1600))
    check(libc.shm_open(f"/usher-{UID}".encode(), os.O_CREAT | os.O_RDWR, 0o600))
    check(libc.mq_open(f"/usher-{UID}".encode(), os.O_CREAT | os.O_RDWR, 0o600, None))
    (pathlib.Path("/dev/shm") / f"usher-{UID}-directory").mkdir()


def keyrings():
    """Keys in the user, user session and persistent keyring; see keyctl(2) for the numbers."""
    add_key, keyctl, user, user_session, get_persistent = 248, 250, -4, -5, 22
    for keyring in (user, user_session):
        check(libc.syscall(add_key, b"user", b"left", b"secret", 6, keyring))
    persistent = libc.syscall(keyctl, get_persistent, -1, user)
    if persistent > 0:
        check(libc.syscall(add_key, b"user", b"left", b"secret", 6, persistent))


def terminals():
    """A tmux server, and a socket that an agent would leave."""
    subprocess.run(["tmux", "new-session", "-d", "sleep 600"], check=True, stdin=subprocess.DEVNULL,
                   env=os.environ | {"TERM": "vt100", "LC_ALL": "C.UTF-8"})
    directory = pathlib.Path(f"/tmp/ssh-{UID}")
    directory.mkdir(mode=0o700)
    socket.socket(socket.AF_UNIX).bind(str(directory / "agent.1"))


def ports():
    def body():
        body.sockets = []
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                made = socket.socket(family, kind)
                made.bind((address, 0))
                if kind == socket.SOCK_STREAM:
                    made.listen()
                body.sockets.append(made)
    child(body)


def handed_on():
    """A listening socket goes to a process outside the session, which is no residue of files or processes."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    with socket.socket(socket.AF_UNIX) as way:
        way.connect("/run/usher-escape-receiver")
        socket.send_fds(way, [b"x"], [made.fileno()])


def fuse(options=""):
    """FUSE mounts whose server answers nothing, and which a process outside the session holds: who asks them hangs."""
    for place in (f"/tmp/usher-escape-{UID}/below", f"/var/tmp/usher-escape-{UID}", str(pathlib.Path.home() / "mnt")):
        os.makedirs(place)
        ours, theirs = socket.socketpair()
        subprocess.run(["fusermount3", "-o", f"fsname=usher{options}", "--", place], check=True,
                       stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                       env=os.environ | {"_FUSE_COMMFD": str(theirs.fileno())})
        device = socket.recv_fds(ours, 1, 1)[1]
        with socket.socket(socket.AF_UNIX) as way:
            way.connect("/run/usher-escape-receiver")
            socket.send_fds(way, [b"x"], device)
            way.recv(1)
        os.close(device[0])


def fuse_that_lets_others_in():
    as_root("open('/etc/fuse.conf', 'a').write('user_allow_other\\n')")
    fuse(",allow_other")


def unkillable():
    """A write to a frozen file system waits where no signal reaches it."""
    pathlib.Path("/run/usher-escape-mount/ready").touch()
    child(lambda: None)
    pid = os.fork()
    if pid == 0:
        silent()
        while not os.path.exists("/run/usher-escape-frozen"):
            time.sleep(0.05)
        open("/run/usher-escape-mount/blocked", "w").close()
        time.sleep(600)


def everything():
    for trick in EVERYTHING:
        trick()


EVERYTHING = (new_session, double_fork, ignored_signals, stopped, traced, other_user, root_leaves_group,
              new_audit_session, root_of_a_new_audit_session, later_jobs, records, set_id, interprocess, keyrings,
              terminals, ports, busy_home, immutable)

if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("READY", flush=True)
    while True:
        time.sleep(600)
