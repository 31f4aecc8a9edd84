"""The boot device of the next start. Source: contract, oob-faults, C.7, C.8, C.10, C.20 to C.23."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drydockd.drivers.oob.redfish import faults
from drydockd.drivers.oob.redfish.answers import Answer, link, mapping, text, texts
from drydockd.drivers.oob.redfish.conversation import Conversation
from drydockd.drivers.oob.redfish.matching import change
from drydockd.drivers.oob.redfish.systems import System, read_system
from drydockd.errors import DriverConflict, DriverTransient

ROUNDS = 3
PURPOSE = "to set the boot device"
READ_BACK = "to read the boot device back"

TARGET, ENABLED, MODE = (
    "BootSourceOverrideTarget",
    "BootSourceOverrideEnabled",
    "BootSourceOverrideMode",
)
WORDS = {
    "Pxe": "network",
    "UefiHttp": "network (HTTP)",
    "Hdd": "disk",
    "Cd": "CD",
    "Usb": "USB",
    "BiosSetup": "BIOS setup",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the override shall be; `mode` is None where nobody minds."""

    target: str
    enabled: str
    mode: str | None

    @property
    def device(self) -> str:
        return WORDS[self.target]

    def is_met(self, boot: Mapping[str, object]) -> bool:
        if self.enabled == "Disabled":
            return boot.get(ENABLED) == "Disabled"
        return (
            boot.get(TARGET) == self.target
            and boot.get(ENABLED) in ("Once", "Continuous")
            and not self.is_other_mode(boot)
        )

    def is_other_mode(self, boot: Mapping[str, object]) -> bool:
        """The BMC shows a mode, and not the one of the design."""
        shown = text(boot.get(MODE))
        return bool(self.mode and shown and shown.lower() != self.mode.lower())

    def bodies(self, boot: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
        """What to send, in the order in which to try it after a 400."""
        if self.enabled == "Disabled":
            yield {ENABLED: "Disabled"}
            yield {ENABLED: "Disabled", TARGET: "None"}
            return
        wanted = {ENABLED: self.enabled, TARGET: self.target}
        if self.is_other_mode(boot) or (self.mode and MODE in boot and not boot[MODE]):
            yield {**wanted, MODE: self.mode}
        yield wanted
        if shown := text(boot.get(MODE)):
            yield {MODE: shown, **wanted}


def network_boot(boot: Mapping[str, object], mode: str | None) -> Wish:
    """For one start; for all of them where the BMC knows no single one."""
    once = _allows(boot, ENABLED, "Once")
    return Wish("Pxe", "Once" if once else "Continuous", mode)


def disk_boot(boot: Mapping[str, object], mode: str | None) -> Wish:
    """One start from disk; without an override where the BMC can have no such one."""
    if _allows(boot, ENABLED, "Once") and _allows(boot, TARGET, "Hdd"):
        return Wish("Hdd", "Once", mode)
    return Wish("Hdd", "Disabled", None)


def in_words(boot: Mapping[str, object]) -> str | None:
    """The override as people say it: ``network, once``."""
    target, enabled = text(boot.get(TARGET)), text(boot.get(ENABLED))
    if target is None and enabled is None:
        return None
    if enabled == "Disabled" or target in (None, "None"):
        return "none"
    how = {"Once": "once", "Continuous": "every start"}.get(enabled or "", enabled or "unclear")
    return f"{WORDS.get(target, target)}, {how}"


async def set_boot(bmc: Conversation, system: System, wish: Wish) -> bool:
    """Make `wish` true and read it back; return whether anything had to be sent.

    Raises DriverTransient if the BMC takes it and does not keep it, DriverConflict for a mode
    that it will not leave.
    """
    seen = system.boot
    place = system.path
    if wish.is_met(seen):
        return False
    for _ in range(ROUNDS):
        place = await _send(bmc, system, wish, place)
        await bmc.pause(bmc.pace.read_back)
        seen = mapping((await bmc.get(place, READ_BACK)).body.get("Boot"))
        if wish.is_met(seen):
            return True
        system = await read_system(bmc, system.path)
    came = f"taken {ROUNDS} times, and reads {in_words(seen) or 'nothing'}"
    if seen.get(TARGET) == wish.target and wish.is_other_mode(seen):
        came = (
            f"taken, but the mode stays {text(seen.get(MODE))} where the design wants {wish.mode}"
        )
        cure = "set the boot mode in the BIOS setup, or correct boot_mode of the hardware profile"
        raise DriverConflict(bmc.message("PATCH", place, PURPOSE, came, cure))
    cure = "set it by hand if it stays like this"
    raise DriverTransient(bmc.message("PATCH", place, PURPOSE, came, cure))


async def _send(bmc: Conversation, system: System, wish: Wish, place: str) -> str:
    """Send the wish in the first form that is taken; return where it can be read back."""
    sent = place
    refusal: DriverConflict | None = None
    for boot in wish.bodies(system.boot):
        answer = await _patch(bmc, sent, boot)
        if answer.has(faults.FUTURE_STATE) and sent == system.path:
            sent = _settings(system)
            answer = await _patch(bmc, sent, boot)
        if answer.is_good:
            return sent
        refusal = bmc.refusal(answer, "PATCH", sent, PURPOSE)
        if answer.status != 400:
            break
    raise refusal or DriverConflict(bmc.message("PATCH", sent, PURPOSE, "nothing to send"))


async def _patch(bmc: Conversation, place: str, boot: Mapping[str, object]) -> Answer:
    return await change(bmc, "PATCH", place, PURPOSE, {"Boot": boot}, of=place)


def _settings(system: System) -> str:
    """Where what holds from the next start is written; AMI calls it SD."""
    settings = mapping(system.body.get("@Redfish.Settings"))
    return link(settings.get("SettingsObject")) or f"{system.path.rstrip('/')}/SD"


def _allows(boot: Mapping[str, object], name: str, value: str) -> bool:
    listed = texts(boot.get(f"{name}@Redfish.AllowableValues"))
    return not listed or value in listed
