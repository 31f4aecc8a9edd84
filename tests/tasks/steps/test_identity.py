"""Identity before power: which machine is cut is never left to an address."""

from dataclasses import replace

import pytest

from drydockd.api.bmcfacts import BmcFacts
from drydockd.drivers.base import NodeState, PowerState
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.drivers.oob.fake import FakeOob
from drydockd.drivers.oob.manual import ManualOob, ManualOptions
from drydockd.errors import DriverTransient
from drydockd.model import BuildData, timestamp
from drydockd.store.base import Put
from tests.tasks.helpers import QUICK, Lab, fault, names, site_text

MACS = {f"n{n}": f"52:54:00:00:00:{n:02x}" for n in range(1, 5)}
SWAPPED = {
    "n1": {"addressing": [("pxe", "10.1.0.2"), ("oob", "10.2.0.3")]},
    "n2": {"addressing": [("pxe", "10.1.0.3"), ("oob", "10.2.0.2")]},
}


def design(count=2, *, macs=False, swapped=False, **by_node):
    """A site of which n1 and n2 may have each other's BMC address."""
    own = {}
    for name in names(count):
        own[name] = dict(by_node.get(name, {}))
        if macs:
            own[name]["metadata"] = {"boot_mac": MACS[name]}
        if swapped and name in SWAPPED:
            pairs = SWAPPED[name]["addressing"]
            own[name]["addressing"] = [{"network": n, "address": a} for n, a in pairs]
    return site_text(count, **own)


def machines(count=2, tells=None, **more):
    """Machines by their BMCs, all on, as a design without swaps has them."""
    return [
        {"bmc": f"10.2.0.{n + 1}", "power": "on", "boot_mac": MACS[f"n{n}"]}
        | ({"tells": tells} if tells else {})
        | more
        for n in range(1, count + 1)
    ]


def a_lab(text=None, **room):
    room.setdefault("machines", machines())
    return Lab(text or design(), **room)


async def cuts(lab):
    return [m.counters["power_cuts"] for m in await lab.room.machines()]


def facts_of(lab, node):
    found = lab.store.build_data(node=node)
    return [BmcFacts.model_validate_json(r.data_element) for r in found if r.generator == "fake"]


def only_text(lab, task_id, node):
    (text,) = [t for t in lab.texts(task_id, error=True) if f"Node {node} " in t]
    return text


async def test_swapped_addresses_cut_no_power_where_the_design_knows_the_boot_macs():
    async with a_lab(design(macs=True, swapped=True)) as lab:
        task = await lab.run("prepare_nodes")

        assert (task.result.status, task.result.failures) == ("failure", ("n1", "n2"))
        assert await cuts(lab) == [0, 0]
        assert {m.next_boot for m in await lab.room.machines()} == {"disk"}
        text = only_text(lab, task.task_id, "n1")
        assert "n1: the BMC at 10.2.0.3 is that of another machine, nothing was sent to it" in text
        assert f"the MAC {MACS['n2']} that it tells is that of n2 by the design" in text
        assert "Correct the node's oob and addressing in the design; or, if" in text


@pytest.mark.parametrize("action", ["prepare_nodes", "power_cycle_nodes", "power_off_nodes"])
async def test_swapped_addresses_cut_no_power_once_the_bmcs_were_asked(action):
    async with a_lab() as lab:
        assert (await lab.run("verify_nodes")).result.status == "success"
        lab.designs.texts["memory:site"] = design(swapped=True)
        task = await lab.run(action, "n1", "n2")

        assert task.result.failures == ("n1", "n2")
        assert await cuts(lab) == [0, 0]
        assert "it tells serial " in only_text(lab, task.task_id, "n1")


async def test_a_new_node_with_the_address_of_a_known_one_cuts_no_power():
    async with a_lab(machines=machines(3)) as lab:
        await lab.run("verify_nodes", "n1")
        lab.designs.texts["memory:site"] = design(swapped=True)
        task = await lab.run("prepare_nodes", "n2")

        assert task.result.failures == ("n2",)
        assert await cuts(lab) == [0, 0, 0]
        text = only_text(lab, task.task_id, "n2")
        assert "that it tells is that of n1 by fake of 2" in text


async def test_swapped_addresses_are_seen_by_the_inventory_of_an_earlier_preparation():
    tells = {"omits": ["macs"]}
    async with a_lab(machines=machines(tells=tells), initial=None) as lab:
        assert (await lab.run("prepare_nodes")).result.status == "success"
        await lab.run("destroy_nodes", all_nodes=True)
        # Of the facts nothing is left, such as after the BMCs' driver was changed.
        for record in lab.store.build_data():
            if record.generator == "fake":
                del lab.store._tables.build_data[record.build_data_id]
        await lab.restart()
        before = await cuts(lab)
        lab.designs.texts["memory:site"] = design(swapped=True)
        task = await lab.run("prepare_nodes")

        assert task.result.failures == ("n1", "n2")
        assert await cuts(lab) == before
        assert "the inventory of 2" in only_text(lab, task.task_id, "n1")


async def test_a_node_whose_design_demands_a_serial_is_held_to_it():
    demand = {"oob": {"type": "ipmi", "serial": "A1", "network": "oob"}}
    async with a_lab(design(1, n1=demand), machines=machines(1)) as lab:
        task = await lab.run("prepare_nodes")
        assert "the design says A1" in only_text(lab, task.task_id, "n1")
        assert set(await cuts(lab)) == {0}


async def test_two_nodes_that_answer_with_one_serial_and_uuid_are_both_failures():
    tells = {"serial": "A1", "uuid": "9d0fd2c7-6a5b-4f3e-8f8e-0d1c2b3a4958", "omits": ["macs"]}
    async with a_lab(machines=machines(2, tells)) as lab:
        task = await lab.run("verify_nodes")
        assert task.result.failures == ("n1", "n2")
        said = " ".join(lab.texts(task.task_id, error=True))
        assert "is that of n1" in said
        assert "is that of n2" in said


async def test_what_boards_without_a_number_say_is_no_identity():
    tells = {
        "serial": "To be filled by O.E.M.",
        "uuid": "03000200-0400-0500-0006-000700080009",
        "omits": ["macs"],
    }
    async with a_lab(machines=machines(2, tells)) as lab:
        task = await lab.run("prepare_nodes")
        assert task.result.status == "success"
        told = [t for t in lab.said(task.task_id) if "tells neither serial, UUID nor MACs" in t]
        assert len(told) == 2

        await lab.run("verify_nodes")
        assert "its BMC tells neither" in facts_of(lab, "n1")[0].odd[0]
        refused = await lab.run("accept_nodes", "n1")
        assert "there is nothing to accept" in only_text(lab, refused.task_id, "n1")


async def test_a_first_preparation_says_once_that_nothing_is_known_and_keeps_what_it_heard():
    async with a_lab() as lab:
        task = await lab.run("prepare_nodes")
        assert task.result.status == "success"
        told = [t for t in lab.said(task.task_id) if "nothing is known of it yet" in t]
        assert len(told) == 2
        assert [len(facts_of(lab, name)) for name in names(2)] == [1, 1]

        await lab.run("destroy_nodes", all_nodes=True)
        again = await lab.run("prepare_nodes")
        assert again.result.status == "success"
        assert [t for t in lab.said(again.task_id) if "nothing is known" in t] == []
        assert [len(facts_of(lab, name)) for name in names(2)] == [1, 1]


async def test_replaced_hardware_is_refused_until_it_is_accepted():
    async with a_lab(design(1), machines=machines(1)) as lab:
        await lab.run("prepare_nodes")
        await lab.run("destroy_nodes", all_nodes=True)
        (machine,) = lab.room._cabling.machines.values()
        tells = machine.config.tells.model_copy(update={"serial": "NEW", "uuid": None})
        machine.config = machine.config.model_copy(update={"tells": tells})

        refused = await lab.run("prepare_nodes")
        assert refused.result.failures == ("n1",)
        assert "drydock bmc accept n1" in only_text(lab, refused.task_id, "n1")
        contradicted, _ = facts_of(lab, "n1")
        assert contradicted.contradictions

        accepted = await lab.run("accept_nodes", "n1")
        assert accepted.result.successes == ("n1",)
        assert (await lab.run("prepare_nodes")).result.successes == ("n1",)
        await lab.restart()
        assert (await lab.run("verify_nodes")).result.successes == ("n1",)


async def test_a_machine_that_the_design_gives_to_another_node_cannot_be_accepted():
    async with a_lab(design(macs=True, swapped=True)) as lab:
        task = await lab.run("accept_nodes", "n1")
        assert task.result.failures == ("n1",)


async def test_machines_swapped_on_purpose_are_accepted_together():
    async with a_lab() as lab:
        await lab.run("verify_nodes")
        lab.designs.texts["memory:site"] = design(swapped=True)
        assert (await lab.run("accept_nodes", "n1", "n2")).result.status == "success"
        assert (await lab.run("power_cycle_nodes", "n1", "n2")).result.status == "success"
        assert await cuts(lab) == [1, 1]


async def test_verify_reports_what_it_heard_also_of_another_machine():
    async with a_lab(design(macs=True, swapped=True)) as lab:
        task = await lab.run("verify_nodes")
        assert task.result.failures == ("n1", "n2")
        (facts,) = facts_of(lab, "n1")
        assert (facts.power, facts.vendor, facts.tls) == ("on", "drydockd", "none")
        assert facts.contradictions
        (record,) = lab.store.build_data(node="n1")
        (link,) = lab.store.task(record.task_id).result.links
        assert link.href.endswith(f"/tasks/{record.task_id}/builddata")


async def test_a_wipe_of_what_is_another_machine_by_now_does_not_happen():
    async with a_lab(machines=machines(state="ready")) as lab:
        await lab.run("verify_nodes")
        lab.designs.texts["memory:site"] = design(swapped=True)
        task = await lab.run("destroy_nodes", "n1")
        assert task.result.failures == ("n1",)
        assert [m.counters["wipes"] for m in await lab.room.machines()] == [0, 0]


async def test_a_wipe_does_not_need_the_bmc():
    faults = [fault("bmc_silent", calls=["facts"])]
    async with a_lab(machines=machines(state="ready"), faults=faults) as lab:
        task = await lab.run("destroy_nodes", "n1")
        assert task.result.successes == ("n1",)
        assert [t for t in lab.said(task.task_id) if "its own was not checked: n1: no answer" in t]


class Wordy(FakeOob):
    """A BMC without an end to what it says."""

    async def facts(self, node):
        macs = tuple(f"52:54:00:00:{n // 256:02x}:{n % 256:02x}" for n in range(2000))
        odd = ("x" * 10_000,) * 100
        return replace(await super().facts(node), vendor="y" * 10_000, macs=macs, odd=odd)


async def test_what_a_bmc_can_make_long_is_cut():
    async with a_lab(design(1)) as lab:
        lab.drivers.oob[0] = Wordy(room=lab.room)
        await lab.run("verify_nodes")
        (record,) = lab.store.build_data(node="n1")
        assert len(record.data_element) < 8000


class Passing(FakeOob):
    """A BMC that is away for a moment."""

    asked = 0

    async def facts(self, node):
        Passing.asked += 1
        if Passing.asked == 1:
            raise DriverTransient(f"{node.name}: no answer")
        return await super().facts(node)


async def test_a_bmc_without_an_answer_is_asked_again_before_its_power_is_touched():
    async with a_lab(design(1)) as lab:
        lab.drivers.oob[0] = Passing(room=lab.room)
        task = await lab.run("prepare_nodes")
        assert task.result.status == "success"
        assert Passing.asked == 2


@pytest.mark.parametrize("action", ["prepare_nodes", "power_cycle_nodes"])
async def test_a_dead_bmc_is_asked_no_longer_before_its_power_is_touched_than_otherwise(action):
    """And not as long as a whole power cycle may take, which here is more than a test."""
    faults = [fault("bmc_silent", calls=["facts"])]
    async with a_lab(design(1), faults=faults, settings=replace(QUICK, answer_margin=0.2)) as lab:
        lab.drivers.oob[0].ask_seconds = 0.0
        lab.drivers.oob[0].worst_case_seconds = 3600.0
        task = await lab.run(action, "n1")
        assert task.result.failures == ("n1",)
        text = only_text(lab, task.task_id, "n1")
        assert "n1: its BMC did not tell within 0.2 s who it is, so nothing was sent to it" in text
        assert "; last seen: n1: no answer" in text
        assert set(await cuts(lab)) == {0}


async def test_a_person_is_not_asked_who_the_machine_is():
    lab = a_lab(design(1, n1={"oob": {"type": "manual"}}))
    lab.drivers.oob[0] = ManualOob(ManualOptions(wait=0))
    async with lab:
        task = await lab.run("verify_nodes")
        assert task.result.status == "success"
        assert lab.store.build_data(node="n1") == []
        task = await lab.run("power_cycle_nodes", "n1")
        assert task.result.status == "success"
        assert [t for t in lab.said(task.task_id) if "known" in t or "neither" in t] == []


async def test_an_unreadable_inventory_contradicts_nothing():
    async with a_lab(design(1)) as lab:
        record = BuildData("n1", "t0", timestamp(), "lshw", "text/xml", "<list><node>")
        await lab.store.write(Put(record))
        assert (await lab.run("verify_nodes")).result.status == "success"


async def test_no_credential_is_in_what_is_kept_or_said():
    text = design(2, swapped=True, macs=True).replace("credential: c", "credential: s3cr3t")
    async with a_lab(text.replace("account: a", "account: us3r")) as lab:
        task = await lab.run("verify_nodes")
        kept = " ".join(r.data_element for r in lab.store.build_data())
        everything = kept + " ".join(lab.said(task.task_id))
        assert "s3cr3t" not in everything
        assert "us3r" not in everything
        assert PowerState.ON in kept


@pytest.mark.parametrize("action", ["deploy_nodes", "destroy_nodes"])
async def test_the_bmc_of_another_machine_ends_the_step_before_anything_is_announced(
    monkeypatch, action
):
    async with a_lab(design(macs=True)) as lab:
        assert (await lab.run("prepare_nodes")).result.status == "success"
        monkeypatch.setattr(FakeNodeProvisioner, "cuts_power", True)
        lab.designs.texts["memory:site"] = design(macs=True, swapped=True)
        task = await lab.run(action, "n1", "n2")
        assert task.result.failures == ("n1", "n2")
        text = only_text(lab, task.task_id, "n1")
        assert "that of another machine, nothing was sent to it" in text
        assert {m.state for m in await lab.room.machines()} == {NodeState.READY}


async def test_a_provisioner_that_cuts_no_power_asks_no_bmc_before_it_deploys(monkeypatch):
    async with a_lab(design(macs=True)) as lab:
        await lab.run("prepare_nodes")
        lab.designs.texts["memory:site"] = design(macs=True, swapped=True)
        task = await lab.run("deploy_nodes", "n1")
        assert task.result.status == "success"
