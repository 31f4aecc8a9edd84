import pytest

from drydockd.design.rules import incomplete_hugepages as rule
from tests.design.rules.helpers import a_node, a_site, node_document, the_only, verdicts


@pytest.mark.parametrize(
    "params",
    [{}, {"hugepages": "40", "hugepagesz": "1G"}, {"default_hugepagesz": "1G"}],
)
def test_both_or_neither_pass(params):
    assert not verdicts(rule, a_site(a_node(kernel_params=params)))


@pytest.mark.parametrize(
    ("present", "missing"), [("hugepages", "hugepagesz"), ("hugepagesz", "hugepages")]
)
def test_one_without_the_other_is_an_error(present, missing):
    params = {present: "1", "default_hugepagesz": "1G"}

    found = the_only(verdicts(rule, a_site(a_node("n1"), a_node("n2", kernel_params=params))))

    assert found.level == "Error"
    assert f"{present} but no {missing}" in found.text
    assert found.documents == (node_document("n2"),)
