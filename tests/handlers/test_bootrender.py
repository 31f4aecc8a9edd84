import asyncio
import io
import tarfile
from dataclasses import replace

import pytest

from drydockd.auth.bootkey import digest_of
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


async def carried(drydock, ref):
    """Make of a deployment one that another program began: a key of its own, nothing pinned."""
    node = await drydock.deployed("a01-control")
    context = replace(node.context, key_digest=digest_of(b"k" * 32), design="", design_ref=ref)
    await drydock.app.services.store.write(Put(context))
    return context


async def test_what_another_program_deployed_is_rendered_from_its_reference_with_its_old_key(
    drydock,
):
    context = await carried(drydock, SITE.as_uri())
    key = (b"k" * 32).hex()
    text = b""
    for kind in ("units", "files"):
        path = f"{V1}/bootactions/nodes/a01-control/{kind}"
        answer = await drydock.http.get(path, headers={"X-Bootaction-Key": key.upper()})
        assert answer.status_code == 200, answer.text
        with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as members:
            text += b"".join(members.extractfile(m).read() for m in members)
    # What it will report with is what it has.
    assert key.encode() in text
    rows = drydock.app.services.store.boot_actions("a01-control", context_id=context.context_id)
    assert any(row.action_id.encode() in text for row in rows)
    assert drydock.app.services.tasks.deployments.node_key(context).encode() not in text


@pytest.mark.parametrize(
    ("ref", "text"),
    [("", "nobody knows the design"), ("file:///nowhere/site.yaml", "is not valid any more")],
)
async def test_without_its_reference_it_is_told_why_nothing_can_be_rendered(
    drydock, renderer, ref, text
):
    context = await carried(drydock, ref)
    with pytest.raises(RenderError, match=text):
        await renderer.archive(context, "unit", (b"k" * 32).hex())
