"""Domains are made when missing."""

import pytest

from drydockd.drivers.node.maas import domains
from drydockd.drivers.node.maas.answers import Refused
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine


async def test_a_domain_is_made_once_and_not_authoritative(maas, client):
    assert [await domains.ensure(client, "lab") for _ in range(2)] == [True, False]
    assert maas.domains[max(maas.domains)] == {"name": "lab", "authoritative": False}


async def test_one_that_somebody_makes_meanwhile_is_fine(maas, client):
    made = {"name": "lab", "authoritative": True}
    maas.faults.append(Fault(at("POST", "domains/"), before=lambda: maas.domains.update({5: made})))
    await domains.ensure(client, "lab")
    assert await domains.names(client) == {"maas", "lab"}


async def test_a_machine_is_moved_to_a_domain_that_is_made_for_it(maas, client):
    machine = add_machine(maas, "n1")
    await domains.put(client, "machines/sid001/", {"domain": "lab"})
    assert machine.domain == "lab"
    with pytest.raises(Refused, match="underscore"):
        await domains.put(client, "machines/sid001/", {"hostname": "a_b"})


async def test_a_name_that_maas_refuses_is_told(maas, client):
    body = {"name": ["Enter a valid domain name."]}
    maas.faults.append(Fault(at("POST", "domains/"), status=400, body=body))
    with pytest.raises(Refused, match="valid domain name"):
        await domains.ensure(client, "-")
