"""Labels through Promenade: found in a real Keystone's catalogue, spoken to with its tokens."""

import asyncio
import contextlib

import pytest

from drydockd.auth.identity import Account, ServiceIdentity
from drydockd.drivers.base import Surroundings
from drydockd.drivers.kubernetes.options import PromenadeOptions
from drydockd.drivers.kubernetes.promenade import POLICY, PromenadeKubernetes, base_url
from drydockd.errors import DriverPersistent, DriverTransient, NodeUnknown
from tests.peers.keystone import USERS, free_port
from tests.peers.promenade import registered, serving


@contextlib.asynccontextmanager
async def identity_of(keystone, user="drydock", url=None):
    password, project, _ = USERS[user]
    identity = ServiceIdentity(
        Account(
            auth_url=url or keystone.url,
            username=user,
            password=password,
            user_domain_id="default",
            project_name=project,
            project_domain_id="default",
            timeout_seconds=20.0,
            retries=0,
        ),
        deadline_seconds=30.0,
    )
    try:
        yield identity
    finally:
        await identity.close()


@contextlib.asynccontextmanager
async def driver_of(identity, **options):
    driver = PromenadeKubernetes(PromenadeOptions(**options))
    await driver.start(Surroundings(None, b"", None, identity))
    try:
        yield driver
    finally:
        await driver.close()


async def test_the_catalogues_whole_url_is_used(keystone):
    async with serving(keystone, "n1") as promenade, identity_of(keystone) as identity:
        promenade.labels["n1"]["foreign"] = "x"
        with registered(keystone, promenade.url):
            async with driver_of(identity) as driver:
                await driver.check()
                await driver.relabel("n1", {"rack": "r1"})
        assert promenade.labels["n1"] == {"kubernetes.io/hostname": "n1", "rack": "r1"}
        assert promenade.asked == [
            ("GET", "/kube/api/v1.0/health", 204),
            ("PUT", "/kube/api/v1.0/node-labels/n1", 200),
        ]


async def test_a_service_or_interface_that_is_not_in_the_catalogue_is_told(keystone):
    async with serving(keystone, "n1") as promenade, identity_of(keystone) as identity:
        with registered(keystone, promenade.url):
            said = "no public endpoint of type kubernetesprovisioner in region north; create it"
            async with driver_of(identity, interface="public", region="north") as driver:
                with pytest.raises(DriverPersistent, match=said):
                    await driver.relabel("n1", {"rack": "r1"})


async def test_a_token_that_ended_is_renewed_once_for_all_nodes(keystone):
    names = [f"n{number}" for number in range(8)]
    async with (
        serving(keystone, *names) as promenade,
        identity_of(keystone) as identity,
        driver_of(identity, url=promenade.url) as driver,
    ):
        await driver.relabel("n0", {"rack": "r0"})
        keystone.revoke(await identity.token())
        logins = keystone.calls("POST /v3/auth/tokens")
        await asyncio.gather(*(driver.relabel(name, {"rack": "r1"}) for name in names))
        assert keystone.calls("POST /v3/auth/tokens") == logins + 1
    assert {labels["rack"] for labels in promenade.labels.values()} == {"r1"}
    assert promenade.count("PUT", 401) <= len(names)


async def test_a_second_401_is_the_end(keystone):
    async with (
        serving(keystone, "n1") as promenade,
        identity_of(keystone) as identity,
        driver_of(identity, url=promenade.url) as driver,
    ):
        promenade.answers = [401, 401]
        token = await identity.token()
        with pytest.raises(DriverPersistent, match="do both use one Keystone") as raised:
            await driver.relabel("n1", {"rack": "r1"})
        assert token not in str(raised.value)
        assert promenade.count("PUT", 401) == 2


async def test_a_role_that_is_missing_is_told_with_the_rule(keystone):
    async with (
        serving(keystone, "n1") as promenade,
        identity_of(keystone, "rita-reader") as reader,
        driver_of(reader, url=promenade.url) as driver,
    ):
        with pytest.raises(DriverPersistent, match=POLICY):
            await driver.relabel("n1", {"rack": "r1"})


async def test_an_unknown_node_is_unknown_and_trouble_is_transient(keystone):
    async with (
        serving(keystone, "n1") as promenade,
        identity_of(keystone) as identity,
        driver_of(identity, url=promenade.url) as driver,
    ):
        with pytest.raises(NodeUnknown, match=r"^n2: PUT http.*/node-labels/n2 .*not found"):
            await driver.relabel("n2", {"rack": "r1"})
        promenade.answers = [500, 429, 400]
        with pytest.raises(DriverTransient, match="see Promenade's log for the cause"):
            await driver.relabel("n1", {"rack": "r1"})
        with pytest.raises(DriverTransient, match="HTTP 429"):
            await driver.relabel("n1", {"rack": "r1"})
        with pytest.raises(DriverPersistent, match=r"comes from promenade_driver\.url"):
            await driver.relabel("n1", {"rack": "r1"})


async def test_a_keystone_that_is_away_is_transient(keystone):
    nowhere = f"http://127.0.0.1:{free_port()}/v3"
    async with identity_of(keystone, url=nowhere) as identity, driver_of(identity) as driver:
        with pytest.raises(DriverTransient, match="n1: no token for Promenade: Keystone does not"):
            await driver.relabel("n1", {"rack": "r1"})


async def test_without_an_account_there_is_no_token():
    async with driver_of(None, url="http://127.0.0.1:9") as driver:
        with pytest.raises(DriverPersistent, match=r"keystone_authtoken\.auth_url is not set"):
            await driver.check()


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://p/api/v1.0", "http://p/api/v1.0"),
        ("https://p:8443/kube/api/v1.0/", "https://p:8443/kube/api/v1.0"),
        ("http://p/api/", "http://p/api/v1.0"),
        ("http://p", "http://p/api/v1.0"),
        ("https://api.example/kube", "https://api.example/kube/api/v1.0"),
    ],
)
def test_a_url_with_any_path_leads_to_the_same_api(url, base):
    assert base_url(url) == base
