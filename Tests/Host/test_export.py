"""The evidence of real logins leaves the host by a process without rights, and proves itself elsewhere."""
import json
import subprocess

import forge
import observe
import processes
from login import attempt
from test_evidence import CURRENT, eventually, of_session, public_key  # noqa: F401 (a fixture)

# As usher-export.service: no root, no capability, no group but the readers'.
UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--groups=usher-soc", "--bounding-set=-all",
                "--inh-caps=-all", "--no-new-privs"]


def test_what_was_exported_without_rights_is_the_log_and_verifies(host, broker, name, public_key, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o711)
    subprocess.run(["chown", "65534:65534", state], check=True)
    state.chmod(0o700)
    export = [*UNPRIVILEGED, "usher", "evidence", "export", "file", state / "evidence.jsonl",
              "--cursor", state / "cursor"]
    assert attempt(host.port, name, forge.ticket(broker, name), "true").status == 0
    session = observe.closed_session_of(name)
    eventually(lambda: of_session(session["id"], "closed"), "the end is in the evidence")
    subprocess.run(export, check=True)
    exported = (state / "evidence.jsonl").read_bytes()
    log = b"".join(path.read_bytes() for path in sorted(
        CURRENT.parent.glob("evidence-*.jsonl"), key=lambda each: int(each.stem.split("-")[1]))) + CURRENT.read_bytes()
    assert exported and log.startswith(exported)
    assert session["id"] in {json.loads(line)["usher"].get("session") for line in exported.splitlines()}
    verdict = processes.run(
        ["usher", "evidence", "verify", str(state / "evidence.jsonl"), "--key", str(public_key), "--json"])
    assert json.loads(verdict.stdout)["sound"], verdict.stdout


def test_who_is_not_in_the_readers_group_exports_nothing(host, tmp_path):
    outsider = [word for word in UNPRIVILEGED if not word.startswith("--groups")] + ["--clear-groups"]
    result = subprocess.run([*outsider, "usher", "evidence", "export", "file", "-"], capture_output=True, text=True)
    assert result.returncode == 1 and result.stdout == ""
    assert "/var/log/usher: Permission denied" in result.stderr
