"""A room in another process, over HTTP."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from typing import Any, cast

import orjson

from drydockd.errors import DriverTransient, NodeUnknown
from drydockd.installed import Installed
from drydockd.machines import BmcFacts, Document, Log, PowerState
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.room.card import MachineView, NodeCard
from drydockd.room.exchange import Exchange, Lost, NotSent
from drydockd.room.port import is_act
from drydockd.room.wire import TABLE, VIEWS, error_of

log = logging.getLogger(__name__)

CALL_SECONDS = 30.0
POLL_SECONDS = 20.0
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
CONNECTIONS = 32


class RemoteRoom:
    """A RoomPort for the room served at `url`; see `server`.

    Every call carries an id, so that a repeat after a lost answer is the same call. All
    waiters share one long poll for changes, which survives lost connections.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._calls = Exchange(CONNECTIONS)
        # The long poll has a connection of its own: calls never wait for it.
        self._polls = Exchange(1)
        self._seen: dict[str, MachineView] = {}
        self._epoch = ""
        self._revision = 0
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._feed: asyncio.Task[None] | None = None

    # -- the port

    async def bmc_boot(self, card: NodeCard, device: str) -> MachineView:
        return cast("MachineView", await self._call("bmc_boot", card=card, device=device))

    async def bmc_power(self, card: NodeCard, wanted: PowerState | None = None) -> MachineView:
        return cast("MachineView", await self._call("bmc_power", card=card, wanted=wanted))

    async def bmc_facts(self, card: NodeCard) -> BmcFacts:
        return cast("BmcFacts", await self._call("bmc_facts", card=card))

    async def find(self, card: NodeCard) -> MachineView:
        return cast("MachineView", await self._call("find", card=card))

    async def adopt(self, machine: str, card: NodeCard) -> MachineView:
        return cast("MachineView", await self._call("adopt", machine=machine, card=card))

    async def enrol(self, card: NodeCard) -> MachineView:
        return cast("MachineView", await self._call("enrol", card=card))

    async def commission(self, machine: str) -> MachineView:
        return cast("MachineView", await self._call("commission", machine=machine))

    async def deploy(self, machine: str, spec: DeploySpec) -> MachineView:
        return cast("MachineView", await self._call("deploy", machine=machine, spec=spec))

    async def destroy(self, card: NodeCard) -> MachineView | None:
        return cast("MachineView | None", await self._call("destroy", card=card))

    async def apply_network(self, machine: str, plan: NetworkPlan) -> None:
        await self._call("apply_network", machine=machine, plan=plan)

    async def apply_storage(self, machine: str, plan: StoragePlan) -> None:
        await self._call("apply_storage", machine=machine, plan=plan)

    async def apply_platform(self, machine: str, plan: PlatformPlan) -> None:
        await self._call("apply_platform", machine=machine, plan=plan)

    async def inventory(self, machine: str) -> list[Document]:
        return cast("list[Document]", await self._call("inventory", machine=machine))

    async def installed(self, card: NodeCard) -> Installed | None:
        return cast("Installed | None", await self._call("installed", card=card))

    async def logs(self, machine: str, phase: str) -> list[Log]:
        return cast("list[Log]", await self._call("logs", machine=machine, phase=phase))

    async def machines(self) -> list[MachineView]:
        return cast("list[MachineView]", await self._call("machines"))

    async def count(self) -> int:
        return cast("int", await self._call("count"))

    async def catalogue(self) -> Mapping[str, tuple[str, ...]]:
        return cast("Mapping[str, tuple[str, ...]]", await self._call("catalogue"))

    async def keep(
        self, kind: str, entries: Mapping[str, str], remove_unlisted: bool = False
    ) -> Mapping[str, str]:
        verdicts = await self._call(
            "keep", kind=kind, entries=entries, remove_unlisted=remove_unlisted
        )
        return cast("Mapping[str, str]", verdicts)

    async def relabel(self, node: str, labels: Mapping[str, str]) -> None:
        await self._call("relabel", node=node, labels=labels)

    async def labels(self, node: str) -> Mapping[str, str]:
        return cast("Mapping[str, str]", await self._call("labels", node=node))

    async def changed(self, machine: str, after: int) -> MachineView:
        """As in RoomPort; a room that was started anew ends the wait with NodeUnknown."""
        waiter: asyncio.Future[None]
        while True:
            seen = self._seen.get(machine)
            if seen is not None and seen.revision > after:
                return seen
            waiter = asyncio.get_running_loop().create_future()
            waiters = self._waiters.setdefault(machine, set())
            waiters.add(waiter)
            self._start_feed()
            try:
                await waiter
            finally:
                waiters.discard(waiter)
                if not waiters:
                    self._waiters.pop(machine, None)

    async def close(self) -> None:
        if self._feed is not None:
            self._feed.cancel()
            await asyncio.gather(self._feed, return_exceptions=True)
            self._feed = None
        self._calls.close()
        self._polls.close()

    # -- calls

    async def _call(self, name: str, **arguments: Any) -> Any:
        """Do one operation; repeats it over lost connections. Raises DriverErrors."""
        operation = TABLE[name]
        content = orjson.dumps(operation.pack(arguments))
        headers = {"Content-Type": "application/json", "X-Call-Id": uuid.uuid4().hex}
        last: Exception | None = None
        for pause in (*PAUSES, None):
            try:
                answer = await self._calls.post(
                    f"{self.url}/v1/do/{name}",
                    content,
                    headers,
                    seconds=CALL_SECONDS,
                    is_act=is_act(name, arguments),
                )
            except (NotSent, Lost) as error:
                last = error
                if pause is not None:
                    await asyncio.sleep(pause)
                continue
            if answer.status == 200:
                return operation.result.validate_json(answer.body)
            raise error_of(answer.status, _json(answer.body))
        raise DriverTransient(f"the room at {self.url} does not answer: {last}") from last

    # -- changes

    def _start_feed(self) -> None:
        if self._feed is None or self._feed.done():
            self._feed = asyncio.get_running_loop().create_task(
                self._follow(), name=f"changes of the room at {self.url}"
            )

    async def _follow(self) -> None:
        """Keep `_seen` up to date while somebody waits."""
        failures = 0
        while self._waiters:
            try:
                await self._poll()
                failures = 0
            except (NotSent, Lost, DriverTransient) as error:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                log.log(
                    logging.DEBUG if failures else logging.WARNING,
                    "room at %s: changes are cut off (%s), again in %s s",
                    self.url,
                    error,
                    pause,
                )
                failures += 1
                await asyncio.sleep(pause)

    async def _poll(self) -> None:
        query = f"after={self._revision}&epoch={self._epoch}&wait={POLL_SECONDS}"
        answer = await self._polls.get(
            f"{self.url}/v1/changes?{query}", seconds=CALL_SECONDS + POLL_SECONDS
        )
        body = _json(answer.body)
        if answer.status != 200 or not isinstance(body, dict):
            raise error_of(answer.status, body)
        if body["epoch"] != self._epoch:
            restarted = self._epoch != ""
            self._epoch = body["epoch"]
            self._seen.clear()
            if restarted:
                self._end_waits()
        for machine in VIEWS.validate_python(body["machines"]):
            self._seen[machine.id] = machine
            self._wake(machine.id)
        self._revision = body["revision"]

    def _wake(self, machine: str) -> None:
        for waiter in self._waiters.get(machine, ()):
            if not waiter.done():
                waiter.set_result(None)

    def _end_waits(self) -> None:
        """The room was started anew: what anybody waited for is gone with the old one."""
        for machine, waiters in self._waiters.items():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(
                        NodeUnknown(f"{machine}: the room was started anew and forgot it")
                    )


def _json(text: bytes) -> object:
    try:
        body: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return body
