"""Which machine of MAAS a node is: by host name, by the address of its BMC, by its boot MAC.

"Not there" and "cannot tell" are different answers: a node taken for unknown is power cycled.
Source: contract, maas, section 4, and maas-facts, rows 1, 2 and 21.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Mapping, Sequence

from drydockd.drivers.node.maas import machine as machines
from drydockd.drivers.node.maas.answers import Missing
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.machine import INFRASTRUCTURE, MACHINE, Machine
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.rollcall import RollCall
from drydockd.errors import DriverConflict, NodeUnknown
from drydockd.machines import canonical_mac
from drydockd.site import Node

# Where the BMC's address tells the machine.
BY_ADDRESS = ("ipmi", "redfish")
LISTS: Mapping[str, str] = {MACHINE: "machines", INFRASTRUCTURE: "rackcontrollers"}


def plain_address(text: str | None) -> str | None:
    """An address in the form in which two can be compared; other texts in lower case."""
    if not text:
        return None
    bare = text.strip().lower().removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


class PowerAddresses:
    """System id -> address of its BMC.

    MAAS answers with all passwords; of an answer only the addresses outlive the call that reads
    it. Many nodes at once share one answer, no older than `seconds`.
    """

    def __init__(
        self, client: MaasClient, *, seconds: float, clock: Callable[[], float] | None = None
    ) -> None:
        self._client = client
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()

    async def of(self, kind: str = MACHINE) -> Mapping[str, str]:
        async with self._lock:
            asked, known = self._known.get(kind, (float("-inf"), {}))
            if self._now() - asked > self._seconds:
                known = await self._ask(kind)
                self._known[kind] = self._now(), known
            return known

    async def _ask(self, kind: str) -> Mapping[str, str]:
        answer = await self._client.get(at(LISTS[kind]), "power_parameters")
        return {
            str(sid): address
            for sid, parameters in answer.items()
            if (address := plain_address(parameters.get("power_address")))
        }


class Finder:
    """Finds nodes; a machine that was found is asked for by its id the next time."""

    def __init__(
        self, client: MaasClient, powers: PowerAddresses, roll: RollCall | None = None
    ) -> None:
        self._client = client
        self._powers = powers
        self._roll = roll or RollCall(client)
        self._sids: dict[str, str] = {}

    def forget(self, name: str) -> None:
        if (sid := self._sids.pop(name, None)) is not None:
            self._roll.forget(sid)

    async def find(self, node: Node, domain: str | None) -> Machine:
        """Return the machine. `domain` is the node's, None where nobody knows it.

        Raises NodeUnknown: all look-ups said so; DriverConflict: more than one, or its name and
        its identity are those of two.
        """
        machine = await self._remembered(node, domain)
        for kind in LISTS:
            machine = machine or await self._named(node, domain, kind)
            machine = machine or await self._identified(node, kind)
        if machine is None:
            raise NodeUnknown(f"{node.name}: MAAS knows no machine {_how(node)}")
        if machine.kind == MACHINE:
            self._sids[node.name] = machine.sid
        return machine

    async def _remembered(self, node: Node, domain: str | None) -> Machine | None:
        sid = self._sids.get(node.name)
        if sid is None:
            return None
        try:
            document = await self._roll.read(sid)
        except Missing:
            self.forget(node.name)
            return None
        machine = machines.read(document)
        mac = canonical_mac(node.boot_mac) if node.boot_mac else None
        is_same_nic = mac is None or not machine.macs or mac in machine.macs
        if machine.hostname == node.name and domain in (None, machine.domain) and is_same_nic:
            self._roll.keep(document)
            return machine
        # Somebody changed it: look at everything again.
        self.forget(node.name)
        return None

    async def _named(self, node: Node, domain: str | None, kind: str) -> Machine | None:
        """The machine that has the node's name already, if it is the node's indeed."""
        if kind == MACHINE:
            documents = await self._roll.named(node.name)
            found = [machines.read(document) for document in documents]
        else:
            found = list(await self._list(kind, {"hostname": node.name}))
        if len(found) > 1:
            there = ", ".join(map(str, found))
            raise DriverConflict(
                f"{node.name}: MAAS has {len(found)} machines of this name: {there}; rename all "
                "but the node's own"
            )
        if found and kind == MACHINE:
            machine = await self._proven(found[0], node, domain)
            self._roll.keep(documents[0])
            return machine
        return found[0] if found else None

    async def _proven(self, machine: Machine, node: Node, domain: str | None) -> Machine:
        """Return `machine` if nothing speaks against it. Raises DriverConflict."""
        mac = canonical_mac(node.boot_mac) if node.boot_mac else None
        if mac and machine.macs:
            if mac not in machine.macs:
                raise DriverConflict(
                    f"{node.name}: MAAS has this name for {machine}, which has no NIC {mac}; "
                    "correct metadata.boot_mac, or rename that machine"
                )
            return machine
        if address := _bmc(node):
            known = (await self._powers.of()).get(machine.sid)
            if known == address:
                return machine
            if known:
                raise DriverConflict(
                    f"{node.name}: MAAS has this name for {machine}, whose BMC is {known}, not "
                    f"{address}; correct the node's address, or rename that machine"
                )
        if domain not in (None, machine.domain):
            raise DriverConflict(
                f"{node.name}: MAAS has this name for {machine}, in another domain than {domain}, "
                "and neither boot MAC nor BMC tell whether it is the node; give metadata.boot_mac"
            )
        return machine

    async def _identified(self, node: Node, kind: str) -> Machine | None:
        if (address := _bmc(node)) is not None:
            sids = [s for s, known in (await self._powers.of(kind)).items() if known == address]
            if len(sids) > 1:
                raise DriverConflict(
                    f"{node.name}: MAAS has the BMC {address} for {len(sids)} machines: "
                    f"{', '.join(sids)}; correct their power configuration"
                )
            if sids and kind == MACHINE:
                document = await self._roll.read(sids[0])
                self._roll.keep(document)
                return machines.read(document)
            if sids:
                return machines.read(
                    await self._client.get(at("rackcontroller", sid=sids[0])), kind
                )
        mac = canonical_mac(node.boot_mac) if node.boot_mac else None
        if mac is None:
            return None
        # MAAS compares texts, and keeps lower case: any other would be "unknown".
        found = await self._list(kind, {"mac_address": mac})
        if len(found) > 1:
            there = ", ".join(map(str, found))
            raise DriverConflict(f"{node.name}: MAAS has the NIC {mac} at {there}")
        return found[0] if found else None

    async def _list(self, kind: str, query: Form) -> Sequence[Machine]:
        answer = await self._client.get(at(LISTS[kind]), query=query)
        return [machines.read(document, kind) for document in answer]


def _bmc(node: Node) -> str | None:
    return plain_address(node.oob_address) if node.oob_type in BY_ADDRESS else None


def _how(node: Node) -> str:
    ways = [f"named {node.name}"]
    if address := _bmc(node):
        ways.append(f"with the BMC {address}")
    if node.boot_mac:
        ways.append(f"with the NIC {canonical_mac(node.boot_mac) or node.boot_mac}")
    return ", none ".join(ways)
