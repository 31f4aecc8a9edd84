import pytest

from drydockd.design.plans import platform_plan
from drydockd.errors import InvalidDesign
from drydockd.plans import PlatformPlan
from tests.design.rules.helpers import a_node, a_site


def test_the_platform_of_a_node_is_one_line_of_arguments_under_its_tag():
    params = {"quiet": True, "hugepages": "40", "hugepagesz": "1G", "debug": False}
    node = a_node("n1", kernel_params=params, tags=("gpu", "prod"))

    assert platform_plan(a_site(node), node) == PlatformPlan(
        image="jammy",
        kernel="ga-22.04",
        kernel_params="hugepagesz=1G hugepages=40 quiet",
        tag="n1_kp",
        static_tags=("gpu", "prod"),
    )


def test_parameters_that_cannot_be_rendered_name_the_node():
    node = a_node("n1", kernel_params={"hugepagesz": "1G"})

    with pytest.raises(InvalidDesign, match=r"node n1: platform.kernel_params: .*hugepages"):
        platform_plan(a_site(node), node)
