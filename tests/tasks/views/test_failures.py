from drydockd.tasks.views.failures import failed_nodes, of_any_node
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


def test_what_belongs_to_one_node_does_not_make_another_cause():
    one = of_any_node("n1: no answer from 10.2.0.11 at 2026-01-31T10:20:30.123456+00:00", "n1")
    two = of_any_node("n12: no answer from 10.2.0.12 at 2026-01-31T10:20:31.123456+00:00", "n12")
    assert one == two == "*: no answer from * at *"
    assert of_any_node("n12 is not n1", "n1") == "n12 is not *"
