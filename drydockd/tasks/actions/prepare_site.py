"""prepare_site: networks, keys and repositories of the node provisioner, one after another."""

from __future__ import annotations

from collections.abc import Sequence

from drydockd.drivers.base import SiteNote
from drydockd.model import Action, Result
from drydockd.site import Region
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.sitestep import Call, site_step
from drydockd.tasks.words import results

STEPS = (
    Action.CREATE_NETWORK_TEMPLATE,
    Action.CONFIGURE_USER_CREDENTIALS,
    Action.CONFIGURE_NODE_PROVISIONER,
)


async def run(job: Job) -> Result:
    """Return the steps' common result; each runs even if one before it failed."""
    for action, call in _calls(job).items():
        await site_step(job, action, call)
    store = job.core.store
    return results.align(store.task(job.task_id), Result(), store.subtasks(job.task_id))


def _calls(job: Job) -> dict[Action, Call]:
    driver, site = job.node_driver(), job.site
    region = site.region or Region(name="")

    async def networks() -> Sequence[SiteNote]:
        return await driver.apply_site_network(site.network_links, site.networks)

    async def keys() -> Sequence[SiteNote]:
        return await driver.apply_keys(region.authorized_keys)

    async def repositories() -> Sequence[SiteNote]:
        return await driver.apply_repositories(
            region.repositories, remove_unlisted=region.remove_unlisted
        )

    return dict(zip(STEPS, (networks, keys, repositories), strict=True))
