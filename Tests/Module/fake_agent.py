#!/usr/bin/python3
"""An agent that answers as it is told: fake_agent.py SOCKET CALLS [METHOD=BEHAVIOUR…]

Appends every call that it reads to the file CALLS, one JSON line each. Without a behaviour a method is answered as
Interfaces/io.usher.Agent.varlink says; `REPLY:` and a text sends that text and a NUL.
"""
import json
import socket
import sys
import time

HANDLE = "abcdefghijklmnopqrstuvwxyz"
SESSION = "s-abcdefghij234567"
TAG = ("op=usher-session-begin session=s-abcdefghij234567 ticket=Zm9v issuer=broker.example subject=human:alice "
       "role=dba account=u-aaaaaaaaaa")
NOTICE = "Session s-abcdefghij234567, role dba\nThis session is recorded."
ANSWERS = {
    "Authenticate": {"handle": HANDLE},
    "Authorize": {},
    "OpenSession": {"session": SESSION, "tag": TAG, "notice": NOTICE},
    "ReportTag": {},
    "Enter": {},
    "CloseSession": {},
}
LATE_SECONDS = 30


def answer(connection, behaviour, method):
    right = json.dumps({"parameters": ANSWERS[method]}).encode() + b"\0"
    if behaviour == "right":
        connection.sendall(right)
    elif behaviour == "slow":
        for index in range(len(right)):
            connection.sendall(right[index:index + 1])
            time.sleep(0.005)
    elif behaviour == "refuse":
        refusal = {"error": "io.usher.Agent.Refused", "parameters": {"reference": "7F3K-Q2"}}
        connection.sendall(json.dumps(refusal).encode() + b"\0")
    elif behaviour == "garbage":
        connection.sendall(bytes(range(1, 256)) + b"\0")
    elif behaviour == "huge":
        connection.sendall(b"x" * 1_000_000)
    elif behaviour == "truncated":
        connection.sendall(right[:-9])
    elif behaviour == "trailing":
        connection.sendall(right + b"x")
    elif behaviour == "late":
        time.sleep(LATE_SECONDS)
    elif behaviour.startswith("REPLY:"):
        connection.sendall(behaviour.removeprefix("REPLY:").encode() + b"\0")
    elif behaviour != "close":
        raise ValueError(behaviour)


def serve(connection, calls, behaviours):
    """One call; whether the connection stands after its answer."""
    if "close-before-reading" in behaviours.values():
        return False
    frame = b""
    while not frame.endswith(b"\0"):
        received = connection.recv(65536)
        if not received:
            return False
        frame += received
    call = json.loads(frame[:-1])
    calls.write(json.dumps(call) + "\n")
    calls.flush()
    method = call["method"].removeprefix("io.usher.Agent.")
    behaviour = behaviours.get(method, "right")
    answer(connection, behaviour, method)
    return behaviour in ("right", "slow", "refuse") or behaviour.startswith("REPLY:")


def main():
    path, calls_path, *options = sys.argv[1:]
    behaviours = dict(option.split("=", 1) for option in options)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(int(behaviours.pop("backlog", 16)))
    with open(calls_path, "a", encoding="utf-8") as calls:
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    while serve(connection, calls, behaviours):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass


if __name__ == "__main__":
    main()
