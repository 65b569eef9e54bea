#!/usr/bin/python3
"""A system log for the private host: writes what reaches /dev/log, one line a message, into a file.

Each line is `facility.severity text`, so that tests can tell authpriv from auth.
"""
import os
import re
import socket
import sys

FACILITIES = {0: "kern", 1: "user", 3: "daemon", 4: "auth", 9: "cron", 10: "authpriv"}


def main(path):
    reader = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    reader.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    with open(path, "a", encoding="utf-8", buffering=1) as log:
        while True:
            message = reader.recv(65536).decode("utf-8", "replace").rstrip("\n\0")
            match = re.match(r"<(\d+)>", message)
            priority = int(match[1]) if match else 13
            text = message[match.end():] if match else message
            name = FACILITIES.get(priority >> 3, str(priority >> 3))
            log.write(f"{name}.{priority & 7} {text!r}\n")


if __name__ == "__main__":
    main(sys.argv[1])
