"""The shared objects as files: what they export and need, how large they are, and that they load without a trace."""
import re
import subprocess

SIZE_LIMIT = 64 * 1024
LOADS = 10_000
# Debian's own modules show as much: pages of the allocator that the first loads did not touch.
RESIDENT_NOISE_KIB = 32

PAM_EXPORTS = {f"pam_sm_{phase}" for phase in (
    "authenticate", "setcred", "acct_mgmt", "open_session", "close_session", "chauthtok")}
NSS_EXPORTS = {f"_nss_usher_{entry}" for entry in (
    "getpwnam_r", "getpwuid_r", "setpwent", "getpwent_r", "endpwent", "getgrnam_r", "getgrgid_r", "setgrent",
    "getgrent_r", "endgrent", "initgroups_dyn", "getspnam_r")}
# The host's process is not the module's: no signals, threads, children, streams or environment.
FORBIDDEN = {
    "getenv", "secure_getenv", "signal", "sigaction", "alarm", "setitimer", "pthread_create", "fork", "vfork", "execve",
    "system", "popen", "printf", "puts", "fopen", "fwrite", "exit", "_exit", "atexit", "abort", "dlopen", "openlog",
    "getpwnam", "getaddrinfo", "gethostbyname"}
HEAP = {"malloc", "calloc", "posix_memalign", "aligned_alloc", "memalign", "strdup", "asprintf", "opendir", "fopen"}
SOCKETS = {"socket", "connect", "send", "sendto", "recv"}


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _symbols(path, option):
    names = (line.split()[-1] for line in _output("nm", "-D", option, path).splitlines())
    return {name.split("@")[0] for name in names}


def _dynamic(path, tag):
    return re.findall(rf"\({tag}\).*\[(.+)\]", _output("readelf", "-d", path))


def _check_file(checks, work, name, path, exports, needed):
    checks.equal(f"{name}: exports exactly its entries", _symbols(path, "--defined-only"), exports)
    checks.equal(f"{name}: needs exactly these libraries", sorted(_dynamic(path, "NEEDED")), sorted(needed))
    undefined = _symbols(path, "--undefined-only")
    checks.equal(f"{name}: calls nothing that changes or reads the host's process", undefined & FORBIDDEN, set())
    stripped = work / f"{name}.stripped"
    subprocess.run(["strip", "--strip-unneeded", "-o", stripped, path], check=True)
    size = stripped.stat().st_size
    checks.holds(f"{name}: is smaller than 64 KiB when stripped ({size} bytes)", size < SIZE_LIMIT, size)
    flags = " ".join(line for line in _output("readelf", "-dW", path).splitlines() if "FLAGS" in line)
    checks.holds(f"{name}: has every symbol bound when it is loaded", "NOW" in flags, flags)
    headers = _output("readelf", "-lW", path)
    checks.holds(f"{name}: asks for no executable stack and no writable code",
                 not re.search(r"^\s+(GNU_STACK|LOAD).* (RWE|WE|R?WE)\s", headers, re.MULTILINE), headers)
    return undefined


def _check_loading(checks, work, name, path):
    result = subprocess.run([work / "load_driver", path, str(LOADS)], capture_output=True, text=True, check=False)
    if not checks.holds(f"{name}: loads with every symbol resolved", result.returncode == 0, result.stdout):
        return
    before, after, fds_before, fds_after, maps_before, maps_after, microseconds = result.stdout.split()
    growth = int(after) - int(before)
    checks.holds(f"{name}: {LOADS} loads leave no memory behind ({growth} KiB)", growth <= RESIDENT_NOISE_KIB, growth)
    checks.equal(f"{name}: {LOADS} loads leave no descriptor open", fds_after, fds_before)
    checks.equal(f"{name}: {LOADS} loads leave nothing mapped", maps_after, maps_before)
    print(f"     dlopen and dlclose of {name}: {microseconds} us", flush=True)


def run(checks, work, pam, nss):
    _check_file(checks, work, "pam_usher.so", pam, PAM_EXPORTS, ["libpam.so.0", "libaudit.so.1", "libc.so.6"])
    _check_loading(checks, work, "pam_usher.so", pam)
    undefined = _check_file(checks, work, "libnss_usher.so.2", nss, NSS_EXPORTS, ["libc.so.6"])
    checks.equal("libnss_usher.so.2: has the name that glibc looks for", _dynamic(nss, "SONAME"), ["libnss_usher.so.2"])
    checks.equal("libnss_usher.so.2: allocates nothing", undefined & HEAP, set())
    checks.equal("libnss_usher.so.2: talks to nobody", undefined & SOCKETS, set())
    _check_loading(checks, work, "libnss_usher.so.2", nss)
