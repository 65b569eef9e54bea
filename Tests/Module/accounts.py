"""The files of /run/usher/accounts, as the agent writes them, and the numbers that follow from names."""
import os
import pathlib

DIRECTORY = pathlib.Path("/run/usher/accounts")
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
FIRST_UID, UIDS = 1_879_048_192, 268_304_384
FIRST_GID, GIDS = 2_147_418_112, 65_535
SESSION = "s-abcdefghij234567"


def uid_of(name):
    bits = 0
    for character in name.removeprefix("u-"):
        bits = bits * 32 + ALPHABET.index(character)
    return FIRST_UID + bits % UIDS


def name_of(bits):
    return "u-" + "".join(ALPHABET[bits >> 5 * (9 - place) & 31] for place in range(10))


def gid_of(name):
    value = 2_166_136_261
    for byte in name.encode():
        value = (value ^ byte) * 16_777_619 % 2**32
    return FIRST_GID + value % GIDS


def account_record(name, uid=None, comment="human alice", groups=()):
    return (f"usher-account 1\nname {name}\nuid {uid_of(name) if uid is None else uid}\nsession {SESSION}\nses 42\n"
            f"shell /bin/bash\ncomment {comment}\ngroups {','.join(map(str, groups))}\n")


def group_record(name, gid=None, members=()):
    return f"usher-group 1\nname {name}\ngid {gid_of(name) if gid is None else gid}\nmembers {','.join(members)}\n"


def write(file, content):
    """Renamed into place, as the agent does."""
    path, new = DIRECTORY / file, DIRECTORY / f".{file}.new"
    new.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.chmod(new, 0o644)
    os.rename(new, path)
    return path


def publish(name, **fields):
    record = account_record(name, **fields)
    return write(f"uid.{uid_of(name)}", record), write(name, record)


def publish_group(name, **fields):
    record = group_record(name, **fields)
    return write(f"gid.{gid_of(name)}", record), write(f"group.{name}", record)


def clear():
    for path in sorted(DIRECTORY.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
