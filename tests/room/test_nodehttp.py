"""A node's patience."""

import io

import pytest

from drydockd.room.config import Reports
from drydockd.room.nodehttp import BootFailed, NodeHttp
from tests.room.helpers import ACTION, KEY, PATIENCE


@pytest.fixture
def node():
    made = NodeHttp(Reports(**PATIENCE))
    yield made
    made.close()


async def test_a_download_starts_anew_after_each_failure(node, daemon):
    daemon.trouble = [503, 500]
    sink = io.BytesIO(b"left over from before" * 1000)
    url = f"{daemon.url}/api/v1.0/bootactions/nodes/n1/units"
    await node.download(url, KEY, sink)
    assert sink.getvalue() == daemon.units


async def test_a_post_behind_a_server_error_may_have_been_recorded(node, daemon):
    url = f"{daemon.url}/api/v1.0/bootactions/{ACTION}"
    daemon.trouble = [503]
    daemon.final[ACTION] = "success"
    posted = await node.post(url, KEY, {"status": "success"})
    assert (posted.status_code, posted.repeated, posted.accepted) == (409, True, True)


async def test_a_post_that_was_put_off_was_not_recorded(node, daemon):
    url = f"{daemon.url}/api/v1.0/bootactions/{ACTION}"
    daemon.trouble = [429]
    daemon.final[ACTION] = "success"
    assert not (await node.post(url, KEY, {"status": "success"})).accepted


async def test_a_wrong_key_is_an_answer_and_not_tried_again(node, daemon):
    url = f"{daemon.url}/api/v1.0/bootactions/{ACTION}"
    posted = await node.post(url, "00" * 32, {"status": "success"})
    assert (posted.status_code, posted.accepted) == (403, False)


async def test_patience_ends_with_what_was_seen_last(daemon):
    node = NodeHttp(Reports(retry_seconds=(0.01, 0.01), give_up_seconds=0.05))
    daemon.trouble = [503] * 1000
    with pytest.raises(BootFailed, match=r"gave up, last seen: POST .*: status 503"):
        await node.post(f"{daemon.url}/api/v1.0/bootactions/{ACTION}", KEY, {})
    node.close()
