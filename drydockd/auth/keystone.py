"""Tokens of Keystone v3: asked once per token and cache time, never when it can be spared."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from drydockd.api.headers import quoted
from drydockd.auth.identity import ServiceIdentity
from drydockd.auth.jwtkeys import Key, public_keys
from drydockd.auth.lookups import Lookups
from drydockd.auth.reasons import expiry_reason, unverified_claims
from drydockd.auth.strategy import Verified
from drydockd.auth.tokencache import RefusedCache, TokenCache, digest
from drydockd.errors import InvalidConfig, Unavailable
from drydockd.model import Caller

log = logging.getLogger(__name__)

NAME = "keystone"
# Clocks of Keystone's machine and ours may differ; Keystone itself decides within this.
JWS_LEEWAY_SECONDS = 30

Checked = tuple[Caller, float] | None


class Keystone:
    """The strategy ``keystone``: a token is valid when Keystone says so.

    Answers are kept for `cache_seconds` (0 or less: not) and never past the token's end, so
    a revocation shows after at most that long; refusals for `refused_seconds`. Requests that
    bring the same unknown token at the same time share one call. While Keystone is away,
    known tokens go on and unknown ones raise Unavailable. `lookups` bounds how many unknown
    tokens it is asked about; those that were good before do not count. With `jws_keys`,
    Keystone's public keys, a JWS token that is forged or expired is refused without a call.
    Source: contract, auth-policy, section 2.
    """

    name = NAME

    def __init__(
        self,
        identity: ServiceIdentity,
        *,
        www_authenticate_uri: str = "",
        cache_seconds: float = 300,
        refused_seconds: float = 10,
        cache_size: int = 10_000,
        jws_keys: Sequence[Key] = (),
        lookups: Lookups | None = None,
    ) -> None:
        self.challenge: str | None = (
            f'Keystone uri="{quoted(www_authenticate_uri or identity.url)}"'
        )
        self._identity = identity
        self._known = TokenCache(seconds=cache_seconds, size=cache_size)
        self._refused = RefusedCache(seconds=refused_seconds, size=cache_size)
        self._under_way: dict[bytes, asyncio.Future[Checked]] = {}
        self._jws_keys = tuple(jws_keys)
        self._lookups = lookups or Lookups()

    def recognises(self, token: str) -> bool:
        return False

    def anonymous(self, remote: str, headers: Mapping[str, str]) -> Caller | None:
        return None

    async def verify(self, token: str, remote: str = "") -> Verified | None:
        caller = self._known.get(token)
        if caller is not None:
            return Verified(caller)
        if token in self._refused:
            return None
        is_signed = self._is_signed(token)
        if is_signed is False:
            return None
        await self._identity.ready()
        future = self._under_way.get(digest(token))
        is_mine = future is None
        if future is None:
            is_known = bool(is_signed) or self._known.was_good(token)
            future = self._start(token, remote, is_known=is_known)
        checked = await self._identity.wait(future)
        return None if checked is None else Verified(checked[0], is_fresh=is_mine)

    def why(self, token: str) -> str:
        if not token:
            return ""
        end: object = self._known.end(token)
        if end is None and self._jws_keys and token.count(".") == 2:
            claims = unverified_claims(token)
            if claims is None:
                return "the token is malformed: no part of it can be read"
            end = claims.get("exp")
        return expiry_reason(end) or (
            "the token is unknown to Keystone: it has expired, was revoked, or is of another one"
        )

    async def close(self) -> None:
        self._known.clear()

    def _start(self, token: str, remote: str, *, is_known: bool) -> asyncio.Future[Checked]:
        """Ask about `token`: one good before, or signed by Keystone, is never refused that."""
        if not is_known:
            self._lookups.admit(remote)
        future = self._identity.submit(lambda: self._ask(token), is_reserved=is_known)
        if not is_known:
            self._lookups.began(remote)
        key = digest(token)
        self._under_way[key] = future

        def keep(done: asyncio.Future[Checked]) -> None:
            del self._under_way[key]
            is_good = None
            if not done.cancelled() and done.exception() is None:
                is_good = self._keep(token, done.result())
            if not is_known:
                self._lookups.ended(remote, is_good=is_good)

        future.add_done_callback(keep)
        return future

    def _keep(self, token: str, checked: Checked) -> bool:
        if checked is None:
            if self._known.was_good(token):  # revoked; of one that ended, the end stays known
                self._known.forget(token)
            self._refused.add(token)
            return False
        self._known.put(token, *checked)
        return True

    def _ask(self, token: str) -> Checked:
        """Ask Keystone; in a thread. Returns caller and expiry, None for an invalid token."""
        status, body = self._identity.validate(token)
        if status == 200:
            return caller_of(body)
        if status == 404:
            return None
        # 401 and 403 are about drydockd's own account (already renewed once), not the sender's.
        log.error("Keystone answers HTTP %s to a validation by drydockd's own account", status)
        raise Unavailable("Keystone cannot validate tokens now; try again later")

    def _is_signed(self, token: str) -> bool | None:
        """Whether Keystone's own key signed it; False: certainly not valid, None: unknown."""
        if not self._jws_keys or token.count(".") != 2:
            return None
        for key in self._jws_keys:
            try:
                jwt.decode(
                    token,
                    key.material,
                    algorithms=["ES256"],
                    leeway=JWS_LEEWAY_SECONDS,
                    options={"require": ["exp", "sub"], "verify_aud": False},
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, OverflowError):
                return False
            return True
        return False


def load_jws_keys(paths: Sequence[Path]) -> list[Key]:
    """Return Keystone's public JWS keys from PEM files, or folders of them (its repository).

    Raises InvalidConfig for a path without keys or a key that is not ES256.
    """
    keys = []
    for path in paths:
        files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        if not files:
            raise InvalidConfig(f"{path}: no *.pem file in this folder")
        for file in files:
            keys += [_es256(key) for key in public_keys(file)]
    return keys


def caller_of(body: object) -> tuple[Caller, float]:
    """Return identity and expiry (seconds since the epoch) of a validation answer.

    Raises Unavailable when it is not what Keystone v3 answers.
    """
    try:
        return _caller(body["token"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError) as error:
        log.error("Keystone's validation answer cannot be read: %s missing or wrong", error)
        raise Unavailable("Keystone's answer cannot be read; tell the operator") from error


def _caller(token: Mapping[str, Any]) -> tuple[Caller, float]:
    user = token["user"]
    project = token.get("project") or {}
    caller = Caller(
        user=user["name"],
        user_id=user["id"],
        user_domain_id=user["domain"]["id"],
        project_id=project.get("id", ""),
        project_domain_id=(project.get("domain") or {}).get("id", ""),
        roles=tuple(role["name"].strip() for role in token.get("roles", ())),
        # Absent means true: so does Keystone's own library, and so did the original.
        is_admin_project=bool(token.get("is_admin_project", True)),
    )
    expires = datetime.fromisoformat(token["expires_at"])
    if expires.tzinfo is None:
        raise ValueError("expires_at")
    return caller, expires.timestamp()


def _es256(key: Key) -> Key:
    if not isinstance(key.material, ec.EllipticCurvePublicKey):
        raise InvalidConfig(f"{key.source}: Keystone's JWS keys are P-256 (ES256)")
    return key
