"""An evidence log as the agent writes it, made by a program of its own: numbers, hashes, rotation, retention."""
import hashlib
import json
import pathlib

NONE = "0" * 64


class EvidenceLog:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o750)
        self.current = self.directory / "evidence.jsonl"
        self.sequence, self.previous = 0, NONE
        self.first = 1
        self.lines = []
        self.file = open(self.current, "ab", buffering=0)

    def line(self, session="s-aaaabbbbccccdddd", kind="exec", severity=1, message=None, filler="", **details):
        """The next line's bytes without line feed; nothing is written."""
        number = self.sequence + 1
        value = {
            "metadata": {"version": "1.3.0", "product": {"name": "usher", "vendor_name": "Usher", "version": "0.1.0"},
                         "sequence": number, "correlation_uid": session},
            "time": 1_763_740_800_000 + number, "class_uid": 1007, "category_uid": 1, "activity_id": 1,
            "type_uid": 100701, "severity_id": severity,
            "message": message or f"anna ran /bin/ls (äöü, number {number})",
            "process": {"cmd_line": "ls -l " + filler},
            "usher": {"version": 1, "sequence": number, "previous": self.previous, "host": "h-7k3f2m5qabcdefgh",
                      "session": session, "attribution": "kernel", "kind": kind, "subject": "human:anna", **details},
        }
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

    def append(self, count=1, **fields):
        """Writes lines; returns them."""
        written = []
        for _ in range(count):
            line = self.line(**fields)
            self.file.write(line + b"\n")
            self.sequence += 1
            self.previous = hashlib.sha256(line).hexdigest()
            written.append(line)
        self.lines += written
        return written

    def write_raw(self, data):
        self.file.write(data)

    def rotate(self):
        self.current.rename(self.directory / f"evidence-{self.first}.jsonl")
        self.file.close()
        self.file = open(self.current, "ab", buffering=0)
        self.first = self.sequence + 1

    def rotated(self):
        return sorted(self.directory.glob("evidence-*.jsonl"), key=lambda path: int(path.stem.split("-")[1]))


def check_whole(lines, first=1, last=None):
    """That a receiver has every line from `first` to `last`, in order once repetitions are left out.

    A repetition must be the same bytes. Returns how many lines came more than once.
    """
    by_number, repeated, highest = {}, 0, first - 1
    for line in lines:
        number = json.loads(line)["usher"]["sequence"]
        if number in by_number:
            assert by_number[number] == line, f"line {number} came twice and differs"
            repeated += 1
            continue
        assert number == highest + 1, f"line {number} came after line {highest}"
        by_number[number] = line
        highest = number
    for number in range(first + 1, highest + 1):
        expected = hashlib.sha256(by_number[number - 1]).hexdigest()
        assert json.loads(by_number[number])["usher"]["previous"] == expected, f"line {number} breaks the chain"
    if last is not None:
        assert highest == last, f"the last line is {highest}, not {last}"
    return repeated
