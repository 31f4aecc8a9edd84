from drydockd.api.node import Node, NodeView
from tests.api.examples import NODE, NODE_VIEW


def test_a_node_may_have_no_address_of_its_bmc():
    assert Node.model_validate(NODE | {"power_address": None}).power_address is None


def test_a_view_is_read_with_types():
    view = NodeView.model_validate(NODE_VIEW)
    assert view.provisioner == NODE
    assert view.boot_actions[0].action_name == "ceph-prep"
    assert view == NODE_VIEW
