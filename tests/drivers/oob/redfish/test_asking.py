"""What is repeated, how often, and what is then said; most of it is tested in conversation."""

import pytest

from drydockd.drivers.oob.redfish.answers import Answer, Note
from drydockd.drivers.oob.redfish.asking import Asking, Unheard
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.target import target_of
from drydockd.drivers.oob.redfish.wire import NoAnswer, Untrusted
from drydockd.errors import DriverPersistent, DriverTransient
from tests.drivers.oob.redfish.conftest import QUICK, a_node

FINE = Answer(200, {})
AWAY = Answer(500, {})
NOT_READY = Answer(400, {}, notes=(Note("SWC0700"),))


class Bmc:
    port = 443


@pytest.fixture
def ask():
    """Ask a BMC that answers with each of `what` in turn, or raises it."""

    async def run(*what, **more):
        options = RedfishOptions(max_retries=3)
        coming = iter(what)

        async def send():
            answer = next(coming)
            if isinstance(answer, Exception):
                raise answer
            return answer

        asking = Asking(target_of(a_node(Bmc), options), options, QUICK, None)
        return await asking.patiently("GET", "/x", "to see", send, **more)

    return run


async def test_what_failed_is_repeated(ask):
    assert await ask(NoAnswer("lost", is_sent=True), AWAY, NOT_READY, FINE) is FINE


async def test_as_often_as_the_option_says(ask):
    with pytest.raises(DriverTransient) as caught:
        await ask(AWAY, AWAY, AWAY, AWAY)
    assert str(caught.value) == (
        "n1: BMC 127.0.0.1: GET /x to see: HTTP 500, 4 times; check the BMC and the network to it"
    )


async def test_a_bmc_that_is_not_ready_counts_for_nothing(ask):
    assert await ask(*[NOT_READY] * 50, FINE) is FINE


async def test_whom_nobody_trusts_is_not_asked_again(ask):
    with pytest.raises(DriverPersistent, match="GET /x to see: self-signed; pin it"):
        await ask(Untrusted("self-signed", "pin it"))


@pytest.mark.parametrize("what", [NoAnswer("lost", is_sent=True), AWAY])
async def test_what_must_not_be_repeated_is_not(ask, what):
    with pytest.raises(Unheard, match="GET /x to see: "):
        await ask(what, is_repeatable=False)


async def test_but_what_never_left_is_sent_again(ask):
    assert await ask(NoAnswer("dead", is_sent=False), FINE, is_repeatable=False) is FINE


@pytest.mark.parametrize("answer", [NOT_READY, Answer(503, {}), Answer(429, {})])
async def test_and_a_refusal_for_now_is_an_answer(ask, answer):
    assert await ask(answer, is_repeatable=False) is answer
