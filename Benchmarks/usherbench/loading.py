"""What Usher costs those who only pass by: loading the module, looking names up."""
import contextlib
import pathlib
import subprocess
import time

USERDB = pathlib.Path("/run/systemd/userdb")
SERVICE_USER, SERVICE_UID = "bench-userdb", 61234


def loading(report, programs, host, count):
    permit, usher = programs.run("dlopencost", count, host.security_directory / "pam_permit.so", host.module)
    for result in (permit, usher):
        report.emit("dlopen", **result)
    ratio = usher["dlopen_us"]["p50"] / permit["dlopen_us"]["p50"]
    report.note("dlopen, pam_permit / pam_usher", f"{permit['dlopen_us']['p50']} / {usher['dlopen_us']['p50']} µs")
    report.hold("dlopen, pam_usher / pam_permit", f"{ratio:.2f}×", "≤ 1.5×", ratio <= 1.5)


@contextlib.contextmanager
def userdb_service(programs):
    """A user-database service as systemd's own NSS module asks it, for the time of the comparison."""
    USERDB.mkdir(parents=True, exist_ok=True)
    socket = USERDB / "org.example.Bench"
    service = subprocess.Popen([programs.path("userdbservice"), str(socket), SERVICE_USER, str(SERVICE_UID)])
    try:
        deadline = time.monotonic() + 5
        while not socket.exists():
            if service.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the user-database service did not start")
            time.sleep(0.01)
        yield
    finally:
        service.kill()
        service.wait()
        socket.unlink(missing_ok=True)


def lookups(report, programs, host, count):
    with userdb_service(programs):
        results = programs.run("lookups", count, host.local_user, host.ephemeral_name(), SERVICE_USER)
    file, ephemeral, service = results
    for kind, result in zip(("file", "ephemeral", "userdb-service"), results):
        report.emit("getpwnam", kind=kind, **result)
    ratio = ephemeral["getpwnam_us"]["p50"] / file["getpwnam_us"]["p50"]
    report.note("getpwnam, /etc/passwd / ephemeral / user-database service",
                " / ".join(str(result["getpwnam_us"]["p50"]) for result in results) + " µs")
    report.hold("getpwnam, ephemeral / /etc/passwd", f"{ratio:.2f}×", "≤ 1.5×", ratio <= 1.5)
    service_ratio = service["getpwnam_us"]["p50"] / ephemeral["getpwnam_us"]["p50"]
    report.note("getpwnam, user-database service / ephemeral", f"{service_ratio:.1f}×")
