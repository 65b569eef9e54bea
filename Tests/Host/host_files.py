"""Files and accounts of the private host, all inside its own /etc and /usr."""
import os
import pathlib
import re
import shutil

import processes
from daemons import free_port

CONFIGURATION = os.environ.get("CONFIG", "release")
ISSUER = "https://broker.example.org"
BROKER_KEY = pathlib.Path("/etc/usher/test-broker.jwk")
LOCAL_PASSWORD = "local-password-of-the-private-host"

# One role a rule that the tests are about.
ROLES = {
    "dba": 'groups = ["usher-dba"]\nmax_duration = 3600\n',
    "short": "max_duration = 60\n",
    "approved": 'require = ["approval", "change"]\nmax_duration = 3600\n',
    "placed": 'require = ["source"]\nmax_duration = 3600\n',
    "bound": 'require = ["key"]\nmax_duration = 3600\n',
    "elsewhere": 'services = ["login"]\nmax_duration = 3600\n',
    # Idle after the least that a test can wait for: terminals are counted in steps of eight seconds.
    "watched": "idle_timeout = 4\nmax_duration = 3600\n",
    "working": 'idle_timeout = 10\nidle_counts = "io"\nmax_duration = 3600\n',
    "untrusted": "max_duration = 3600\n",
    "standing": 'accounts = ["operator1"]\nmax_duration = 3600\n',
    "anyone": 'accounts = ["ephemeral", "operator1", "operator2"]\nmax_duration = 3600\n',
}
TRUSTED_ROLES = ["dba", "short", "approved", "placed", "bound", "elsewhere", "standing", "anyone",
                 "watched", "working",
                 # No file defines it: the broker may sign for it, and the host does not know it.
                 "unknown"]
TRUSTED_ACCOUNTS = ["ephemeral", "operator1"]


def must(command, **options):
    """Runs a command that has to succeed; returns what it printed."""
    answer = processes.run(command, **options)
    if answer.returncode != 0:
        raise RuntimeError(f"{command[0]} failed ({answer.returncode}): {answer.stdout}{answer.stderr}")
    return answer.stdout


def install(project):
    """`make install` for real, into the private host's /usr."""
    must(["make", "-C", str(project), "install", f"CONFIG={CONFIGURATION}", "DESTDIR="], timeout=120)
    # glibc finds a library by the loader's cache.
    must(["ldconfig"])


def openssh_version():
    """The version of the machine's sshd as a pair of numbers."""
    text = processes.run(["/usr/sbin/sshd", "-V"])
    match = re.search(r"OpenSSH_(\d+)\.(\d+)", text.stdout + text.stderr)
    if not match:
        match = re.search(r"OpenSSH_(\d+)\.(\d+)", processes.run(["ssh", "-V"]).stderr)
    return int(match[1]), int(match[2])


def drop_in():
    """The name of the drop-in's directory for the machine's sshd."""
    return "10" if openssh_version() >= (9, 8) else "9.2"


def configure(work):
    """What README.md tells an administrator to do, and the accounts that the tests use. Returns sshd's port."""
    share = pathlib.Path("/usr/share/usher")
    for directory in ("/etc/usher/trust.d", "/etc/usher/roles.d", "/etc/audit/rules.d"):
        os.makedirs(directory, exist_ok=True)
    shutil.copy(share / "audit/rules.d/50-usher.rules", "/etc/audit/rules.d/50-usher.rules")
    for group in ("usher", "usher-admin", "usher-soc"):
        processes.run(["groupadd", "--system", group])
    processes.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "usher-audit"])
    _audit_plugin(share)
    # As the agent does at its first start: a rule that watches a directory cannot be loaded without it.
    os.makedirs("/var/log/usher", mode=0o700, exist_ok=True)
    name_service()
    _accounts(work)
    _sudo()
    pathlib.Path("/etc/usher/exempt-users").write_text("root\nlocal1\n", encoding="ascii")
    pathlib.Path("/etc/usher/usherd.toml").write_text(
        'log_level = "info"\nevidence_checkpoint_interval = 2\n', encoding="ascii")
    for name, text in ROLES.items():
        pathlib.Path(f"/etc/usher/roles.d/{name}.toml").write_text(f'name = "{name}"\n{text}', encoding="ascii")
    return configure_sshd()


def _audit_plugin(share):
    """Ours, and none of the machine's own: they would write where it is not private."""
    plugins = pathlib.Path("/etc/audit/plugins.d")
    plugins.mkdir(parents=True, exist_ok=True)
    for old in plugins.glob("*.conf"):
        old.unlink()
    shutil.copy(share / "audit/plugins.d/usher.conf", plugins / "usher.conf")


def configure_sshd():
    """sshd with Usher's stack and drop-in, and nothing else of the machine's; returns its port."""
    share = pathlib.Path("/usr/share/usher")
    shutil.copy(share / "pam.d/usher-sshd", "/etc/pam.d/sshd")
    os.makedirs("/etc/ssh/sshd_config.d", exist_ok=True)
    for old in pathlib.Path("/etc/ssh/sshd_config.d").glob("*.conf"):
        old.unlink()
    shutil.copy(share / "sshd" / drop_in() / "50-usher.conf", "/etc/ssh/sshd_config.d/50-usher.conf")
    port = free_port()
    _sshd(port)
    return port


def name_service():
    """NSS as README.md says."""
    path = pathlib.Path("/etc/nsswitch.conf")
    text = path.read_text(encoding="utf-8")
    for database in ("passwd", "group", "shadow"):
        text = re.sub(rf"^{database}:.*$", f"{database}: files usher systemd", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def _accounts(work):
    for name in ("local1", "operator1", "operator2"):
        must(["useradd", "--create-home", "--home-dir", f"/run/local/{name}", "--shell", "/bin/bash", name])
    must(["chpasswd"], input=f"local1:{LOCAL_PASSWORD}\n", stdin=None)
    key = work / "client-key"
    must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(key)])
    for name in ("local1", "operator1"):
        directory = pathlib.Path(f"/run/local/{name}/.ssh")
        directory.mkdir(mode=0o700)
        shutil.copy(f"{key}.pub", directory / "authorized_keys")
        must(["chown", "-R", f"{name}:{name}", str(directory)])


def _sudo():
    os.makedirs("/etc/sudoers.d", exist_ok=True)
    rules = pathlib.Path("/etc/sudoers.d/usher-tests")
    rules.write_text("%usher-dba ALL=(root) NOPASSWD: /usr/bin/id, /usr/bin/sleep\n"
                     "local1 ALL=(root) NOPASSWD: /usr/bin/id\n", encoding="ascii")
    rules.chmod(0o440)


SSHD = """Include /etc/ssh/sshd_config.d/*.conf
ListenAddress 127.0.0.1
Port {port}
HostKey /etc/ssh/test_host_key
PidFile none
LogLevel VERBOSE
LoginGraceTime 30
# Fifty connections at once are part of the tests.
MaxStartups 300
MaxAuthTries 6
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def _sshd(port):
    key = pathlib.Path("/etc/ssh/test_host_key")
    must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    pathlib.Path("/etc/ssh/sshd_config").write_text(SSHD.format(port=port), encoding="ascii")
    must(["/usr/sbin/sshd", "-t", "-f", "/etc/ssh/sshd_config"])


def enrol():
    """Gives the host its id, makes a broker's key and trusts it."""
    must(["usher", "host", "enrol"])
    must(["usher", "key", "new", "--out", str(BROKER_KEY)])
    command = ["usher", "key", "trust", "--issuer", ISSUER, "--name", "test"]
    for role in TRUSTED_ROLES:
        command += ["--role", role]
    for account in TRUSTED_ACCOUNTS:
        command += ["--account", account]
    must([*command, str(BROKER_KEY)])
    must(["usherd", "--check"])


def control_groups():
    """The agent's own control groups, where it does not have systemd make scopes."""
    for mount in re.findall(r"^\S+ (\S+) cgroup2 ", pathlib.Path("/proc/mounts").read_text(encoding="utf-8"),
                            re.MULTILINE):
        directory = pathlib.Path(mount) / "usher"
        if directory.is_dir():
            yield directory


def remove_control_groups():
    """Removes what the agent left of them; a group with a process in it cannot be removed."""
    for top in control_groups():
        for directory, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
