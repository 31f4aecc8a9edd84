import pytest

from drydockd.design.rules import platform_not_offered as rule
from drydockd.site import Catalogue
from tests.design.rules.helpers import a_node, a_site, levels, node_document, the_only, verdicts

OFFERED = Catalogue({"focal": ("ga-20.04",), "jammy": ("ga-22.04", "hwe-22.04")})


def test_offered_images_and_kernels_pass():
    site = a_site(a_node("n1"), a_node("n2", kernel="hwe-22.04"))

    assert not verdicts(rule, site, catalogue=OFFERED)


def test_without_a_node_driver_nothing_is_judged_but_said():
    found = verdicts(rule, a_site(a_node(image=None)), catalogue=None)

    assert levels(found) == ["Warning"]
    assert found[0].documents == ()


def test_a_driver_that_cannot_answer_is_a_warning_with_its_reason():
    silent = Catalogue({}, failure="maas: no answer from 10.1.2.3")

    found = the_only(verdicts(rule, a_site(a_node(image="plan9")), catalogue=silent))

    assert found.level == "Warning"
    assert "10.1.2.3" in found.hint


@pytest.mark.parametrize("image", [None, "plan9"])
def test_an_image_that_is_not_offered_is_named_with_those_that_are(image):
    site = a_site(a_node("n1"), a_node("n2", image=image, kernel="nonsense"))

    found = the_only(verdicts(rule, site, catalogue=OFFERED))

    assert found.level == "Error"
    assert f"image {image}" in found.text
    assert "focal, jammy" in found.hint
    assert found.documents == (node_document("n2"),)


@pytest.mark.parametrize("kernel", [None, "ga-20.04"])
def test_a_kernel_that_is_not_offered_for_the_image_is_named(kernel):
    found = the_only(verdicts(rule, a_site(a_node("n1", kernel=kernel)), catalogue=OFFERED))

    assert f"kernel {kernel}" in found.text
    assert "ga-22.04, hwe-22.04" in found.hint
    assert found.documents == (node_document("n1"),)


def test_every_node_of_a_bad_platform_is_reported():
    site = a_site(a_node("n1", image="x"), a_node("n2", image="x"))

    assert len(verdicts(rule, site, catalogue=OFFERED)) == 2


def test_an_empty_catalogue_offers_nothing():
    assert "none is offered" in the_only(verdicts(rule, a_site(), catalogue=Catalogue({}))).hint


@pytest.mark.parametrize(("kernel", "is_offered"), [("ga-22.04", True), ("hwe-22.04", False)])
def test_a_star_at_the_end_offers_every_kernel_that_begins_so(kernel, is_offered):
    catalogue = Catalogue({"jammy": ("6.1.0-50-amd64", "ga-*")})

    found = verdicts(rule, a_site(a_node("n1", image="jammy", kernel=kernel)), catalogue=catalogue)

    assert (not found) is is_offered
