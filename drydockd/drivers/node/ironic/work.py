"""The long ways of a node through Ironic's states: commissioning, deployment, release.

Each goes by what Ironic says the node is, one verb at a time, so that it can be entered anywhere:
what runs already is joined, what is done is not done again. Waits end with the caller's limit.
Source: contract, ironic, sections 3 and 4; Ironic, "State Machine".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drydockd.drivers.base import Voice
from drydockd.drivers.node.ironic.client import Locked
from drydockd.drivers.node.ironic.desk import Desk, drop, marked, put
from drydockd.drivers.node.ironic.nodes import CLEAN_FAULT, MARK, IronicNode, instance_of
from drydockd.drivers.node.ironic.options import Image, IronicOptions
from drydockd.drivers.node.ironic.userdata import config_drive
from drydockd.errors import (
    DriverConflict,
    DriverPersistent,
    DriverTransient,
    DriverUnsupported,
)
from drydockd.machines import NodeState
from drydockd.plans import DeploySpec

FIRST_LOOK_SECONDS = 0.1
READY_OR_LATER = (
    NodeState.READY,
    NodeState.DEPLOYING,
    NodeState.DEPLOYED,
    NodeState.FAILED_DEPLOY,
)
FAILED = ("inspect failed", "clean failed", "adopt failed")
INSPECTING = ("inspecting", "inspect wait")
CLEANING = ("cleaning", "clean wait", "clean hold")
# What `deleted` is told from; of these Ironic waits for the agent of one, maybe for ever.
WAITING = "wait call-back"
RELEASED_FROM = ("active", "deploy failed", "error", WAITING)


@dataclass(frozen=True)
class Work:
    """`look` returns a node that is ours now, or raises DriverConflict with why it is not."""

    desk: Desk
    options: IronicOptions
    look: Callable[[str, str], Awaitable[IronicNode]]

    async def commission(self, key: str, who: str, voice: Voice) -> IronicNode:
        """Return the node once it is available, or was already."""
        done: set[str] = set()
        while True:
            node = await self._at_rest(key, who, voice, done)
            state = node.neutral()
            if state in READY_OR_LATER:
                return node
            if state in (NodeState.RELEASING, NodeState.FAILED_RELEASE):
                raise DriverConflict(f"{who}: cannot be commissioned, it is {node.provision}")
            if node.provision in FAILED:
                await self._back_from_failure(node, done, "commissioning")
            elif node.provision == "enroll":
                await self._once(node, "manage", done)
            elif await self._is_to_inspect(node, done):
                await self._inspect(node, done, voice)
            elif not await self.desk.has_inventory(node):
                raise DriverPersistent(
                    f"{who}: Ironic inspected it and has no inventory; see its inspect_interface "
                    "and [inventory]data_backend"
                )
            else:
                await voice.say(f"{who}: Ironic cleans it")
                await self._once(node, "provide", done)

    async def deploy(self, key: str, who: str, spec: DeploySpec, voice: Voice) -> IronicNode:
        """Return the node once it is active, or was already; what runs is joined."""
        node = await self.look(key, who)
        if node.provision == "deploy failed":
            await voice.say(f"{who}: its last deployment failed, Ironic releases it first")
            await self._tell(node, "deleted")
            node = await self._at_rest(key, who, voice, set())
        state = node.neutral()
        if state is NodeState.READY:
            node = await self._begin(node, spec)
            await voice.say(f"{who}: Ironic deploys {spec.image} on {node.id}")
        elif state not in (NodeState.DEPLOYING, NodeState.DEPLOYED):
            raise DriverConflict(f"{who}: cannot be deployed, it is {node.provision}")
        if state is not NodeState.DEPLOYED:
            node = await self._at_rest(key, who, voice, set())
        if node.provision == "active":
            return node
        if node.provision == "deploy failed":
            raise DriverTransient(f"{who}: deployment failed: {_why(node)}")
        raise DriverConflict(f"{who}: the deployment was overtaken, it is {node.provision}")

    async def release(self, node: IronicNode, voice: Voice) -> None:
        """Return once the node is wiped and none of drydockd's any more."""
        key, who = node.id, node.name
        done: set[str] = set()
        while True:
            node = await self.look(key, who)
            if node.provision != WAITING or node.reservation:
                node = await self._at_rest(key, who, voice, done)
            if node.provision in RELEASED_FROM:
                await self._undeploy(node, done, voice)
            elif node.provision in FAILED:
                await self._back_from_failure(node, done, "the wipe")
            elif node.provision == "manageable" and (node.is_releasing or node.deployment_id):
                # Its cleaning failed: what was deployed is on its disks.
                await self._once(node, "provide", done)
            else:
                break
        await self._forget(node)

    async def _undeploy(self, node: IronicNode, done: set[str], voice: Voice) -> None:
        if "deleted" in done:
            raise DriverTransient(f"{node.name}: release failed: {_why(node)}")
        self._check_cleaning(node)
        if not node.is_releasing and node.provision != WAITING:  # in which it takes no changes
            node = await self.desk.mark(node, releasing=True)
        await voice.say(f"{node.name}: Ironic releases and cleans {node.id}")
        await self._once(node, "deleted", done)

    def _check_cleaning(self, node: IronicNode) -> None:
        """Raise before anything is done if Ironic would give the disks away as they are."""
        own = node.automated_clean
        if own is False or (own is None and not self.options.automated_clean):
            whose = "the node" if own is False else "the conductors"
            raise DriverPersistent(
                f"{node.name}: automated_clean of {whose} is off, so that a release would wipe "
                "nothing; not touched. Turn it on: baremetal node set --automated-clean "
                f"{node.name}"
            )

    async def _forget(self, node: IronicNode) -> None:
        if node.mark.get("enrolled"):
            await self.desk.forget(node)
            return
        for trait in node.mark.get("traits", ()):
            await self.desk.drop_trait(node, trait)
        if node.mark:
            await self.desk.change(node, drop(f"/extra/{MARK}"))

    async def _begin(self, node: IronicNode, spec: DeploySpec) -> IronicNode:
        """Say what is to be deployed, and that it is ours, in one change; then begin."""
        image = self.options.images.get(spec.image or "")
        network = node.mark.get("network")
        if image is None:
            raise DriverUnsupported(
                f"{node.name}: platform.image: {spec.image}: not in ironic_driver.images"
            )
        if not isinstance(network, Mapping):
            raise DriverConflict(f"{node.name}: its network was not written before")
        instance = instance_of(spec.deployment_id)
        if node.instance and node.instance != instance:
            # One of ours that was never begun; Ironic takes no other in its place.
            node = await self.desk.change(node, drop("/instance_uuid"))
        mark = marked(node, deployment_id=spec.deployment_id, releasing=None)
        changes = [
            put("/instance_info", instance_info(image, node.mark)),
            put(f"/extra/{MARK}", mark),
        ]
        if not node.instance:
            changes.append(put("/instance_uuid", instance))
        node = await self.desk.change(node, *changes)
        await self._tell(node, "active", config_drive(spec, node.name, network))
        return node

    async def _is_to_inspect(self, node: IronicNode, done: set[str]) -> bool:
        if "inspect" in done:
            return False
        return self.options.inspect == "always" or not await self.desk.has_inventory(node)

    async def _inspect(self, node: IronicNode, done: set[str], voice: Voice) -> None:
        await voice.say(f"{node.name}: Ironic inspects it")
        done.add("inspect")
        try:
            await self._tell(node, "inspect")
        except DriverConflict as error:
            # Its hardware type cannot; an inventory of before is as good as it gets.
            if not await self.desk.has_inventory(node):
                raise
            await voice.say(f"{node.name}: kept the inventory it had: {error}")

    async def _back_from_failure(self, node: IronicNode, done: set[str], work: str) -> None:
        """Out of a failure of before; one of this very work is told."""
        if done:
            raise DriverTransient(f"{node.name}: {work} failed: {_why(node)}")
        if node.maintenance is not None and node.fault == CLEAN_FAULT:
            await self.desk.end_maintenance(node)
        await self._tell(node, "manage")

    async def _once(self, node: IronicNode, verb: str, done: set[str]) -> None:
        if verb in done:
            raise DriverConflict(
                f"{node.name}: was told to {verb} and is {node.provision} again: {_why(node)}"
            )
        done.add(verb)
        await self._tell(node, verb)

    async def _tell(
        self, node: IronicNode, verb: str, drive: Mapping[str, Any] | None = None
    ) -> None:
        """Say the verb; again while somebody holds the node, as nothing was begun then."""
        pause = FIRST_LOOK_SECONDS
        while True:
            try:
                await self.desk.provision(node, verb, drive)
            except Locked:
                await asyncio.sleep(pause)
                pause = min(2 * pause, self.options.poll_seconds)
                before = node.provision
                node = await self.look(node.id, node.name)
                if node.provision != before:
                    return
            else:
                return

    async def _at_rest(self, key: str, who: str, voice: Voice, done: set[str]) -> IronicNode:
        """Return the node once nobody works on it; note in `done` what was joined."""
        pause = FIRST_LOOK_SECONDS
        was_held = False
        while True:
            node = await self.look(key, who)
            if node.provision in INSPECTING:
                done.add("inspect")
            elif node.provision in CLEANING:
                done.add("clean")
            if node.is_at_rest:
                return node
            if node.provision.endswith(" hold") and not was_held:
                was_held = True
                await voice.say(f"{who}: Ironic holds it ({node.provision}) until it is unheld")
            await asyncio.sleep(pause)
            pause = min(2 * pause, self.options.poll_seconds)


def instance_info(image: Image, mark: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be deployed where. Source: Ironic, "Deploying without Nova"."""
    found: dict[str, Any] = {"image_source": image.url, "image_type": "whole-disk"}
    if image.checksum:
        found["image_checksum"] = image.checksum
    for key in ("root_device", "root_gb"):
        if key in mark:
            found[key] = mark[key]
    if mark.get("kernel_params"):
        found["kernel_append_params"] = mark["kernel_params"]
    if mark.get("boot_mode"):
        found["capabilities"] = {"boot_mode": mark["boot_mode"]}
    return found


def _why(node: IronicNode) -> str:
    return node.last_error or "Ironic gives no reason"
