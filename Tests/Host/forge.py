"""Tickets made by hand: right ones, and every kind of wrong one that a host must refuse.

Independent of the project's own signer on purpose: JWS after RFC 7515 and RFC 8037, by Debian's cryptography.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from host_files import BROKER_KEY, ISSUER

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
TYPE = "usher-ticket+jwt"


def encoded(value):
    """base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def account():
    """A fresh name of the ephemeral form."""
    return "u-" + "".join(BASE32[byte & 31] for byte in os.urandom(10))


def uid_of(name):
    """The rule in design.md: the 50 bits of the name mod the range's size, above its first uid."""
    bits = 0
    for character in name[2:]:
        bits = bits * 32 + BASE32.index(character)
    return 1879048192 + bits % 268304384


def name_with_the_uid_of(name):
    """Another name with the same uid: 50 bits are mapped to 28."""
    bits = 0
    for character in name[2:]:
        bits = bits * 32 + BASE32.index(character)
    bits += 268304384 if bits + 268304384 < 1 << 50 else -268304384
    return "u-" + "".join(BASE32[bits >> (45 - 5 * place) & 31] for place in range(10))


def host_id():
    return pathlib.Path("/etc/usher/host-id").read_text(encoding="ascii").strip()


class Key:
    """An Ed25519 key with its id: the first 8 bytes of the RFC 7638 thumbprint."""

    def __init__(self, private=None):
        self.private = private or Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{encoded(self.public)}"}}'
        self.id = encoded(hashlib.sha256(canonical.encode()).digest()[:8])

    @classmethod
    def broker(cls):
        """The key that the private host trusts."""
        jwk = json.loads(BROKER_KEY.read_text(encoding="ascii"))
        return cls(Ed25519PrivateKey.from_private_bytes(decoded(jwk["d"])))

    def write_public(self, path):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(self.public)}
        pathlib.Path(path).write_text(json.dumps(jwk), encoding="ascii")


def claims(name=None, **changes):
    """The claims of a ticket that the private host admits; a change to None leaves a claim out."""
    now = int(time.time())
    values = {
        "iss": ISSUER, "aud": host_id(), "sub": "human:alice", "jti": encoded(os.urandom(16)), "iat": now,
        "exp": now + 300, "usr": name or account(), "rol": "dba",
    } | changes
    return {name: value for name, value in values.items() if value is not None}


def compact(values):
    return json.dumps(values, separators=(",", ":"))


def sign(payload, key, header=None):
    """The compact form of a payload, given as claims or as the JSON text itself."""
    header = header if header is not None else {"alg": "EdDSA", "typ": TYPE, "kid": key.id}
    text = payload if isinstance(payload, str) else compact(payload)
    head = header if isinstance(header, str) else compact(header)
    signed = f"{encoded(head.encode())}.{encoded(text.encode())}"
    return f"{signed}.{encoded(key.private.sign(signed.encode()))}"


def ticket(key, name=None, **changes):
    """A ticket that differs from a right one only in the given claims."""
    return sign(claims(name, **changes), key)


def with_algorithm(key, algorithm, name=None):
    """A ticket whose header claims another algorithm, signed as well as that algorithm can be."""
    header = {"alg": algorithm, "typ": TYPE, "kid": key.id}
    signed = f"{encoded(compact(header).encode())}.{encoded(compact(claims(name)).encode())}"
    if algorithm == "none":
        signature = b""
    elif algorithm == "HS256":
        # The classic confusion: the public key taken for a shared secret.
        signature = hmac.new(key.public, signed.encode(), hashlib.sha256).digest()
    else:
        made = ec.generate_private_key(ec.SECP256R1()).sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        signature = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(made))
    return f"{signed}.{encoded(signature)}"


def of_length(key, length, name=None):
    """A ticket of exactly this many characters, by a claim that every host ignores."""
    # Unpadded base64 never has a length of 1 mod 4; a blank in the header makes another residue the missing one.
    for header in ('{{"alg":"EdDSA","typ":"{0}","kid":"{1}"}}', '{{"alg":"EdDSA","typ":"{0}", "kid":"{1}"}}'):
        for padding in range(1, length):
            made = sign(claims(name, x_padding="a" * padding), key, header.format(TYPE, key.id))
            if len(made) == length:
                return made
            if len(made) > length:
                break
    raise ValueError(f"no ticket of {length} characters")
