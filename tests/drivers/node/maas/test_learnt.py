"""Inventories and logs of one machine."""

import pytest

from drydockd.drivers.node.maas import learnt
from drydockd.drivers.node.maas.machine import read
from drydockd.errors import DriverPersistent, NodeUnknown
from drydockd.machines import Document, Log
from tests.peers.maas import Fault, documents
from tests.peers.maas.machines import a_result, add_machine, add_results

LSHW = {"lshw": b"<list/>", "lldp": None}


def handle(maas, machine):
    return read(documents.machine(maas, machine)).handle()


async def test_documents_come_with_lshw_first(maas, client):
    machine = add_machine(maas, "n1")
    machine.details = {"lldp": b"<lldp/>", "other": b"text", "lshw": b"<list/>", "none": None}
    found = await learnt.Details(client).inventory(handle(maas, machine))
    assert found.documents == (
        Document("lshw", "text/xml", "<list/>"),
        Document("lldp", "text/xml", "<lldp/>"),
        Document("other", "text/plain", "text"),
    )


async def test_both_null_is_never_commissioned(maas, client):
    machine = add_machine(maas, "n1")
    with pytest.raises(NodeUnknown, match="not commissioned"):
        await learnt.Details(client).inventory(handle(maas, machine))
    gone = handle(maas, machine)
    maas.machines.clear()
    with pytest.raises(NodeUnknown):
        await learnt.Details(client).inventory(gone)


async def test_damaged_details_are_told(maas, client):
    machine = add_machine(maas, "n1")
    maas.faults.append(Fault(lambda call: True, status=200, body="?"))
    with pytest.raises(DriverPersistent, match="details of n1"):
        await learnt.Details(client).inventory(handle(maas, machine))


async def test_logs_are_those_of_this_machine_and_of_its_newest_run(maas, client):
    other, machine = add_machine(maas, "n0"), add_machine(maas, "n1")
    add_results(other, "commissioning", a_result("50-lshw", "theirs"))
    add_results(machine, "commissioning", a_result("50-lshw", "older"))
    add_results(machine, "testing", a_result("smartctl", "fine"))
    add_results(machine, "commissioning", a_result("50-lshw", "out", "err"), a_result("empty"))
    found = await learnt.logs(client, handle(maas, machine), "commission")
    assert found == (
        Log("commission", "50-lshw", "out"),
        Log("commission", "50-lshw.err", "err"),
    )
    assert await learnt.logs(client, handle(maas, machine), "testing") == (
        Log("testing", "smartctl", "fine"),
    )
    assert await learnt.logs(client, handle(maas, machine), "deploy") == ()


async def test_where_only_both_together_are_told_that_is_the_log(maas, client):
    machine = add_machine(maas, "n1")
    add_results(machine, "installation", {"name": "/tmp/install.log", "output": "aGk="})
    assert await learnt.logs(client, handle(maas, machine), "deploy") == (
        Log("deploy", "/tmp/install.log", "hi"),
    )


async def test_what_is_no_base64_is_left_out(maas, client):
    machine = add_machine(maas, "n1")
    add_results(machine, "installation", {"name": "x", "output": "a"})
    assert await learnt.logs(client, handle(maas, machine), "deploy") == ()


async def test_details_of_one_commissioning_are_read_once(maas, client):
    machine = add_machine(maas, "n1")
    machine.details = {"lshw": b"<first/>", "lldp": None}
    details, known = learnt.Details(client), handle(maas, machine)

    async def lshw(number):
        return (await details.inventory(known, number)).documents[0].text

    assert [await lshw(7), await lshw(7)] == ["<first/>", "<first/>"]
    assert len(maas.calls) == 1
    machine.details["lshw"] = b"<second/>"
    assert await lshw(8) == "<second/>"
    machine.details["lshw"] = b"<third/>"
    assert await lshw(None) == "<third/>"
    assert await lshw(8) == "<third/>"


async def test_only_so_many_details_are_kept(maas, client, monkeypatch):
    monkeypatch.setattr(learnt, "MOST_KEPT", 2)
    details = learnt.Details(client)
    machines = [add_machine(maas, name, details=LSHW) for name in ("n1", "n2", "n3")]
    first, *others = [handle(maas, machine) for machine in machines]
    for known in (first, *others, *others):
        await details.inventory(known, 1)
    assert len(maas.calls) == 3
    await details.inventory(first, 1)
    assert len(maas.calls) == 4


async def test_what_is_damaged_or_not_there_yet_is_not_kept(maas, client):
    machine = add_machine(maas, "n1")
    maas.faults.append(Fault(lambda call: True, status=200, body="?"))
    details, known = learnt.Details(client), handle(maas, machine)
    for error in (DriverPersistent, NodeUnknown):
        with pytest.raises(error):
            await details.inventory(known, 1)
    machine.details = LSHW
    assert (await details.inventory(known, 1)).documents[0].text == "<list/>"
