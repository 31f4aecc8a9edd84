"""Nodes by the type of their BMCs."""

from drydockd.tasks.actions.oobtypes import plans_by_type
from tests.tasks.helpers import Lab, site_text


async def test_nodes_of_a_type_share_a_plan_and_those_without_driver_are_told():
    lab = Lab(site_text(3, n2={"oob": {"type": "redfish"}}))
    lab.drivers.oob[0].oob_types = ("ipmi",)
    task = await lab.submit("verify_nodes")
    job = await lab.job(lab.store.task(task.task_id))
    job.scope = ("n1", "n2", "n3")

    groups = await plans_by_type(job, lab.drivers, lambda driver: driver)

    assert groups == {"ipmi": (lab.drivers.oob[0], ["n1", "n3"])}
    assert lab.texts(task.task_id, error=True) == ["Node n2 OOB type redfish is not supported."]
