import pytest

from drydockd.design.rules import invalid_package_list as rule
from drydockd.site import Asset, BootActionSpec
from tests.design.rules.helpers import a_site, document, the_only, verdicts


def with_assets(*assets):
    return a_site(BootActionSpec("pkgs", assets=assets, target_nodes=("n1",)))


def packages(**versions):
    return with_assets(Asset("pkg_list", package_list=versions))


@pytest.mark.parametrize(
    "version",
    [None, "", "1.2", "9:9", "1.2-3", "1:2.3-4ubuntu1", "2.0~rc1+dfsg-1~bpo10+1", "1-2-3", "5"],
)
def test_versions_that_packages_have_pass(version):  # V-19: a revision was needed
    assert not verdicts(rule, packages(curl=version))


@pytest.mark.parametrize("version", ["1.2-", ":1", "a:1", "1 2", "1_2", "1:", "=1.2", "1.2\n", "é"])
def test_a_bad_version_is_named_with_its_package(version):  # V-19: the package was not
    found = the_only(verdicts(rule, packages(curl="7.0", vim=version)))

    assert found.level == "Error"
    assert repr(version) in found.text
    assert "package vim" in found.text
    assert found.documents == (document("BootAction", "pkgs"),)


@pytest.mark.parametrize("package_list", [None, {}])
def test_a_list_without_packages_needs_a_location(package_list):
    asset = Asset("pkg_list", package_list=package_list)

    found = the_only(verdicts(rule, with_assets(asset)))

    assert found.documents == (document("BootAction", "pkgs"),)
    located = Asset("pkg_list", package_list=package_list, location="http://h/packages")
    assert not verdicts(rule, with_assets(located))


def test_every_bad_version_of_every_list_is_reported():
    bad = Asset("pkg_list", package_list={"a": "-", "b": "1 ", "c": "1"})

    assert len(verdicts(rule, with_assets(bad, bad))) == 4


def test_other_assets_are_not_judged():
    assert not verdicts(rule, with_assets(Asset("file", path="/x", data="y")))
