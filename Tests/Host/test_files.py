"""The files that an administrator installs: where they go, and that sshd, systemd and audit take them."""
import pathlib
import re

import pytest

import host_files
import private_host
import processes

PROJECT = private_host.PROJECT


def test_install_puts_every_file_in_its_place_and_touches_no_configuration(host, tmp_path):
    host_files.must(["make", "-C", str(PROJECT), "install", f"CONFIG={host_files.CONFIGURATION}",
                     f"DESTDIR={tmp_path}"])
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    multiarch = processes.run(["gcc", "-print-multiarch"]).stdout.strip()
    expected = {
        "usr/sbin/usherd", "usr/bin/usher", "usr/sbin/usher-audit", "usr/lib/usher/usher-shell",
        "usr/lib/usher/offered-key",
        f"usr/lib/{multiarch}/security/pam_usher.so", f"usr/lib/{multiarch}/libnss_usher.so.2",
        "usr/lib/systemd/system/usherd.service", "usr/lib/systemd/system/usher.slice",
        "usr/lib/systemd/system/session-.scope.d/50-usher.conf",
        "usr/lib/sysusers.d/usher.conf", "usr/lib/tmpfiles.d/usher.conf", "usr/share/usher/pam.d/usher-sshd",
        "usr/share/usher/pam.d/usher", "usr/share/usher/sshd/9.2/50-usher.conf",
        "usr/share/usher/sshd/10/50-usher.conf",
        "usr/share/usher/audit/rules.d/50-usher.rules", "usr/share/usher/audit/plugins.d/usher.conf",
        "usr/share/usher/interfaces/io.usher.Audit.varlink", "usr/share/doc/usher/README.md",
        "usr/share/doc/usher/examples/usherd.toml",
    }
    assert expected <= files, expected - files
    assert not [path for path in files if not path.startswith("usr/")]
    for program in ("usr/sbin/usherd", "usr/bin/usher", "usr/sbin/usher-audit", "usr/lib/usher/usher-shell"):
        needed = processes.run(["ldd", str(tmp_path / program)]).stdout
        assert "swift" not in needed and "not found" not in needed, (program, needed)
    host_files.must(["make", "-C", str(PROJECT), "uninstall", f"DESTDIR={tmp_path}"])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_sshd_takes_the_drop_in_of_its_version_and_only_that(host):
    for version in ("9.2", "10"):
        file = f"/usr/share/usher/sshd/{version}/50-usher.conf"
        configuration = pathlib.Path(f"/etc/ssh/only-{version}")
        configuration.write_text(f"Include {file}\nHostKey /etc/ssh/test_host_key\n", encoding="ascii")
        answer = processes.run(["/usr/sbin/sshd", "-t", "-f", str(configuration)])
        # A newer sshd also starts with the older file; an older one does not with the newer.
        accepted = version == "9.2" or host_files.drop_in() == "10"
        assert (answer.returncode == 0) == accepted, answer.stderr


def effective(user, *more):
    text = host_files.must(["/usr/sbin/sshd", "-T", "-f", "/etc/ssh/sshd_config", "-C",
                            f"user={user},host=x,addr=127.0.0.1", *more])
    return dict(line.partition(" ")[::2] for line in text.splitlines())


def test_sshd_holds_ephemeral_accounts_to_what_the_drop_in_says(host):
    options = effective("u-aaaaaaaaaa")
    expected = {
        "authenticationmethods": "keyboard-interactive:pam publickey,keyboard-interactive:pam", "usepam": "yes",
        "kbdinteractiveauthentication": "yes", "disableforwarding": "yes", "permituserrc": "no",
        "permituserenvironment": "no", "passwordauthentication": "no", "authorizedkeysfile": "none",
        "authorizedkeyscommand": "/usr/lib/usher/offered-key %t %k", "authorizedkeyscommanduser": "nobody",
        "hostbasedauthentication": "no", "permittunnel": "no", "trustedusercakeys": "none",
    }
    assert {name: options.get(name) for name in expected} == expected


def test_sshd_leaves_other_accounts_as_they_were(host):
    options = effective("local1")
    assert options["authenticationmethods"] == "any"
    assert options["disableforwarding"] == "no"
    assert options["passwordauthentication"] == "yes"
    assert options["authorizedkeyscommand"] == "none"


def test_the_offered_key_is_echoed_and_nothing_else(host):
    answer = processes.run(["setpriv", "--reuid", "nobody", "--clear-groups", "/usr/lib/usher/offered-key",
                            "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5"])
    assert answer.stdout == "restrict,pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n"


def test_systemd_takes_the_units(host):
    answer = processes.run(["systemd-analyze", "verify", "--man=no", "/usr/lib/systemd/system/usherd.service",
                            "/usr/lib/systemd/system/usher.slice"])
    complaints = [line for line in answer.stderr.splitlines() if "usher" in line]
    assert complaints == []


# Each gives a service a mount namespace of its own (systemd.exec(5)), in which homes would be out of sight.
NAMESPACED = {
    "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectProc", "ProtectKernelTunables",
    "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ReadOnlyPaths", "ReadWritePaths",
    "InaccessiblePaths", "ExecPaths", "NoExecPaths", "BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem",
    "MountFlags", "PrivateMounts", "RootDirectory", "RootImage", "DynamicUser", "PrivateUsers", "ProtectHostname",
    "CacheDirectory", "PrivateNetwork", "PrivateIPC", "LogNamespace", "MountAPIVFS", "ProcSubset",
}


def test_the_unit_stays_in_the_mount_namespace_of_the_host(host):
    text = (PROJECT / "systemd/usherd.service").read_text(encoding="utf-8")
    settings = set(re.findall(r"^(\w+)=", text, re.MULTILINE))
    assert settings & NAMESPACED == set()
    assert {"NoNewPrivileges", "CapabilityBoundingSet", "SystemCallFilter", "RestrictAddressFamilies"} <= settings


@pytest.mark.parametrize("tool, file", [
    ("systemd-sysusers", "/usr/lib/sysusers.d/usher.conf"), ("systemd-tmpfiles", "/usr/lib/tmpfiles.d/usher.conf")])
def test_systemd_takes_groups_and_directories(host, tmp_path, tool, file):
    (tmp_path / "etc").mkdir()
    copy = tmp_path / "usher.conf"
    copy.write_text(pathlib.Path(file).read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("passwd", "group"):
        (tmp_path / "etc" / name).write_text("root:x:0:0::/root:/bin/sh\n" if name == "passwd" else "root:x:0:\n",
                                             encoding="ascii")
    words = ["--create"] if tool == "systemd-tmpfiles" else []
    answer = processes.run([tool, f"--root={tmp_path}", *words, str(copy)])
    assert answer.returncode == 0, answer.stderr
    if tool == "systemd-sysusers":
        groups = (tmp_path / "etc/group").read_text(encoding="ascii")
        assert {"usher", "usher-admin", "usher-soc"} <= {line.partition(":")[0] for line in groups.splitlines()}
        assert "usher-audit:" in (tmp_path / "etc/passwd").read_text(encoding="ascii")
    else:
        assert (tmp_path / "run/usher/accounts").is_dir()
        assert (tmp_path / "var/lib/usher").stat().st_mode & 0o777 == 0o700


def test_the_example_files_are_right(host, tmp_path):
    examples = pathlib.Path("/usr/share/doc/usher/examples")
    (tmp_path / "host-id").write_text(pathlib.Path("/etc/usher/host-id").read_text(encoding="ascii"), encoding="ascii")
    (tmp_path / "roles.d").mkdir()
    (tmp_path / "trust.d").mkdir()
    (tmp_path / "usherd.toml").write_text((examples / "usherd.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for file in examples.glob("role-*.toml"):
        (tmp_path / "roles.d" / file.name.removeprefix("role-")).write_text(file.read_text(encoding="utf-8"),
                                                                            encoding="utf-8")
    for file in examples.glob("trust-*.toml"):
        (tmp_path / "trust.d" / file.name.removeprefix("trust-")).write_text(file.read_text(encoding="utf-8"),
                                                                             encoding="utf-8")
    answer = processes.run(["usherd", "--check", "--config", str(tmp_path / "usherd.toml")])
    assert answer.returncode == 0, answer.stderr
