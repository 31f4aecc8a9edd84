"""Power off and on, each verified. Source: contract, oob-faults, C.9 and C.14 to C.19."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from drydockd.drivers.base import Voice
from drydockd.drivers.oob.redfish import faults
from drydockd.drivers.oob.redfish.answers import (
    Answer,
    link,
    mapping,
    notes_of,
    path_of,
    rows,
    text,
    texts,
)
from drydockd.drivers.oob.redfish.asking import Unheard
from drydockd.drivers.oob.redfish.conversation import Conversation
from drydockd.drivers.oob.redfish.matching import change
from drydockd.drivers.oob.redfish.systems import System, read_system
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient
from drydockd.machines import PowerState

RESET = "#ComputerSystem.Reset"
VALUES = "ResetType@Redfish.AllowableValues"
# What brings a machine there, the best first. PushPowerButton toggles: only after a look.
WAYS: Mapping[PowerState, tuple[str, ...]] = {
    PowerState.OFF: ("ForceOff", "GracefulShutdown", "PushPowerButton"),
    PowerState.ON: ("On", "ForceOn", "PushPowerButton"),
}
# These ask the operating system, which may not listen.
POLITE = frozenset({"GracefulShutdown", "PushPowerButton"})


class _NotOffered(Exception):
    """The BMC knows no such reset."""


async def settled(bmc: Conversation, system: System, interval: float) -> System:
    """Return the system once its power is not on its way; as it is, when that takes long."""
    loop = asyncio.get_running_loop()
    looks, until = 0, loop.time() + bmc.pace.settle
    while system.is_changing and loop.time() < until:
        await bmc.pause(bmc.pace.growing(looks, interval))
        looks += 1
        system = await read_system(bmc, system.path, "to read the power state")
    return system


def _ways(wanted: PowerState, offered: tuple[str, ...] | None) -> Iterator[str]:
    """The resets to try one after the other: after a polite one the next may be needed.

    Where the BMC does not say what it offers, it refuses what it does not know.
    """
    for way in WAYS[wanted]:
        if offered is None:
            yield way
        elif way in offered:
            yield way
            if way not in POLITE:
                return


class Switching:
    """One machine on its way to a power state.

    A reset is sent only after its state was read, so one whose answer was lost is not sent
    blindly again; one without any effect is sent once more.
    """

    def __init__(
        self,
        bmc: Conversation,
        system: System,
        wanted: PowerState,
        voice: Voice,
        *,
        change_seconds: float,
        interval: float,
    ) -> None:
        self._bmc = bmc
        self._system = system
        self._wanted = wanted
        self._voice = voice
        self._change_seconds = change_seconds
        self._interval = interval
        self._purpose = f"to switch the power {wanted}"
        self._task: str | None = None
        self._refusal = ""

    async def run(self) -> bool:
        """Return whether anything was sent. Raises DriverTransient if it stays as it is."""
        self._system = await settled(self._bmc, self._system, self._interval)
        if self._is_there():
            return False
        target, offered = await self._action()
        ways = list(_ways(self._wanted, offered))
        if not ways:
            seen = (
                f"of {', '.join(WAYS[self._wanted])} it offers none, but {', '.join(offered or ())}"
            )
            cure = "switch the power by hand, or update the BMC's firmware"
            raise DriverPersistent(self._message("POST", target, seen, cure))
        begin = asyncio.get_running_loop().time()
        for number, way in enumerate(ways, 1):
            left = begin + self._change_seconds - asyncio.get_running_loop().time()
            try:
                if await self._go(target, way, left / (len(ways) + 1 - number)):
                    return True
            except _NotOffered:
                if number == len(ways):
                    raise DriverConflict(f"{self._bmc.who}: {self._refusal}") from None
        raise DriverTransient(await self._stuck(target))

    async def _go(self, target: str, way: str, seconds: float) -> bool:
        """Send a reset and watch the power; True once it is as wanted."""
        await self._tell(way)
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        sendings, refused = 1 if way == "GracefulShutdown" else 2, 0
        while not self._is_there():
            if self._may_send(way):
                is_taken, told = await self._send(target, way)
                if is_taken:
                    sendings -= 1
                    unchanged = loop.time() + self._bmc.pace.unchanged
                    return_at = min(until, unchanged) if sendings else until
                    if await self._watch(return_at, until) or not sendings:
                        break
                    continue
                if self._is_there():
                    break
            else:
                told = None
            if loop.time() >= until:
                break
            # Refused for now: neither counted nor believed.
            await self._bmc.pause(told or self._bmc.pace.growing(refused), self._refusal)
            refused += 1
            await self._read()
        return self._is_there()

    def _may_send(self, way: str) -> bool:
        """The power button toggles: pressed at the wrong moment it does the opposite."""
        return way != "PushPowerButton" or self._system.power is not PowerState.UNKNOWN

    async def _tell(self, way: str) -> None:
        best = WAYS[self._wanted][0]
        if way != best:
            name = self._bmc.target.node
            await self._voice.say(f"{name}: the BMC offers no {best}, so {way} is sent")

    async def _send(self, target: str, way: str) -> tuple[bool, float | None]:
        """True if the reset was taken, or may have been; else also how long to wait, if told."""
        try:
            answer = await change(
                self._bmc,
                "POST",
                target,
                self._purpose,
                {"ResetType": way},
                of=self._system.path,
                is_repeatable=False,
            )
        except Unheard as error:
            # It may come true yet: it is watched as if it had been taken.
            self._refusal = str(error)
            return True, None
        if answer.is_good:
            self._note_task(answer)
            return True, None
        self._refusal = f"POST {target} {self._purpose}: {answer}"
        await self._read()
        is_for_now = answer.status == 409 or faults.is_not_ready(answer) or faults.is_away(answer)
        if self._is_there() or is_for_now:
            return False, faults.seconds_told(answer)
        if answer.status == 400 and answer.has(faults.WRONG_RESET_TYPE):
            raise _NotOffered
        raise self._bmc.refusal(answer, "POST", target, self._purpose)

    async def _watch(self, unchanged_until: float, until: float) -> bool:
        """Look at the power; False if it is as before, or was again, when the time is over."""
        loop = asyncio.get_running_loop()
        looks = 0
        while True:
            pause = self._bmc.pace.growing(looks, self._interval)
            await self._bmc.pause(max(0.0, min(pause, until - loop.time())))
            looks += 1
            await self._read()
            if self._is_there():
                return True
            now = loop.time()
            if now >= until or (now >= unchanged_until and not self._system.is_changing):
                return False

    async def _action(self) -> tuple[str, tuple[str, ...] | None]:
        """Where a reset is sent, and which are offered; None if the BMC does not say."""
        action = mapping(mapping(self._system.body.get("Actions")).get(RESET))
        usual = f"{self._system.path.rstrip('/')}/Actions/ComputerSystem.Reset"
        target = path_of(text(action.get("target"))) or usual
        offered = texts(action.get(VALUES)) or await self._offered_elsewhere(action)
        return target, offered or None

    async def _offered_elsewhere(self, action: Mapping[str, object]) -> tuple[str, ...]:
        info = path_of(text(action.get("@Redfish.ActionInfo"))) or link(
            action.get("@Redfish.ActionInfo")
        )
        if info is None:
            return ()
        answer = await self._bmc.look(info, "to learn which resets it offers")
        parameters = rows(answer.body.get("Parameters")) if answer else iter(())
        return next(
            (texts(p.get("AllowableValues")) for p in parameters if p.get("Name") == "ResetType"),
            (),
        )

    def _note_task(self, answer: Answer) -> None:
        if answer.status == 202:
            self._task = path_of(text(answer.body.get("@odata.id"))) or path_of(
                answer.headers.get("location")
            )

    async def _read(self) -> None:
        self._system = await read_system(self._bmc, self._system.path, "to read the power state")

    def _is_there(self) -> bool:
        return self._system.power is self._wanted

    async def _stuck(self, target: str) -> str:
        seen = (
            f"the power still reads {self._system.power_text} {self._change_seconds:g} s after it "
            "was told"
        )
        if why := await self._task_says():
            seen += f"; the BMC's task says {why}"
        elif self._refusal:
            seen += f"; last: {self._refusal}"
        return self._message("POST", target, seen, "look at the machine's console")

    async def _task_says(self) -> str:
        """Why the BMC's own task failed, if it did and still tells."""
        if self._task is None:
            return ""
        try:
            answer = await self._bmc.look(self._task, "to learn why")
        except (DriverTransient, DriverPersistent, DriverConflict):
            # Its monitor may be gone; the power state has told already.
            return ""
        if answer is None or answer.body.get("TaskState") not in ("Exception", "Killed"):
            return ""
        notes = notes_of({"@Message.ExtendedInfo": answer.body.get("Messages")}, self._bmc.mask)
        return "; ".join(map(str, notes)) or str(answer.body["TaskState"])

    def _message(self, method: str, path: str, came: object, cure: str = "") -> str:
        return self._bmc.message(method, path, self._purpose, came, cure)
