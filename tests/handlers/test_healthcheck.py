import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drydockd.api.health import HealthMessage
from drydockd.auth.certificates import Expiry
from drydockd.drivers.base import SiteNote
from drydockd.errors import DriverTransient
from drydockd.handlers.healthcheck import HealthChecks, report
from drydockd.store import StoreHealth


@dataclass
class SomeStore:
    error: str | None = None

    def health(self) -> StoreHealth:
        return StoreHealth(error=self.error)


@dataclass
class SomeProvisioner:
    """Only what the check asks; `hangs` never answers."""

    error: Exception | None = None
    notes: list[SiteNote] = field(default_factory=list)
    hangs: bool = False
    asked: int = 0

    async def check(self):
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return self.notes


def checks(store=None, driver=None, **options):
    options = {"timeout_seconds": 0.05, "cache_seconds": 0} | options
    return HealthChecks(store or SomeStore(), driver, **options)


async def test_all_is_well():
    assert await checks(driver=SomeProvisioner()).messages() == []
    assert await checks().messages() == []


@pytest.mark.parametrize(
    ("driver", "cause"),
    [
        (SomeProvisioner(error=DriverTransient("refused")), "refused"),
        (SomeProvisioner(hangs=True), "the node provisioner does not answer within 0.05 s"),
        (SomeProvisioner(notes=[SiteNote("a rack is down", error=True)]), "a rack is down"),
    ],
)
async def test_a_provisioner_that_is_away_is_said_in_the_documented_words_with_its_cause(
    driver, cause
):
    [message] = await checks(driver=driver).messages()
    assert message == {
        "message": "Unable to connect to MaaS",
        "error": True,
        "kind": "SimpleMessage",
        "cause": cause,
    }


async def test_a_store_that_cannot_write_is_said_with_its_cause():
    [message] = await checks(SomeStore("disk full: no space left")).messages()
    assert message["message"] == "Unable to connect to database"
    assert message["cause"] == "disk full: no space left"


async def test_a_certificate_about_to_expire_is_said_but_is_no_failure():
    soon = Expiry("api.tls_cert", Path("/c.pem"), "CN=x", datetime.now(UTC) + timedelta(days=3))
    messages = await checks(certificates=lambda: [soon]).messages()
    assert "api.tls_cert" in messages[0]["message"]
    assert report(messages).code == 200
    assert report(messages).details.message_list == messages


async def test_askers_share_one_round_and_its_result_is_kept_for_a_while():
    driver = SomeProvisioner()
    health = checks(driver=driver, cache_seconds=60)
    await asyncio.gather(*(health.messages() for _ in range(10)))
    await health.messages()
    assert driver.asked == 1


async def test_without_a_cache_every_round_asks_again():
    driver = SomeProvisioner()
    health = checks(driver=driver)
    await health.messages()
    await health.messages()
    assert driver.asked == 2


async def test_an_asker_that_goes_away_does_not_end_the_round_of_the_others():
    driver = SomeProvisioner(hangs=True)
    health = checks(driver=driver, timeout_seconds=0.05)
    first = asyncio.create_task(health.messages())
    await asyncio.sleep(0)
    second = asyncio.create_task(health.messages())
    await asyncio.sleep(0)
    first.cancel()
    assert len(await second) == 1


def test_the_report_has_the_documented_form():
    message = {"message": "Unable to connect to MaaS", "error": True, "kind": "SimpleMessage"}
    assert report([HealthMessage.model_validate(message)]) == {
        "kind": "Status",
        "apiVersion": "v1.0",
        "metadata": {},
        "status": "Failure",
        "message": "Drydock failed to respond",
        "reason": "HealthCheck",
        "details": {"errorCount": 1, "messageList": [message]},
        "code": 503,
    }
    healthy = report([])
    assert (healthy.status, healthy.message, healthy.code) == ("Success", "", 200)


async def test_a_keystone_that_is_away_degrades_and_is_no_failure():
    asked = []

    async def keystone(seconds):
        asked.append(seconds)
        return "Keystone at http://k/v3 does not answer: refused"

    found = await checks(keystone=keystone, timeout_seconds=5).messages()
    assert [(message.message, message.error) for message in found] == [
        ("degraded: Keystone at http://k/v3 does not answer: refused", False)
    ]
    assert asked == [5]
    assert report(found).code == 200
