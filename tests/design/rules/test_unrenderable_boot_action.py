from drydockd.design.rules import unrenderable_boot_action as rule
from drydockd.site import Unrenderable
from tests.design.rules.helpers import a_node, a_site, document, node_document, the_only, verdicts


def test_boot_actions_that_render_pass():
    assert not verdicts(rule, a_site())


def test_one_that_does_not_is_an_error_with_node_boot_action_and_cause():
    failed = Unrenderable("n1", "all", "n1: boot action all, file /a: UndefinedError (line 3)")

    found = the_only(verdicts(rule, a_site(a_node("n1")), unrenderable=(failed,)))

    assert (found.level, "UndefinedError (line 3)" in found.text) == ("Error", True)
    assert found.documents == (node_document("n1"), document("BootAction", "all"))
