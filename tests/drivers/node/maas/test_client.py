"""Speaking with MAAS: signatures, tries, errors, secrets."""

import logging

import pytest

from drydockd.drivers.node.maas.answers import Missing, Refused, Taken, Unsure
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at as path
from drydockd.errors import DriverPersistent, DriverTransient, DriverUnsupported, InvalidInput
from tests.drivers.node.maas.making import options
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine


class Sleeps:
    """Counts the pauses instead of making them."""

    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)


@pytest.fixture
async def patient(maas):
    sleeps = Sleeps()
    client = MaasClient(options(maas, retry_seconds=60), sleep=sleeps)
    client.sleeps = sleeps
    yield client
    await client.close()


async def test_a_retried_request_is_signed_anew_since_a_nonce_works_once(maas, patient):
    maas.faults.append(Fault(lambda call: True, times=2, status=503))
    assert (await patient.get(path("users"), "whoami"))["username"] == "admin"
    assert len(patient.sleeps.seconds) == 2
    assert maas.counted() == 3


async def test_the_simulator_takes_a_nonce_once(maas, client, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda size: "always")
    await client.get(path("users"), "whoami")
    with pytest.raises(DriverPersistent, match="401"):
        await client.get(path("users"), "whoami")


async def test_a_401_shows_nothing_of_its_body(maas, caplog):
    caplog.set_level(logging.DEBUG)
    wrong = options(maas, maas_api_key=f"{maas.key.consumer}:{maas.key.token}:wr0ng-secret")
    client = MaasClient(wrong)
    with pytest.raises(DriverPersistent) as caught:
        await client.get(path("machines"))
    await client.close()
    assert "401" in str(caught.value)
    assert "maas_api_key" in str(caught.value)
    for secret in (*maas.secrets(), "wr0ng-secret", maas.key.token, "signature base"):
        assert secret not in str(caught.value)
        assert secret not in caplog.text
        assert secret not in repr(wrong)


async def test_a_secret_in_any_other_answer_is_hidden(maas, client):
    maas.faults.append(Fault(lambda call: True, status=403, body=f"no: {maas.key.secret}"))
    with pytest.raises(DriverPersistent, match=r"403 .*no: \*\*\*.*permission"):
        await client.get(path("machines"), "power_parameters")


async def test_every_field_of_a_refusal_is_told(maas, client):
    machine = add_machine(maas, "m1", architecture="arm64/generic")
    form = {"hostname": "bad_name", "domain": "nosuch"}
    with pytest.raises(Refused) as caught:
        await client.put(path("machine", sid=machine.system_id), form)
    for word in ("hostname: Host label", "domain: Unable to find", "architecture: 'arm64/generic'"):
        assert word in str(caught.value)
    assert caught.value.is_about("underscore")


async def test_absence_and_conflict_are_told_apart(maas, client):
    with pytest.raises(Missing, match="404 Not Found: No Machine matches"):
        await client.get(path("machine", sid="xxxxxx"))
    with pytest.raises(Taken, match="409 Conflict: No machine with system ID xxxxxx available"):
        await client.post(path("machines"), "allocate", {"system_id": "xxxxxx"})


async def test_a_key_that_maas_does_not_take_is_never_tried_again(maas, patient):
    machine = add_machine(maas, "m1", owner="admin", status_name="Allocated")
    with pytest.raises(DriverUnsupported, match="Invalid character in key name"):
        await patient.post(
            path("machine", sid=machine.system_id),
            "set_workload_annotations",
            {"a/b": "x"},
            again=True,
        )
    assert patient.sleeps.seconds == []


async def test_an_act_that_may_have_been_done_is_not_repeated(maas, patient):
    machine = add_machine(maas, "m1")
    maas.faults.append(Fault(at("POST", "machines/", "allocate"), is_lost=True))
    with pytest.raises(Unsure):
        await patient.post(path("machines"), "allocate", {"system_id": machine.system_id})
    assert maas.done["allocate", machine.system_id] == 1
    assert maas.counted("POST") == 1


async def test_an_act_that_was_not_begun_is_repeated(maas, patient):
    machine = add_machine(maas, "m1")
    headers = {"Retry-After": "7"}
    maas.faults.append(Fault(at("POST", "machines/", "allocate"), status=429, headers=headers))
    await patient.post(path("machines"), "allocate", {"system_id": machine.system_id})
    assert patient.sleeps.seconds == [7.0]


async def test_a_lost_answer_of_a_change_is_made_good(maas, patient):
    machine = add_machine(maas, "m1")
    maas.faults.append(Fault(at("PUT", "machines/.*"), is_lost=True))
    await patient.put(path("machine", sid=machine.system_id), {"hostname": "n1"})
    assert machine.hostname == "n1"


async def test_tries_end_with_the_deadline(maas):
    sleeps = Sleeps()
    client = MaasClient(options(maas, retry_seconds=6.0), sleep=sleeps)
    maas.faults.append(Fault(lambda call: True, times=99, status=503, body="down"))
    with pytest.raises(DriverTransient, match="503 Service Unavailable: down"):
        await client.get(path("machines"))
    await client.close()
    assert 1 <= len(sleeps.seconds) < 99


async def test_nobody_listening_is_transient(maas, client):
    await maas.stop()
    with pytest.raises(DriverTransient, match="GET machines/: no answer"):
        await client.get(path("machines"))


async def test_a_null_is_left_out_and_an_empty_value_resets(maas, client):
    await client.put(path("vlan", fabric=0, vid=0), {"mtu": None, "relay_vlan": ""})
    assert maas.calls[-1].form == {"relay_vlan": [""]}


async def test_the_operation_is_in_the_query_and_lists_are_repeated(maas, client):
    with pytest.raises(Missing):
        await client.post(
            path("interfaces", sid="x"), "create_bond", {"parents": [1, 2], "on": True}
        )
    call = maas.calls[-1]
    assert call.op == "create_bond"
    assert call.form == {"parents": ["1", "2"], "on": ["True"]}


async def test_a_page_instead_of_json_is_not_maas(maas, client):
    html = "<html><title>Log in</title></html>"
    maas.faults.append(Fault(lambda call: True, status=200, body=html))
    with pytest.raises(DriverPersistent, match="does maas_api_url lead to MAAS"):
        await client.get(path("machines"))


async def test_of_an_error_page_only_the_title_is_told(maas, client):
    html = "<html><head><title>Bad\n Gateway</title></head><body>" + "x" * 9000 + "</body></html>"
    maas.faults.append(Fault(lambda call: True, status=502, body=html))
    with pytest.raises(DriverTransient) as caught:
        await client.get(path("machines"))
    assert str(caught.value) == "MAAS: GET machines/: 502 Bad Gateway: Bad Gateway"


async def test_removing_what_is_gone_is_fine(maas, client):
    await client.delete(path("iprange", id=1))


def test_a_ca_file_that_is_none_is_told_at_the_start(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    for ca in (file, tmp_path / "missing"):
        given = options(_Elsewhere, maas_api_url="https://10.0.0.1/MAAS", ca_file=ca)
        with pytest.raises(InvalidInput, match="ca_file"):
            MaasClient(given)


class _Elsewhere:
    url, api_key = "http://127.0.0.1:1/MAAS", "a:b:c"
