"""Kernel parameters are resolved against the hardware profile and rendered to one line."""

import pytest

from drydockd.design.kernel_params import render, resolve
from drydockd.errors import InvalidDesign
from drydockd.site import HardwareProfile, HugepagesConf

PROFILE = HardwareProfile(
    "r640",
    cpu_sets={"iso": "2-7", "a.b": "1"},
    hugepages_confs=(HugepagesConf("big", "1G", 40), HugepagesConf("x.y", "2M", 8)),
)


def test_the_contract_s_example_comes_out():
    params, problems = resolve(
        {
            "quiet": True,
            "isolcpus": "hardwareprofile:cpuset.iso",
            "hugepages": "hardwareprofile:hugepages.big.count",
            "hugepagesz": "hardwareprofile:hugepages.big.size",
            "debug": False,
        },
        PROFILE,
    )
    assert problems == []
    assert render(params) == "hugepagesz=1G hugepages=40 quiet isolcpus=2-7"


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("hardwareprofile:cpuset.a.b", "1"),
        ("hardwareprofile.cpuset.iso", "2-7"),
        ("hardwareprofile:hugepages.x.y.count", "8"),
        ("x hardwareprofile:cpuset.iso", "x hardwareprofile:cpuset.iso"),
        (True, True),
        (False, False),
    ],
)
def test_a_reference_is_the_whole_value(value, result):
    assert resolve({"k": value}, PROFILE) == ({"k": result}, [])


@pytest.mark.parametrize(
    "value",
    [
        "hardwareprofile:",
        "hardwareprofile:cpuset",
        "hardwareprofile:cpuset.",
        "hardwareprofile:cpuset.none",
        "hardwareprofile:hugepages.big",
        "hardwareprofile:hugepages.big.colour",
        "hardwareprofile:hugepages.none.size",
        "hardwareprofile:cpusets.iso",
    ],
)
def test_a_reference_to_nothing_is_a_problem_naming_the_parameter(value):
    resolved, problems = resolve({"isolcpus": value, "quiet": True}, PROFILE)
    assert resolved == {"quiet": True}
    assert len(problems) == 1
    assert problems[0].startswith(f"kernel parameter isolcpus: {value}")


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({}, ""),
        ({"a": "True", "b": "False", "c": False, "d": "1"}, "a b=False d=1"),
        ({"hugepages": "4"}, "hugepages=4"),
        ({"a": "1", "hugepages": "4", "hugepagesz": "1G"}, "hugepagesz=1G hugepages=4 a=1"),
    ],
)  # fmt: skip
def test_the_line_has_the_contract_s_order(params, line):
    assert render(params) == line


def test_hugepagesz_needs_hugepages():
    with pytest.raises(InvalidDesign, match="hugepages"):
        render({"hugepagesz": "1G"})
