"""Keys of nodes and boot actions: derived from the server's secret, checked, never stored."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

from drydockd.auth.secret import SECRET_BYTES, derive
from drydockd.errors import Forbidden, NotFound, Unauthenticated
from drydockd.model import BootAction, BootContext

HEADER = "X-Bootaction-Key"
CHALLENGE = "Bootaction-Key"
KEY = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
DEFAULT_LIFETIME = timedelta(days=7)
KEPT_KEYS = 4096


class BootKeys:
    """Makes and checks the keys that open boot data and boot action reports.

    A node's key opens its own boot data; each boot action has a key of its own, good for
    that id only. Both depend on the id of the boot context, so a new deployment voids them;
    a destroy closes the context, and `lifetime` (None: for ever) after its start both end.
    A context with a `key_digest` is opened, as are its boot actions, by the one key it was
    given elsewhere, of which nothing but that digest is known here.
    Source: architecture, decision 4; contract, api, section 7.2, and bootactions, section 4.
    """

    def __init__(self, secret: bytes, lifetime: timedelta | None = DEFAULT_LIFETIME) -> None:
        if len(secret) < SECRET_BYTES:
            raise ValueError(f"a boot key secret needs at least {SECRET_BYTES} bytes")
        self._lifetime = lifetime
        # A node asks and reports several times; deriving takes as long as all else that admits it.
        kept = lru_cache(maxsize=KEPT_KEYS)
        self._node_key_of = kept(partial(derive, secret, "drydockd node key"))
        self._action_key = kept(partial(derive, secret, "drydockd boot action key"))

    def __repr__(self) -> str:
        return f"BootKeys(lifetime={self._lifetime})"

    def node_key(self, context: BootContext) -> str:
        """Return the node's key, 64 lower-case hex digits; the same every time."""
        return self._node_key(context).hex()

    def action_key(self, context_id: str, action_id: str) -> str:
        """Return the key of one boot action, 64 lower-case hex digits; the same every time."""
        return self._action_key(context_id, action_id).hex()

    def check_node(
        self, context: BootContext | None, key: str | None, *, host: str = ""
    ) -> BootContext:
        """Return `context` if `key`, the header's value, opens the node's boot data.

        In this order: NotFound without a context or with a closed one, Unauthenticated
        without a key, Forbidden for any key but the node's, and for its own one too late.
        """
        if context is None or context.closed is not None:
            name = host or (context.node if context else "")
            raise NotFound(f"Error locating boot action for {name}")
        expected = b"" if context.key_digest else self._node_key(context)
        self._check(key, expected, context.key_digest, is_void=self.is_late(context))
        return context

    def check_action(
        self, action: BootAction | None, context: BootContext | None, key: str | None
    ) -> BootAction:
        """Return `action` if `key`, the header's value, may report on it.

        `context` is the current one of the action's node, None if it has none. In this
        order: NotFound without an action, Unauthenticated without a key, Forbidden for any
        key but the action's own, and for its own once its deployment was superseded, the
        node destroyed, or the lifetime is over.
        """
        if action is None:
            raise NotFound("Error locating boot action")
        is_void = (
            action.closed is not None
            or context is None
            or context.closed is not None
            or context.node != action.node
            or context.context_id != action.context_id
            or self.is_late(context)
        )
        digest = context.key_digest if context is not None else ""
        expected = b"" if digest else self._action_key(action.context_id, action.action_id)
        self._check(key, expected, digest, is_void=is_void)
        return action

    def _check(self, key: str | None, expected: bytes, digest: str, *, is_void: bool) -> None:
        """Admit `key` if it is `expected`, or where there is a `digest`, if it has that."""
        if not key:
            raise Unauthenticated("No X-Bootaction-Key", challenge=CHALLENGE)
        # One answer for a wrong and for a void key: it must not tell which of the two it was.
        is_equal = KEY.fullmatch(key) is not None and (
            hmac.compare_digest(digest_of(bytes.fromhex(key)), digest)
            if digest
            else hmac.compare_digest(bytes.fromhex(key), expected)
        )
        if is_void or not is_equal:
            raise Forbidden("Invalid X-Bootaction-Key")

    def is_late(self, context: BootContext) -> bool:
        """Whether the lifetime of its keys is over: nothing of it is served any more."""
        if self._lifetime is None:
            return False
        since = datetime.fromisoformat(context.key_since or context.created)
        return datetime.now(UTC) - since > self._lifetime

    def _node_key(self, context: BootContext) -> bytes:
        return self._node_key_of(context.node, context.context_id)


def digest_of(key: bytes) -> str:
    """Return what is kept of a key that was made elsewhere: its sha256, in hex.

    The key is 32 random bytes, so nothing slower or salted is needed to keep it secret.
    """
    return hashlib.sha256(key).hexdigest()
