"""Receivers of syslog over TLS: one that accepts nothing but what RFC 5424 and RFC 5425 allow, and rsyslogd."""
import re
import socket
import ssl
import subprocess
import threading
import time

HEADER = re.compile(
    rb"<(?P<priority>0|[1-9][0-9]{0,2})>1 "
    rb"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,6}Z) "
    rb"(?P<host>-|[\x21-\x7e]{1,255}) (?P<application>-|[\x21-\x7e]{1,48}) (?P<process>-|[\x21-\x7e]{1,128}) "
    rb"(?P<kind>-|[\x21-\x7e]{1,32}) "
    # SD-NAME without = SPACE ] ": RFC 5424, 6.
    rb"(?P<data>-|(?:\[[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}=\"(?:[^\"\\\]]|\\[\"\\\]])*\")*\])+)"
    rb"(?: (?P<message>.*))?", re.S)
FRAME = re.compile(rb"([1-9][0-9]*) ")


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return result


class StrictReceiver:
    """Takes connections one after another. What is wrong with a frame stands in `faults`."""

    def __init__(self, certificate, key, client_authority=None, port=0):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(certificate, key)
        if client_authority:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_authority)
        self.messages, self.faults, self.refused, self.peers = [], [], [], []
        # "close_notify" or "cut" of each connection that ended.
        self.ends = []
        # After so many messages the connection is reset, once; the rest of what was read is lost, as in a crash.
        self.cut_after = None
        self.port = port
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=8)
        self.port = self.listener.getsockname()[1]
        self.stopping = False
        self.connection = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.connection:
            reset(self.connection)
        self.thread.join(10)

    @property
    def lines(self):
        return [match["message"] for match in list(self.messages)]

    def _serve(self):
        while not self.stopping:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            plain.settimeout(30)
            try:
                self.connection = self.context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False)
            except OSError as error:
                self.refused.append(str(error))
                plain.close()
                continue
            self.peers.append(self.connection.getpeercert())
            self._read(self.connection)
            self.connection = None

    def _read(self, connection):
        buffer = b""
        try:
            while data := connection.recv(65536):
                buffer = self._frames(buffer + data)
                if self.cut_after is not None and len(self.messages) >= self.cut_after:
                    del self.messages[self.cut_after:]
                    self.cut_after = None
                    reset(connection)
                    self.ends.append("reset by us")
                    return
            if buffer:
                self.faults.append(f"the connection ended inside of a frame: {buffer[:80]}")
            self.ends.append("close_notify")
            try:
                connection.unwrap()
            except OSError:
                pass
        except OSError as error:
            self.ends.append(f"cut: {error}")
        finally:
            connection.close()

    def _frames(self, buffer):
        while match := FRAME.match(buffer):
            end = match.end() + int(match[1])
            if len(buffer) < end:
                return buffer
            message = HEADER.fullmatch(buffer[match.end():end])
            if not message or int(message["priority"]) > 191:
                self.faults.append(f"no RFC 5424 message: {buffer[match.end():end][:200]}")
            else:
                self.messages.append(message)
            buffer = buffer[end:]
        if buffer and not re.fullmatch(rb"[1-9][0-9]*", buffer):
            self.faults.append(f"no frame: {buffer[:80]}")
            return b""
        return buffer


def reset(connection):
    """Ends it as a crash does: what was not read is gone, and the other side gets RST."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    except OSError:
        pass


class Rsyslog:
    """A real rsyslogd with the example's configuration, but for its places: those are below `directory`."""

    def __init__(self, example, directory, authority, certificate, key):
        self.directory = directory
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.configuration = directory / "rsyslog.conf"
        for old, new in [
            ("/etc/rsyslog.d/ca.pem", authority), ("/etc/rsyslog.d/siem.pem", certificate),
            ("/etc/rsyslog.d/siem.key", key), ("/var/spool/rsyslog", directory),
            ("/var/log/usher-evidence", directory), ('port="6514"', f'address="127.0.0.1" port="{self.port}"'),
        ]:
            assert example.count(old) == 1, f"{old} stands {example.count(old)} times in the example"
            example = example.replace(old, str(new))
        self.configuration.write_text(example)
        self.output = directory / f"{socket.gethostname()}.jsonl"
        self.start()

    def start(self):
        said = self.directory / "rsyslogd.out"
        with open(said, "a") as output:
            self.process = subprocess.Popen(
                ["/usr/sbin/rsyslogd", "-n", "-f", self.configuration, "-i", self.directory / "rsyslogd.pid"],
                stdout=output, stderr=subprocess.STDOUT)
        wait_until(self._listens, f"rsyslogd listens: {said.read_text()}")

    def stop(self, kill=False):
        if self.process.poll() is not None:
            return
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait(30)

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    @property
    def lines(self):
        """Whole lines of its file."""
        data = self.output.read_bytes() if self.output.exists() else b""
        return data[:data.rfind(b"\n") + 1].splitlines()
