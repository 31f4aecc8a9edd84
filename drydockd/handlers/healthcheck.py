"""Is the daemon able to do its work? Real questions, bounded, asked seldom, writing nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from drydockd.api.health import Health, HealthDetails, HealthMessage
from drydockd.api.status import Dependency
from drydockd.auth.certificates import Expiry
from drydockd.drivers.base import NodeProvisioner
from drydockd.errors import DriverError
from drydockd.handlers.company import Company
from drydockd.store.base import Store

log = logging.getLogger(__name__)

NO_STORE = "Unable to connect to database"
NO_NODE_DRIVER = "Unable to connect to MaaS"
DEGRADED = "degraded: "


class HealthChecks:
    """Answers `verdict`; concurrent askers share one round of checks.

    `certificates` returns the ends of the configured certificates; `keystone` asks, for so
    many seconds, what is wrong with it; `shortage` returns what callers use up, if they do;
    `troubles` are of those who are told of events and do not take them.
    `notes` are always said: what is as it was configured, but not what everybody expects.
    `company` is there of a daemon that shares its store.
    """

    def __init__(
        self,
        store: Store,
        node_driver: NodeProvisioner | None,
        *,
        timeout_seconds: float,
        cache_seconds: float,
        certificates: Callable[[], Sequence[Expiry]] = lambda: (),
        keystone: Callable[[float], Awaitable[str | None]] | None = None,
        shortage: Callable[[], str | None] = lambda: None,
        troubles: Callable[[], Sequence[str]] = lambda: (),
        notes: Sequence[str] = (),
        company: Company | None = None,
    ) -> None:
        self._store = store
        self._node_driver = node_driver
        self._timeout = timeout_seconds
        self._cache = cache_seconds
        self._certificates = certificates
        self._keystone = keystone
        self._shortage = shortage
        self._troubles = troubles
        self._notes = tuple(notes)
        self._company = company
        self._said: str | None = None
        self._round: asyncio.Task[list[HealthMessage]] | None = None
        self._until = 0.0

    async def messages(self) -> list[HealthMessage]:
        """Return what is wrong (``error`` true) or soon will be; empty when all is well.

        Of the store and whom it is shared with as it is now, of others as they said last.
        """
        others = await self._others()
        found = self._of_store()
        if self._company is not None:
            for trouble in self._company.troubles():
                found.append(_message(trouble.text, error=trouble.is_error))
        return found + others

    async def is_ready(self) -> bool:
        """Whether the daemon can do its work, or its share of it."""
        if self._company is None:
            return not any(message.error for message in await self.messages())
        return self._company.is_ready() and not any(m.error for m in await self._others())

    async def members(self) -> list[HealthMessage]:
        """Return who shares the store, in a message; nothing where nobody may."""
        if self._company is None:
            return []
        return [_message(await self._company.members(self._timeout), error=False)]

    async def dependencies(self) -> tuple[list[Dependency], list[str]]:
        """Return how each part it depends on is, and what else is about to go wrong."""
        found = await self.messages()
        causes: dict[str, str | None] = {m.message: m.cause or m.message for m in found}
        keystone = next((text for text in causes if text.startswith(DEGRADED)), None)
        troubles = [
            ("store", True, causes.pop(NO_STORE, None)),
            ("provisioner", self._node_driver is not None, causes.pop(NO_NODE_DRIVER, None)),
            ("keystone", self._keystone is not None, keystone and keystone.removeprefix(DEGRADED)),
        ]
        parts = [
            Dependency.model_validate(
                {
                    "name": name,
                    "state": "none" if not is_there else "down" if trouble else "up",
                    "cause": trouble,
                }
            )
            for name, is_there, trouble in troubles
        ]
        return parts, [text for text in causes if text != keystone]

    def _of_store(self) -> list[HealthMessage]:
        failure = self._store.health().error
        if failure is not None and failure != self._said:
            log.error("health: the store: %s", failure)
        self._said = failure
        silence = self._company.silence() if self._company is not None else None
        causes = [text for text in (failure, silence) if text is not None]
        return [_message(NO_STORE, cause="; ".join(causes))] if causes else []

    async def _others(self) -> list[HealthMessage]:
        now = asyncio.get_running_loop().time()
        if self._round is None or (self._round.done() and now >= self._until):
            self._round = asyncio.create_task(self._ask(), name="health checks")
        return await asyncio.shield(self._round)

    async def _ask(self) -> list[HealthMessage]:
        found = []
        if self._node_driver is not None and (trouble := await self._asked(self._node_driver)):
            log.error("health: the node provisioner: %s", trouble)
            found.append(_message(NO_NODE_DRIVER, cause=trouble))
        if self._keystone is not None and (trouble := await self._keystone(self._timeout)):
            # Degraded, not down: known tokens, nodes and running tasks go on.
            found.append(_message(f"{DEGRADED}{trouble}", error=False))
        for expiry in self._certificates():
            if (problem := expiry.problem()) is not None:
                found.append(_message(problem, error=False))
        if (short := self._shortage()) is not None:
            found.append(_message(short, error=False))
        found += [_message(text, error=False) for text in (*self._troubles(), *self._notes)]
        self._until = asyncio.get_running_loop().time() + self._cache
        return found

    async def _asked(self, driver: NodeProvisioner) -> str | None:
        """Ask the provisioner; return what is wrong with it, None if nothing is."""
        try:
            async with asyncio.timeout(self._timeout):
                notes = await driver.check()
        except TimeoutError:
            return f"the node provisioner does not answer within {self._timeout:g} s"
        except DriverError as error:
            return str(error) or type(error).__name__
        return "; ".join(note.text for note in notes if note.error) or None

    async def close(self) -> None:
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait([self._round])


def _message(text: str, *, error: bool = True, cause: str | None = None) -> HealthMessage:
    if cause is None:
        return HealthMessage(kind="SimpleMessage", message=text, error=error)
    return HealthMessage(kind="SimpleMessage", message=text, error=error, cause=cause)


def report(messages: Sequence[HealthMessage]) -> Health:
    """Return the Status object of health/extended. Source: contract, api, section 3."""
    errors = sum(message.error for message in messages)
    return Health(
        kind="Status",
        apiVersion="v1.0",
        metadata={},
        status="Failure" if errors else "Success",
        message="Drydock failed to respond" if errors else "",
        reason="HealthCheck",
        details=HealthDetails(errorCount=errors, messageList=list(messages)),
        code=503 if errors else 200,
    )
