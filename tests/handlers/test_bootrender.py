import asyncio
import io
import tarfile

import pytest

from drydockd.errors import RenderError
from drydockd.model import BootContext
from drydockd.store import Put
from tests.handlers.helpers import JSON, SITE, V1


@pytest.fixture
def renderer(drydock):
    return drydock.app.services.bootdata


async def test_nodes_that_ask_at_once_share_one_look_at_the_design(drydock, renderer):
    nodes = [await drydock.deployed(name) for name in ("a01-control", "b01-control")]
    done = await asyncio.gather(
        *(renderer.archive(n.context, kind) for n in nodes for kind in ("unit", "file"))
    )
    assert all(archive.data for archive in done)
    assert len(renderer._sites) == 1


async def test_an_asker_that_goes_away_does_not_harm_the_others(drydock, renderer):
    node = await drydock.deployed("a01-control")
    first = asyncio.create_task(renderer.archive(node.context, "unit"))
    second = asyncio.create_task(renderer.archive(node.context, "unit"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second


async def test_an_action_without_a_record_is_left_out(drydock, renderer):
    node = await drydock.deployed("a01-control")
    lonely = BootContext(
        "a01-control",
        "another-context",
        node.context.task_id,
        node.context.design_ref,
        node.context.design,
        node.context.created,
    )
    await drydock.app.services.store.write(Put(lonely))
    archive = await renderer.archive(lonely, "unit")
    with tarfile.open(fileobj=io.BytesIO(archive.data), mode="r:gz") as members:
        assert members.getnames() == []


async def test_a_pinned_design_that_is_lost_is_a_failure_not_an_empty_archive(drydock, renderer):
    node = await drydock.deployed("a01-control")
    lost = BootContext(
        "a01-control", node.context.context_id, "t", "ref", "0" * 64, node.context.created
    )
    with pytest.raises(RenderError, match="is not in the store"):
        await renderer.archive(lost, "unit")
    # A failed look is not remembered.
    assert "0" * 64 not in renderer._sites


async def test_boot_data_come_from_the_pinned_design_while_its_source_is_gone(drydock, tmp_path):
    source = tmp_path / "site.yaml"
    source.write_bytes(SITE.read_bytes())
    answer = await drydock.http.post(
        f"{V1}/nodefilter",
        headers=drydock.admin | JSON,
        json={"design_ref": source.as_uri()},
    )
    assert answer.status_code == 200
    node = await drydock.deployed("a01-control")
    source.unlink()
    assert await drydock.app.services.bootdata.archive(node.context, "file")
