from dataclasses import replace

import pytest

from drydockd.errors import NotFound
from drydockd.model import Action, Task, TaskStatus, timestamp
from drydockd.store import Put
from tests.handlers.helpers import REF, SITE
from tests.handlers.test_nodes import ONE


@pytest.fixture
async def used(drydock):
    await drydock.task(action="prepare_nodes", node_filter=ONE)
    return drydock


async def test_a_design_that_a_task_was_created_from_is_in_use(used):
    [site] = await used.app.dashboard.in_use.sites()
    assert (site.ref, site.name) == (REF, "harbour")
    assert site.racks["a01-control"] == "rack-a"


async def test_a_node_is_of_the_design_that_was_used_last(used):
    services = used.app.services
    text = SITE.read_text().replace("rack-a", "rack-z")
    digest = await services.store.put_blob(text.encode())
    later = Task(
        "f" * 8, Action.NOOP, "file:///other.yaml", TaskStatus.COMPLETE, design=digest,
        created=timestamp(),
    )  # fmt: skip
    await services.store.write(Put(later))
    in_use = used.app.dashboard.in_use
    assert [site.ref for site in await in_use.sites()] == ["file:///other.yaml", REF]
    ref, design = await in_use.of_node("a01-control")
    assert ref == "file:///other.yaml"
    assert design.site.nodes["a01-control"].rack == "rack-z"


async def test_a_design_whose_bytes_are_gone_is_left_out(used):
    services = used.app.services
    [task] = services.store.tasks(limit=1)
    gone = replace(task, task_id="e" * 8, design="0" * 64, design_ref="file:///gone.yaml")
    await services.store.write(Put(gone))
    assert [site.ref for site in await used.app.dashboard.in_use.sites()] == [REF]


async def test_what_no_task_used_is_not_found(used):
    in_use = used.app.dashboard.in_use
    assert await in_use.of_node("nobody") is None
    with pytest.raises(NotFound):
        await in_use.of_ref("http://169.254.169.254/latest")
