"""Keys for local tokens: shared secrets, public keys in PEM or JWKS files, one algorithm each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from drydockd.auth.secret import derive, load_secret
from drydockd.errors import InvalidConfig

SECRET_FILE = "jwt.secret"  # noqa: S105
OLD = ".old"
OLD_SECRET_FILE = SECRET_FILE + OLD
MIN_RSA_BITS = 2048
MAX_FILE_BYTES = 1 << 20
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Key:
    """A key that verifies tokens, by exactly one algorithm; `source` is the file it is from."""

    kid: str
    algorithm: str
    source: str
    material: bytes | PublicKey = field(repr=False)


def secret_key(path: Path, *, create: bool = False) -> Key:
    """Return the HS256 key of a secret file; its key id follows from the secret.

    Raises InvalidConfig as `load_secret` does.
    """
    secret = load_secret(path, create=create)
    return Key(
        kid=derive(secret, "drydockd jwt key id").hex()[:16],
        algorithm="HS256",
        source=str(path),
        material=derive(secret, "drydockd jwt HS256"),
    )


def secret_keys(path: Path, *, create: bool = False) -> list[Key]:
    """Return the keys of a secret file: the one that mints, then the one it replaced.

    To rotate, rename ``jwt.secret`` to ``jwt.secret.old`` and restart or mint: a new one is
    made, tokens of both are valid. Remove the old file when its last token has expired.
    """
    keys = [secret_key(path, create=create)]
    old = path.with_name(path.name + OLD)
    if old.exists():
        keys.append(secret_key(old))
    return keys


def public_keys(path: Path) -> list[Key]:
    """Return the keys of a PEM file (key id: its name without suffix) or of a JWKS file.

    RSA keys verify RS256, P-256 keys ES256, Ed25519 keys EdDSA. Raises InvalidConfig for
    anything else, private and symmetric keys included.
    """
    try:
        content = path.read_bytes()[: MAX_FILE_BYTES + 1]
    except OSError as error:
        raise InvalidConfig(f"{path}: cannot read the key file: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InvalidConfig(f"{path}: larger than {MAX_FILE_BYTES} bytes; not a key file")
    if content.lstrip().startswith(b"{"):
        return _jwks(path, content)
    if b"PRIVATE KEY" in content:
        raise InvalidConfig(f"{path}: holds a private key; drydockd wants the public one only")
    try:
        material = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidConfig(f"{path}: neither a PEM public key nor a JWKS: {error}") from error
    return [_key(path.stem, str(path), material)]


def check_distinct(keys: Sequence[Key]) -> None:
    """Raise InvalidConfig when two keys share a key id: a token could not say which it means."""
    seen: dict[str, Key] = {}
    for key in keys:
        first = seen.setdefault(key.kid, key)
        if first is not key:
            raise InvalidConfig(f"{key.source}: key id {key.kid!r} is already {first.source}'s")


def _jwks(path: Path, content: bytes) -> list[Key]:
    try:
        parsed = json.loads(content)
        entries = parsed.get("keys", [parsed])
    except (ValueError, TypeError) as error:
        raise InvalidConfig(f"{path}: not a JWKS: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise InvalidConfig(f"{path}: a JWKS without keys")
    return list(_jwks_keys(path, entries))


def _jwks_keys(path: Path, entries: Iterable[object]) -> Iterable[Key]:
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: key {number}"
        if not isinstance(entry, dict):
            raise InvalidConfig(f"{where}: not an object")
        if entry.get("use", "sig") != "sig":
            continue
        if entry.get("kty") == "oct" or "d" in entry:
            raise InvalidConfig(f"{where}: secret key material; only public keys belong here")
        kid = entry.get("kid")
        if not isinstance(kid, str) or not kid:
            raise InvalidConfig(f"{where}: has no `kid`")
        try:
            # Without its `alg`: what a key is for follows from the key alone.
            material = jwt.PyJWK.from_dict({k: v for k, v in entry.items() if k != "alg"}).key
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise InvalidConfig(f"{where}: {error}") from error
        key = _key(kid, where, material)
        if entry.get("alg", key.algorithm) != key.algorithm:
            raise InvalidConfig(f"{where}: alg {entry['alg']!r}; such a key is for {key.algorithm}")
        yield key


def _key(kid: str, source: str, material: object) -> Key:
    if isinstance(material, rsa.RSAPublicKey):
        if material.key_size < MIN_RSA_BITS:
            raise InvalidConfig(f"{source}: RSA of {material.key_size} bits; {MIN_RSA_BITS} needed")
        return Key(kid, "RS256", source, material)
    if isinstance(material, ec.EllipticCurvePublicKey) and isinstance(material.curve, ec.SECP256R1):
        return Key(kid, "ES256", source, material)
    if isinstance(material, ed25519.Ed25519PublicKey):
        return Key(kid, "EdDSA", source, material)
    raise InvalidConfig(f"{source}: use RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA)")
