from drydockd.tasks.views.failures import failed_nodes
from tests.tasks.helpers import Lab, fault, site_text


async def test_nodes_that_failed_alike_are_one_line_and_others_another():
    faults = [fault("deploy_fails", "n1", "n2"), fault("commission_fails", "n3")]
    async with Lab(site_text(4), faults=faults) as lab:
        prepared = await lab.run("prepare_nodes")
        await lab.run("deploy_nodes", "n1", "n2", "n4")
        first, second = await failed_nodes(lab.store)

        assert (first.step, first.nodes) == ("deploy_node", ["n1", "n2"])
        assert (second.task_id, second.nodes) == (prepared.task_id, ["n3"])
        assert "n3" in second.cause
