"""One request: was it answered, lost on its way back, or never sent?"""

import io

import pytest

from drydockd.room.exchange import Exchange, Lost, NotSent, TooMuch
from tests.room.helpers import ACTION, KEY, Daemon, tar_gz

KEYED = {"X-Bootaction-Key": KEY}


@pytest.fixture
def exchange():
    made = Exchange(4)
    yield made
    made.close()


async def test_an_answer_is_an_answer_whatever_its_status(exchange, daemon):
    url = f"{daemon.url}/api/v1.0/bootactions/nodes/n1/units"
    assert (await exchange.get(url, KEYED, seconds=5)).status == 200
    assert (await exchange.get(url, seconds=5)).status == 403
    assert (await exchange.get(f"{daemon.url}/x", seconds=5)).status == 404


async def test_a_port_nobody_listens_on_means_not_sent(exchange):
    async with Daemon().running() as gone:
        url = gone.url
    with pytest.raises(NotSent):
        await exchange.post(url, b"", {}, seconds=5)


async def test_a_connection_that_ends_before_the_answer_means_lost(exchange, daemon):
    daemon.deaf = 1
    url = f"{daemon.url}/api/v1.0/bootactions/{ACTION}"
    with pytest.raises(Lost):
        await exchange.post(url, b'{"status": "success"}', KEYED, seconds=5)


async def test_a_body_goes_to_its_sink_and_an_error_page_does_not(exchange, daemon):
    url = f"{daemon.url}/api/v1.0/bootactions/nodes/n1/units"
    sink = io.BytesIO()
    await exchange.get(url, KEYED, seconds=5, sink=sink)
    assert sink.getvalue() == daemon.units
    sink = io.BytesIO()
    assert (await exchange.get(f"{daemon.url}/x", seconds=5, sink=sink)).status == 404
    assert sink.getvalue() == b""


async def test_a_body_over_the_limit_is_refused(exchange, daemon):
    daemon.units = tar_gz(("/a", "x"))
    url = f"{daemon.url}/api/v1.0/bootactions/nodes/n1/units"
    with pytest.raises(TooMuch, match="more than 10 bytes"):
        await exchange.get(url, KEYED, seconds=5, sink=io.BytesIO(), limit=10)
