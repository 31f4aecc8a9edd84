"""prepare_site: networks, keys and repositories of the node provisioner, one after another."""

from __future__ import annotations

from collections.abc import Sequence

from drydockd.drivers.base import NodeProvisioner, SiteNote
from drydockd.model import Action, Result
from drydockd.site import Region, Site
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.steps.sitestep import Call
from drydockd.tasks.words.drivers import Drivers

STEPS = (
    Action.CREATE_NETWORK_TEMPLATE,
    Action.CONFIGURE_USER_CREDENTIALS,
    Action.CONFIGURE_NODE_PROVISIONER,
)


async def run(job: Job, *, steps: StepRunner, drivers: Drivers) -> Result:
    """Return the steps' common result; each runs even if one before it failed."""
    return await steps.site_steps(job, _calls(drivers.needed_node(), job.site))


def _calls(driver: NodeProvisioner, site: Site) -> dict[Action, Call]:
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
