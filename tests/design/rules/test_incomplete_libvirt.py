import pytest

from drydockd.design.rules import incomplete_libvirt as rule
from tests.design.rules.helpers import a_node, a_site, levels, node_document, the_only, verdicts


def a_virtual_node(uri="qemu+ssh://root@host/system", mac="52:54:00:00:00:01", oob="libvirt"):
    parameters = {"libvirt_uri": uri} if uri is not None else {}
    return a_site(a_node("n1", oob_type=oob, oob_parameters=parameters, boot_mac=mac))


def test_a_complete_virtual_node_passes():
    assert not verdicts(rule, a_virtual_node())


@pytest.mark.parametrize("uri", [None, ""])
def test_the_uri_is_needed(uri):
    found = the_only(verdicts(rule, a_virtual_node(uri)))

    assert found.level == "Error"
    assert "libvirt_uri" in found.text
    assert found.documents == (node_document("n1"),)


@pytest.mark.parametrize(
    "uri", ["qemu+sshfoo://h/system", "qemu+tcp://h/system", "qemu:///system", "host", "/x"]
)
def test_another_scheme_fails_and_the_hint_names_the_right_one(uri):  # V-18: a prefix was enough
    found = the_only(verdicts(rule, a_virtual_node(uri)))

    assert found.level == "Error"
    assert "qemu+ssh" in found.hint


def test_a_password_in_the_uri_is_not_repeated():
    found = the_only(verdicts(rule, a_virtual_node("qemu+tcp://root:s3cret@h/system")))

    assert "s3cret" not in found.text + found.hint


@pytest.mark.parametrize("mac", [None, ""])
def test_the_boot_mac_is_needed(mac):
    found = the_only(verdicts(rule, a_virtual_node(mac=mac)))

    assert "boot_mac" in found.text
    assert found.documents == (node_document("n1"),)


def test_everything_missing_is_two_errors():
    assert levels(verdicts(rule, a_virtual_node(None, None))) == ["Error", "Error"]


def test_other_nodes_are_not_judged():
    assert not verdicts(rule, a_virtual_node(None, None, oob="manual"))
