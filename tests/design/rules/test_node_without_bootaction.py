from drydockd.design.rules import node_without_bootaction as rule
from drydockd.site import BootActionSpec
from tests.design.rules.helpers import (
    a_bare_site,
    a_node,
    a_site,
    node_document,
    the_only,
    verdicts,
)


def test_a_node_any_boot_action_targets_passes():
    site = a_site(
        a_node("n1"),
        a_node("n2"),
        BootActionSpec("a", target_nodes=("n1",)),
        BootActionSpec("b", target_nodes=("n2", "n1")),
    )

    assert not verdicts(rule, site)


def test_a_node_no_boot_action_targets_is_a_warning():
    site = a_site(a_node("n1"), a_node("n2"), BootActionSpec("a", target_nodes=("n1",)))

    found = the_only(verdicts(rule, site))

    assert found.level == "Warning"
    assert found.documents == (node_document("n2"),)


def test_without_boot_actions_every_node_is_reported():
    assert len(verdicts(rule, a_bare_site(a_node("n1"), a_node("n2")))) == 2
