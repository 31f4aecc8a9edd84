import pytest

from drydockd.design.rules import overwritten_path as rule
from drydockd.site import Asset, BootActionSpec
from tests.design.rules.helpers import a_node, a_site, document, levels, the_only, verdicts


def an_action(name, *paths, signaling=True, targets=("n1",)):
    assets = tuple(Asset("file", path, data="x") for path in paths)
    return BootActionSpec(name, signaling, assets, target_nodes=targets)


def judged(*actions, nodes=("n1",)):
    return verdicts(rule, a_site(*actions, *(a_node(name) for name in nodes)))


def test_paths_of_their_own_pass():
    assert not judged(an_action("a", "/a", "/b"), an_action("b", "/c"))


def test_boot_actions_that_no_node_has_both_of_may_share_a_path():
    actions = (an_action("a", "/a"), an_action("b", "/a", targets=("n2",)))

    assert not judged(*actions, nodes=("n1", "n2"))


@pytest.mark.parametrize("path", ["/a", "//a/", "/x/../a"])
@pytest.mark.parametrize(("signaling", "level"), [(True, "Error"), (False, "Warning")])
def test_an_overwritten_asset_is_an_error_if_its_boot_action_signals(path, signaling, level):
    found = the_only(judged(an_action("a", "/a", signaling=signaling), an_action("b", path)))

    assert found.level == level
    assert "boot action b overwrites that of boot action a" in found.text
    assert document("BootAction", "a") in found.documents


def test_a_path_twice_in_one_boot_action_is_a_warning():
    assert levels(judged(an_action("a", "/a", "/a"))) == ["Warning"]


def test_every_node_is_named():
    actions = [an_action(name, "/a", targets=("n1", "n2")) for name in "ab"]

    assert len(judged(*actions, nodes=("n1", "n2"))) == 2
