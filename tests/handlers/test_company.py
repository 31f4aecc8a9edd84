"""What a daemon that shares its store tells of that, in health and health/extended."""

import asyncio

import pytest

from drydockd.errors import StoreUnavailable
from drydockd.handlers.barrier import Barrier
from drydockd.handlers.company import Company
from drydockd.handlers.healthcheck import HealthChecks
from drydockd.store import StoreHealth
from tests.handlers.helpers import V1
from tests.handlers.others import SomeCluster, in_company, member


class SomeStore:
    """Only what is asked of it."""

    def __init__(self):
        self.silent, self.failure, self.found, self.error = 0.0, None, [], None

    def silent_seconds(self):
        return self.silent

    def health(self):
        return StoreHealth(error=self.failure)

    async def members(self):
        if self.error == "hangs":
            await asyncio.Event().wait()
        if self.error:
            raise StoreUnavailable(self.error)
        return self.found


@pytest.fixture
def store():
    return SomeStore()


@pytest.fixture
def cluster():
    return SomeCluster()


@pytest.fixture
def company(store, cluster):
    return Company(store, Barrier(store, 60), cluster)


@pytest.fixture
def health(store, company):
    return HealthChecks(store, None, timeout_seconds=1, cache_seconds=60, company=company)


def said(messages):
    return [(message.message, message.error) for message in messages]


async def test_all_is_well(health):
    assert await health.messages() == []
    assert await health.is_ready()


async def test_a_database_that_is_away_is_an_error_at_once_and_ready_until_the_limit(health, store):
    """One failover would take all daemons out of the balancer else. The cache holds no time."""
    assert await health.is_ready()
    store.failure, store.silent = "the connection was closed", 30.0
    [message] = await health.messages()
    assert (message.message, message.error) == ("Unable to connect to database", True)
    assert "the connection was closed; nothing was heard of the database for 30 s" in message.cause
    assert await health.is_ready()
    store.silent = 60.1
    assert not await health.is_ready()
    store.failure, store.silent = None, 0.5
    assert await health.messages() == []
    assert await health.is_ready()


async def test_a_clock_that_is_a_little_off_is_a_warning_and_far_off_not_ready(health, cluster):
    cluster.lease.offset.problem = "this host's clock is 1.5 s ahead"
    assert said(await health.messages()) == [("this host's clock is 1.5 s ahead", False)]
    assert await health.is_ready()
    cluster.lease.offset.problem = "this host's clock is 5.5 s ahead"
    cluster.lease.offset.is_good = False
    assert said(await health.messages()) == [("this host's clock is 5.5 s ahead", True)]
    assert not await health.is_ready()


async def test_a_clock_that_was_not_measured_yet_is_no_fault(health, cluster):
    cluster.lease.offset.is_good = False
    assert await health.is_ready()


async def test_nobody_at_work_and_other_settings_elsewhere_are_warnings(health, cluster):
    cluster.lease.runner, cluster.different = None, ["policy: not the same on a"]
    assert said(await health.messages()) == [
        ("no daemon runs the tasks: they wait until one can", False),
        ("policy: not the same on a", False),
    ]
    assert await health.is_ready()


async def test_members_and_runner_are_named_and_who_is_gone(health, store):
    store.found = [member("a", 1), member("b", 0), member("c", 300)]
    assert said(await health.members()) == [
        (
            "cluster: this is b; 2 alive (a, b), a runs the tasks; c gave no sign for 300 s",
            False,
        )
    ]


@pytest.mark.parametrize(("error", "cause"), [("away", "away"), ("hangs", "no answer in time")])
async def test_without_the_database_nobody_can_be_named(company, store, error, cause):
    store.error = error
    text = await company.members(0.01)
    assert text.startswith("cluster: this is b, 3 daemons were alive")
    assert text.endswith(cause)


async def test_a_daemon_tells_it_all(drydock):
    others, cluster = in_company(drydock)
    cluster.different = ["drivers: not the same on a"]
    shown = (await drydock.get(f"{V1}/health/extended")).json()
    texts = [message["message"] for message in shown["details"]["messageList"]]
    assert "drivers: not the same on a" in texts
    assert any(text.startswith("cluster: this is b") for text in texts)
    assert shown["code"] == 200
    others.silent = 30
    assert (await drydock.http.get(f"{V1}/health")).status_code == 204
    shown = (await drydock.get(f"{V1}/health/extended")).json()
    assert (shown["code"], shown["details"]["errorCount"]) == (503, 1)
    others.silent = 61
    assert (await drydock.http.get(f"{V1}/health")).status_code == 503
    assert (await drydock.get(f"{V1}/health/extended")).status_code == 503
