"""Identity before power: a BMC is asked who it is before anything destructive is sent to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from drydockd.api import bmcfacts
from drydockd.design.inventory import identity_of
from drydockd.drivers.base import NodeProvisioner, OobDriver
from drydockd.errors import DriverError, InvalidDesign, StoreRefused
from drydockd.machines import BmcFacts, Identity, PowerState
from drydockd.model import Timestamp, timestamp
from drydockd.store.base import Store
from drydockd.tasks.shared.identities import Identities, said_by
from drydockd.tasks.steps.devicefence import raise_fence
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.words import identity
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.identity import Known, Other, Source, Verdict
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed

log = logging.getLogger(__name__)

MOST_MACS = 64
MOST_ODD = 16
LONGEST_TEXT = 200
SAID = 3
INVENTORY = "lshw"
SAYS_NOTHING = "its BMC tells neither serial, UUID nor MACs"


@dataclass(frozen=True)
class IdentityCheck:
    """Asks, compares, remembers and keeps; one per daemon."""

    identities: Identities
    store: Store
    settings: TaskSettings

    async def interrogate(
        self, run: NodeRun, driver: OobDriver, *, accepts: bool = False
    ) -> BmcFacts:
        """Ask the BMC and keep what it tells as build data, whatever it is.

        With `accepts` the machine is the node's from now on: only the design and what others
        are told at this moment can contradict. Raises StepFailed when it is another machine.
        """
        facts = await self._asked(run, driver)
        if accepts and identity.is_empty(_identity(facts)):
            raise StepFailed(f"{run.name}: {SAYS_NOTHING}: there is nothing to accept")
        verdict = await self._judged(run, facts, accepts=accepts)
        if not _is_mute(facts):
            accepted = timestamp() if accepts else self.identities.accepted(run.name)
            self._keep(run, facts, verdict, accepted)
        self._refuse(run, verdict)
        for note in verdict.notes:
            run.conclude(f"{run.name}: {note}")
        return facts

    async def before_power(self, run: NodeRun, driver: OobDriver) -> None:
        """Make sure, before the first destructive act of a task, that the BMC is the node's.

        What it tells is kept if it is news. Raises StepFailed when it is another machine, or
        when it does not tell who it is in the time of a question.
        """
        facts = await self._asked_in_time(run, driver)
        verdict = await self._judged(run, facts)
        if _is_mute(facts):
            return
        told = _identity(facts)
        is_kept = identity.is_empty(told) or any(
            kept.generator == facts.generator and kept.identity == told
            for kept in self.identities.kept(run.name)
        )
        if verdict.contradictions or not is_kept:
            self._keep(run, facts, verdict, self.identities.accepted(run.name))
        self._refuse(run, verdict)
        notes = verdict.notes
        if not notes and not await self._known(run, facts):
            notes = ("nothing is known of it yet to hold against what its BMC tells",)
        for note in notes:
            run.conclude(f"{run.name}: {note}")

    async def once_more(self, run: NodeRun, driver: OobDriver) -> None:
        """Compare again what the task was told of the node, as others were told of theirs since.

        After a restart the BMC is asked anew. Raises StepFailed when it is another machine, or
        when it does not tell who it is in the time of a question.
        """
        facts = run.job.told.get(run.name) or await self._asked_in_time(run, driver)
        self._refuse(run, await self._judged(run, facts))

    async def if_it_answers(self, run: NodeRun, driver: OobDriver) -> None:
        """The same for work that goes through the provisioner and does not need the BMC.

        Asks once, for at most a part of the limit; a BMC without an answer is said. Raises
        StepFailed when it is another machine.
        """
        try:
            async with asyncio.timeout(self.settings.view_timeout):
                facts = await driver.facts(run.node)
        except (TimeoutError, DriverError) as error:
            cause = str(error) or f"no answer within {self.settings.view_timeout:g} s"
            await run.say(f"{run.name}: whether its BMC is still its own was not checked: {cause}")
            return
        self._refuse(run, await self._judged(run, facts))

    def twins(self, job: Job, name: str) -> list[str]:
        """Return the nodes of the design whose BMCs told in this job what that of `name` did."""
        facts = job.told.get(name)
        kept = self.identities.kept(name)
        if facts is None and not kept:
            return []
        # What was told before a restart was kept.
        told = _identity(facts) if facts else kept[-1].identity
        others = [
            Other(node, by, known)
            for node, by, known in self.identities.of_others(name, told)
            if node in job.site.nodes
        ]
        return list(identity.judge(told, (), others).contradictions)

    async def _asked_in_time(self, run: NodeRun, driver: OobDriver) -> BmcFacts:
        """Ask in a step whose own limit is that of a power cycle: 20 minutes and more.

        Nothing was sent to the BMC yet, so nothing has to be brought to an end.
        """
        seconds = self.settings.question_limit(driver.ask_seconds)
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._asked(run, driver)
        except TimeoutError:
            if not limit.expired():
                raise
            seen = f"last seen: {run.last_seen}" if run.last_seen else "nothing was seen of it"
            raise StepFailed(
                f"{run.name}: its BMC did not tell within {seconds:g} s who it is, so nothing "
                f"was sent to it; {seen}"
            ) from None

    async def _asked(self, run: NodeRun, driver: OobDriver) -> BmcFacts:
        await self.identities.read()
        facts = await run.patiently(lambda: driver.facts(run.node))
        run.job.told[run.name] = facts
        self.identities.hear(run.name, run.job.task_id, _identity(facts))
        return facts

    async def _judged(self, run: NodeRun, facts: BmcFacts, *, accepts: bool = False) -> Verdict:
        await self.identities.read()
        told = _identity(facts)
        if identity.is_empty(told):
            note = f"{SAYS_NOTHING}; whose it is was not checked"
            return Verdict(notes=() if _is_mute(facts) else (note,))
        known = await self._known(run, facts, design_only=accepts)
        others = await self._others(run, told, heard_only=accepts)
        verdict = identity.judge(told, known, others)
        name_note = identity.name_note(run.name, facts.name)
        return Verdict(verdict.contradictions, verdict.notes + ((name_note,) if name_note else ()))

    async def _known(
        self, run: NodeRun, facts: BmcFacts, *, design_only: bool = False
    ) -> list[Known]:
        known = [
            Known(Source.DESIGN, "the design", identity.designed(run.node)),
            Known(Source.BOOT_MAC, "the design", Identity(macs=identity.boot_macs(run.node))),
        ]
        if not design_only:
            for kept in self.identities.kept(run.name):
                is_same = kept.generator == facts.generator
                source = Source.ANSWER if is_same else Source.OTHER_ANSWER
                known.append(Known(source, said_by(kept), kept.identity))
            since = self.identities.accepted(run.name)
            inventory = await asyncio.to_thread(_inventory, self.store, run.name, since)
            known += [inventory] if inventory else []
        return [one for one in known if not identity.is_empty(one.identity)]

    async def _others(self, run: NodeRun, told: Identity, *, heard_only: bool) -> list[Other]:
        nodes = run.job.site.nodes
        others = [
            Other(name, by, known)
            for name, by, known in self.identities.of_others(run.name, told, heard_only=heard_only)
            if name in nodes
        ]
        claims = await _claims(run.job)
        names = {name for key in identity.keys(told) for name in claims.get(key, ())}
        for name in sorted(names - {run.name}):
            of_design = identity.designed(nodes[name])
            macs = identity.boot_macs(nodes[name])
            known = Identity(of_design.serial, of_design.uuid, macs)
            others.append(Other(name, "the design", known))
        return others

    def _keep(
        self, run: NodeRun, facts: BmcFacts, verdict: Verdict, accepted: Timestamp | None
    ) -> None:
        text = _document(facts, verdict, accepted).model_dump_json(exclude_none=True)
        run.keep([run.learnt(facts.generator, bmcfacts.DATA_FORMAT, text)])

    def _refuse(self, run: NodeRun, verdict: Verdict) -> None:
        if not verdict.contradictions:
            return
        address = run.node.oob_address
        bmc = f"the BMC at {address}" if address else "its BMC"
        why = "; ".join(verdict.contradictions[:SAID])
        raise StepFailed(
            f"{run.name}: {bmc} is that of another machine, nothing was sent to it: {why}. "
            "Correct the node's oob and addressing in the design; or, if its hardware was "
            f"replaced: drydock bmc accept {run.name}"
        )


async def _claims(job: Job) -> Mapping[tuple[str, str], tuple[str, ...]]:
    if job.claims is None:
        job.claims = asyncio.ensure_future(asyncio.to_thread(identity.claims_of, job.site))
    return await asyncio.shield(job.claims)


@dataclass(frozen=True)
class OwnPower:
    """Identity before power for a provisioner that switches machines itself: before it is
    announced that it may."""

    driver: NodeProvisioner
    drivers: Drivers
    check: IdentityCheck

    async def checked(self, run: NodeRun) -> None:
        """Raises StepFailed when the BMC is another machine's, DriverUnsupported without one."""
        if self.driver.cuts_power:
            await self.check.before_power(run, self.drivers.needed_oob(run.node))

    async def fenced(self, run: NodeRun) -> None:
        """Before the provisioner goes on with what was begun: see devicefence."""
        if self.driver.cuts_power:
            await raise_fence(run, self.drivers.needed_oob(run.node))


def _inventory(store: Store, node: str, since: Timestamp | None) -> Known | None:
    """Read who the node's last inventory says it is; None without one. For a thread."""
    try:
        for record in store.walk_build_data(node=node, generator=INVENTORY, latest=True):
            if since is None or record.collected > since:
                said = f"the inventory of {record.collected[:16]}"
                return Known(
                    Source.INVENTORY, said, identity.cleaned(identity_of(record.data_element))
                )
    except (InvalidDesign, StoreRefused) as error:
        log.warning("%s: its inventory cannot be held against its BMC: %s", node, error)
    return None


def _identity(facts: BmcFacts) -> Identity:
    return identity.cleaned(Identity(facts.serial, facts.uuid, facts.macs[:MOST_MACS]))


def _is_mute(facts: BmcFacts) -> bool:
    """Nobody was asked, such as by the driver for a person."""
    return facts.power is PowerState.UNKNOWN and identity.is_empty(_identity(facts))


def _document(facts: BmcFacts, verdict: Verdict, accepted: Timestamp | None) -> bmcfacts.BmcFacts:
    """Return what is kept; what a BMC can make long is cut."""

    def cut(text: str | None) -> str | None:
        return text[:LONGEST_TEXT] if text else None

    odd = [*facts.odd, *verdict.notes]
    return bmcfacts.BmcFacts(
        power=facts.power.value,
        boot_device=cut(facts.boot_device),
        vendor=cut(facts.vendor),
        model=cut(facts.model),
        serial=cut(facts.serial),
        uuid=cut(facts.uuid),
        name=cut(facts.name),
        macs=list(facts.macs[:MOST_MACS]),
        firmware=cut(facts.firmware),
        tls=cut(facts.tls),
        seconds=round(facts.seconds, 3) if facts.seconds is not None else None,
        odd=[text[:LONGEST_TEXT] for text in odd[:MOST_ODD]],
        contradictions=[text[: 2 * LONGEST_TEXT] for text in verdict.contradictions[:MOST_ODD]],
        accepted=accepted,
    )
