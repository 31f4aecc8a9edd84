import pytest
import yaml

from drydockd.errors import RenderError, SourceUnavailable
from drydockd.render import ActionGrant
from drydockd.tasks.actions.packages import PackageLists
from tests.tasks.helpers import Lab, document, site_text
from tests.tasks.steps.test_job import a_job

GRANTS = {name: ActionGrant(name.upper(), "k") for name in ("hello", "quiet", "located")}


async def listed(text):
    lab = Lab(text)
    job = await a_job(lab)
    return await PackageLists(lab.designs, None, "http://d/").of(job, job.node("n1"), GRANTS)


async def test_the_lists_of_a_nodes_boot_actions_are_one():
    assert await listed(site_text()) == {"chrony": None}


async def test_a_list_whose_address_does_not_answer_is_an_error_and_not_an_empty_list():
    asset = {"type": "pkg_list", "location": "http://nobody/packages"}
    more = yaml.safe_dump(document("BootAction", "located", assets=[asset]))
    with pytest.raises((RenderError, SourceUnavailable), match="nobody"):
        await listed(f"{site_text()}---\n{more}")
