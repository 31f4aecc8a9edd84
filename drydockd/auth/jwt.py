"""Tokens drydockd checks by itself: JWTs of its own secret or of configured public keys."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jwt

from drydockd.auth.jwtkeys import Key, check_distinct
from drydockd.auth.reasons import expiry_reason, quoted, unverified_claims
from drydockd.auth.strategy import MAX_TOKEN_CHARS, Verified
from drydockd.auth.tokencache import TokenCache
from drydockd.errors import InvalidConfig
from drydockd.model import Caller

NAME = "jwt"
ISSUER = "drydockd"
AUDIENCE = "drydockd"
REQUIRED = ("exp", "iss", "aud", "sub")
MAX_LEEWAY_SECONDS = 60
MAX_ROLES = 64


@dataclass(frozen=True, slots=True)
class Inspection:
    """A token taken apart: its parts unverified, and why it is refused (empty: it is not)."""

    header: Mapping[str, object]
    claims: Mapping[str, object]
    reason: str


class RefusedToken(Exception):
    """Why a token is not valid; for `drydock token inspect`, never for the sender."""


class LocalTokens:
    """The strategy ``jwt``: signature, algorithm, key id, expiry, issuer, audience, roles.

    Each key verifies by its own algorithm only, whatever the token's header says. A token
    that names a key id needs exactly that key; one that names none may be of any key. All
    claims of `REQUIRED` must be there. Claims: ``sub`` is the user's id, ``name`` (else
    ``sub``) the user, ``roles`` a list of names; ``project_id``, ``project_domain_id`` and
    ``user_domain_id`` may be given. Rotation: list the new key beside the old one until the
    last old token has expired. Sources: RFC 7519, RFC 8725.
    """

    name = NAME
    challenge: str | None = 'X-Auth-Token realm="drydockd"'

    def __init__(
        self,
        keys: Sequence[Key],
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        leeway_seconds: float = 10,
        cache_seconds: float = 60,
    ) -> None:
        if not keys:
            raise InvalidConfig("auth_strategy jwt needs a key: a secret file or public keys")
        if not 0 <= leeway_seconds <= MAX_LEEWAY_SECONDS:
            raise InvalidConfig(f"jwt leeway: 0 to {MAX_LEEWAY_SECONDS} seconds, not more")
        check_distinct(keys)
        self._keys = {key.kid: key for key in keys}
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway_seconds
        self._cache = TokenCache(seconds=cache_seconds)

    def recognises(self, token: str) -> bool:
        if token.count(".") != 2:
            return False
        try:
            return bool(_part(token, 1).get("iss") == self._issuer)
        except RefusedToken:
            return False

    def anonymous(self, remote: str, headers: Mapping[str, str]) -> Caller | None:
        return None

    async def verify(self, token: str, remote: str = "") -> Verified | None:
        known = self._cache.get(token)
        if known is not None:
            return Verified(known)
        try:
            caller, expires = self.check(token)
        except RefusedToken:
            return None
        self._cache.put(token, caller, expires)
        return Verified(caller, is_fresh=True)

    def why(self, token: str) -> str:
        if not token:
            return ""
        claims = unverified_claims(token) if token.count(".") == 2 else None
        if claims is None:
            return "the token is malformed: not a JWT that can be read"
        missing = [name for name in REQUIRED if name not in claims]
        if missing:
            return f"the token has no {', '.join(missing)}"
        if late := expiry_reason(claims["exp"], leeway_seconds=self._leeway):
            return late
        if claims["iss"] != self._issuer:
            return f"the token was issued by {quoted(claims['iss'])}, who is not trusted here"
        audience = claims["aud"]
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            return f"the token is meant for {quoted(audience)}, not for this daemon"
        return "the token is unknown here: forged, damaged, or made with a key that is void"

    async def close(self) -> None:
        self._cache.clear()

    def check(self, token: str) -> tuple[Caller, float]:
        """Return whose token it is and when it ends (seconds since the epoch).

        Raises RefusedToken, which says why.
        """
        if len(token) > MAX_TOKEN_CHARS:
            raise RefusedToken(f"longer than {MAX_TOKEN_CHARS} characters")
        if token.count(".") != 2:
            raise RefusedToken("not a JWT: expected three parts joined by dots")
        header = _part(token, 0)
        if "crit" in header:
            raise RefusedToken("the header names critical extensions (crit); none is known here")
        claims = self._verified_claims(token, self._candidates(header))
        return caller_of(claims), _end(claims)

    def inspect(self, token: str) -> Inspection:
        """Take `token` apart without trusting it, and say why it would be refused."""
        header: Mapping[str, object] = {}
        claims: Mapping[str, object] = {}
        try:
            if token.count(".") == 2:
                header = _part(token, 0)
                claims = _part(token, 1)
            self.check(token)
        except RefusedToken as refusal:
            return Inspection(header, claims, str(refusal))
        return Inspection(header, claims, "")

    def _candidates(self, header: Mapping[str, object]) -> list[Key]:
        algorithm = header.get("alg")
        kid = header.get("kid")
        if kid is None:
            keys = [key for key in self._keys.values() if key.algorithm == algorithm]
            if not keys:
                raise RefusedToken(f"no configured key is for the algorithm {algorithm!r}")
            return keys
        if not isinstance(kid, str) or kid not in self._keys:
            raise RefusedToken(f"unknown key id {kid!r}; known: {', '.join(sorted(self._keys))}")
        key = self._keys[kid]
        if key.algorithm != algorithm:
            raise RefusedToken(f"key {kid!r} is for {key.algorithm}, the token says {algorithm!r}")
        return [key]

    def _verified_claims(self, token: str, keys: Sequence[Key]) -> dict[str, object]:
        for key in keys:
            try:
                claims: dict[str, object] = jwt.decode(
                    token,
                    key.material,
                    algorithms=[key.algorithm],
                    audience=self._audience,
                    issuer=self._issuer,
                    leeway=self._leeway,
                    options={"require": list(REQUIRED), "enforce_minimum_key_length": True},
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, OverflowError) as error:
                raise RefusedToken(_explain(error, token, self._issuer, self._audience)) from error
            return claims
        raise RefusedToken("the signature does not match: forged, damaged, or of another key")


def mint(
    key: Key,
    *,
    user: str,
    roles: Sequence[str],
    ttl_seconds: int,
    issuer: str = ISSUER,
    audience: str = AUDIENCE,
) -> str:
    """Return a token of the local secret `key` for `user` with `roles`, valid `ttl_seconds`."""
    if key.algorithm != "HS256" or not isinstance(key.material, bytes):
        raise ValueError("tokens are minted with the secret file; others sign their own")
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": user,
        "name": user,
        "roles": list(roles),
        "iat": now,
        "exp": now + ttl_seconds,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, key.material, algorithm=key.algorithm, headers={"kid": key.kid})


def caller_of(claims: Mapping[str, object]) -> Caller:
    """Return the identity a verified token states. Raises RefusedToken for a wrong claim."""
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(r, str) and r for r in roles):
        raise RefusedToken("the claim roles must be a list of names")
    if len(roles) > MAX_ROLES:
        raise RefusedToken(f"more than {MAX_ROLES} roles")
    text = {name: _text(claims, name) for name in TEXT_CLAIMS}
    return Caller(
        user=text["name"] or text["sub"],
        user_id=text["sub"],
        user_domain_id=text["user_domain_id"],
        project_id=text["project_id"],
        project_domain_id=text["project_domain_id"],
        roles=tuple(roles),
        is_admin_project=False,
    )


TEXT_CLAIMS = ("sub", "name", "user_domain_id", "project_id", "project_domain_id")


def _end(claims: Mapping[str, object]) -> float:
    """Return when the token ends, seconds since the epoch."""
    end = claims["exp"]
    if not isinstance(end, int | float | str):
        raise RefusedToken("the claim exp must be a number")
    return float(end)


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or not value.isprintable():
        raise RefusedToken(f"the claim {name} must be text on one line")
    return value


def _part(token: str, number: int) -> dict[str, object]:
    """Return header (0) or claims (1) of a token without verifying anything."""
    what = ("header", "claims")[number]
    try:
        segment = token.split(".")[number]
        padded = segment + "=" * (-len(segment) % 4)
        part = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, IndexError, RecursionError) as error:
        raise RefusedToken(f"the {what} cannot be read: {error}") from None
    if not isinstance(part, dict):
        raise RefusedToken(f"the {what} must be a JSON object")
    return part


def _explain(error: Exception, token: str, issuer: str, audience: str) -> str:
    claims = _part(token, 1)
    if isinstance(error, jwt.ExpiredSignatureError):
        late = int(time.time() - _end(claims))
        return f"expired {late} seconds ago"
    if isinstance(error, jwt.InvalidIssuerError):
        return f"issued by {claims.get('iss')!r}; this daemon trusts {issuer!r}"
    if isinstance(error, jwt.InvalidAudienceError):
        return f"meant for {claims.get('aud')!r}; this daemon is {audience!r}"
    if isinstance(error, jwt.ImmatureSignatureError):
        return f"not valid yet: {error}; compare the clocks"
    return str(error)
