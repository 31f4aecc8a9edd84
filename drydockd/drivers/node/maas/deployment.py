"""A deployment: allocated, annotated, tagged with its boot action key, begun once, waited for.

Everything that can be refused is looked at before the machine is allocated. Each act may be
repeated after a crash between any two of them. Source: contract, maas, sections 6 and 11.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import yaml

from drydockd.drivers.base import Handle, Voice
from drydockd.drivers.node.maas import domains, tags
from drydockd.drivers.node.maas import machine as machines
from drydockd.drivers.node.maas.account import Account
from drydockd.drivers.node.maas.answers import Missing, Taken, Unsure
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.lifecycle import Lifecycle, trouble
from drydockd.drivers.node.maas.machine import ALLOCATED, DEPLOYMENT, Machine
from drydockd.drivers.node.maas.ownerdata import Annotations, as_annotations
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.taglist import TagList
from drydockd.errors import DriverConflict
from drydockd.machines import NodeState
from drydockd.plans import DeploySpec


def user_data(packages: Mapping[str, str | None]) -> str | None:
    """Return cloud-config that installs `packages`, base64; None without any."""
    if not packages:
        return None
    listed = [[name, version] if version else name for name, version in packages.items()]
    text = "#cloud-config\n" + yaml.safe_dump({"packages": listed}, default_flow_style=None)
    return base64.b64encode(text.encode()).decode()


def series(image: str | None) -> str | None:
    """``ubuntu/jammy`` and ``jammy`` are the same image; MAAS before 3.2 takes the short one."""
    return image.removeprefix("ubuntu/") if image else None


class Deployer:
    def __init__(
        self,
        client: MaasClient,
        life: Lifecycle,
        account: Account,
        taglist: TagList | None = None,
    ) -> None:
        self._client = client
        self._life = life
        self._account = account
        self._taglist = taglist or TagList(client)

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        """Return when deployed; a deployment that runs is joined, one that failed released first.

        Raises DriverTransient: it failed; DriverUnsupported, before anything; DriverConflict.
        """
        wanted = as_annotations(spec.owner_data)
        machine = await self._life.begin(handle.id)
        if machine.state not in (NodeState.DEPLOYED, NodeState.DEPLOYING):
            machine = await self._begun(machine, spec, wanted, voice)
        if machine.state is NodeState.DEPLOYING:
            await voice.say(f"{handle.name}: deploying {spec.image or 'MAAS default image'}")
            machine = await self._life.settled(machine, NodeState.DEPLOYING, voice)
        if machine.state is NodeState.DEPLOYED:
            return machine.handle(handle.power_address)
        raise trouble(machine, "deployment", NodeState.FAILED_DEPLOY)

    async def _begun(
        self, machine: Machine, spec: DeploySpec, wanted: Annotations, voice: Voice
    ) -> Machine:
        name = machine.hostname
        machine = await self._life.ready_again(machine, voice)
        if spec.domain and machine.domain != spec.domain:
            form: Form = {"hostname": machine.hostname, "domain": spec.domain}
            path = at("machine", sid=machine.sid)
            machine = machines.read(await domains.put(self._client, path, form))
        machine = await self._allocated(machine)
        for note in wanted.notes:
            await voice.say(f"{name}: {note}")
        await self._annotate(machine, spec, wanted)
        await self._tag(machine, spec)
        begin: Form = {
            "distro_series": series(spec.image),
            "hwe_kernel": spec.kernel,
            "user_data": user_data(spec.packages),
        }
        return await self._life.act(machine, "deploy", begin)

    async def _allocated(self, machine: Machine) -> Machine:
        """Return the machine, ours. Raises DriverConflict: it is somebody else's."""
        if machine.status != ALLOCATED:
            form = {"system_id": machine.sid}
            try:
                machine = machines.read(await self._client.post(at("machines"), "allocate", form))
            except (Taken, Unsure):
                found = await self._life.read(machine.sid)
                if found.status != ALLOCATED:
                    raise
                machine = found
        user = await self._account.name()
        if machine.owner != user:
            raise DriverConflict(
                f"{machine}: is allocated to {machine.owner}, not to {user}, whose API key we have"
            )
        return machine

    async def _annotate(self, machine: Machine, spec: DeploySpec, wanted: Annotations) -> None:
        values = {**wanted.values, DEPLOYMENT: spec.deployment_id}
        # An empty value removes; what an earlier attempt left is not of this deployment.
        stale = dict.fromkeys(machine.annotations.keys() - values.keys(), "")
        form = {
            key: value
            for key, value in {**stale, **values}.items()
            if machine.annotations.get(key) != value
        }
        if form:
            path = at("machine", sid=machine.sid)
            await self._client.post(path, "set_workload_annotations", form, again=True)

    async def _tag(self, machine: Machine, spec: DeploySpec) -> None:
        """Put the one key of this deployment on the machine; without it no boot action runs."""
        prefix = tags.key_prefix(machine.hostname)
        there = {name for name in await self._taglist.of() if name.startswith(prefix)}
        own = tags.checked(f"{prefix}{spec.boot.key}") if spec.boot else None
        await self._taglist.remove(there - {own})
        if own is None:
            return
        if own not in there:
            await self._taglist.add(own)
        if own not in machine.tags:
            await self._put_on(own, machine.sid)

    async def _put_on(self, tag: str, sid: str) -> None:
        try:
            await tags.put_on(self._client, tag, sid)
        except Missing:
            # Somebody removed it since the tags were read.
            self._taglist.forget()
            await self._taglist.add(tag)
            await tags.put_on(self._client, tag, sid)
