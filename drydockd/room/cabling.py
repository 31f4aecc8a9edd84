"""Which machine is which node: by name, BMC address or boot MAC; else a machine still free."""

from __future__ import annotations

from collections.abc import Callable

from drydockd.errors import DriverConflict
from drydockd.room.card import NodeCard
from drydockd.room.machine import Machine


class Cabling:
    """The machines of a room and who they are. `grow` makes one more, or None if full."""

    def __init__(self, machines: list[Machine], grow: Callable[[], Machine | None]) -> None:
        self.machines = {m.id: m for m in machines}
        self._grow = grow
        self._by_name: dict[str, Machine] = {}
        self._by_bmc: dict[str, Machine] = {}
        self._free: dict[str, Machine] = {}
        self._described: dict[tuple[str, str], Machine] = {}
        for machine in machines:
            config = machine.config
            keys = [("name", config.name), ("bmc", config.bmc), ("mac", config.boot_mac)]
            known = [(kind, value) for kind, value in keys if value]
            self._described |= dict.fromkeys(known, machine)
            if not known:
                self._free[machine.id] = machine

    def look_up(self, card: NodeCard) -> Machine | None:
        """The node's machine; a node never heard of gets a free one, which it keeps."""
        machine = self._by_name.get(card.name) or self._match(card) or self._take()
        if machine is None:
            return None
        self._by_name[card.name] = machine
        if card.bmc:
            self._by_bmc.setdefault(machine.config.bmc or card.bmc, machine)
        if machine.card is None:
            machine.card = card
            if card.boot_mac and not machine.config.boot_mac:
                machine.boot_mac = card.boot_mac
        return machine

    def at_bmc(self, card: NodeCard) -> Machine | None:
        """The machine whose BMC has the node's address, whoever's it was when it was heard of.

        A design that gives a node another one's address reaches that one's machine.
        """
        if not card.bmc:
            return self.look_up(card)
        wired = self._by_bmc.get(card.bmc) or self._described.get(("bmc", card.bmc))
        if wired is None or (wired.card is None and not _contradicts(wired, card)):
            return self.look_up(card)
        return wired

    def is_unseen(self, card: NodeCard) -> bool:
        """Whether the node's machine is there and was never seen; asking makes it nobody's."""
        machine = self._by_name.get(card.name) or self._match(card)
        return machine is not None and machine.state is None

    def of_name(self, name: str) -> Machine | None:
        """The machine of a node that was heard of."""
        return self._by_name.get(name) or self._described.get(("name", name))

    def _match(self, card: NodeCard) -> Machine | None:
        # The address of the BMC identifies better than the MAC, as for real provisioners.
        keys = (("bmc", card.bmc), ("mac", card.boot_mac), ("name", card.name))
        for kind, value in keys:
            if value and (machine := self._described.get((kind, value))):
                taken = machine.card is not None and machine.card.name != card.name
                if taken:
                    continue
                return machine
        return None

    def _take(self) -> Machine | None:
        if self._free:
            return self._free.pop(next(iter(self._free)))
        machine = self._grow()
        if machine is not None:
            self.machines[machine.id] = machine
        return machine


def _contradicts(machine: Machine, card: NodeCard) -> bool:
    mac = machine.config.boot_mac
    return bool(mac and card.boot_mac and mac != card.boot_mac)


def check_identity(machine: Machine, card: NodeCard) -> None:
    """Raises DriverConflict if the machine is known to be another than the design's node."""
    pairs = (
        ("BMC address", machine.config.bmc, card.bmc),
        ("boot MAC", machine.config.boot_mac, card.boot_mac),
    )
    for what, seen, designed in pairs:
        if seen and designed and seen != designed:
            raise DriverConflict(
                f"{card.name}: machine {machine.id} has {what} {seen}, the design says {designed}"
            )
    if machine.card is not None and machine.card.name != card.name:
        raise DriverConflict(f"{card.name}: machine {machine.id} is already {machine.card.name}")
