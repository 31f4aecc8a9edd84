"""Finding drivers by the names a configuration uses."""

import sys
import types

import pytest

from drydockd import drivers
from drydockd.drivers import DriverConfigError, load
from drydockd.drivers.oob.manual import ManualOob


def test_a_short_name_is_the_name_of_a_module():
    assert isinstance(load("oob", "manual", {"wait": 1}), ManualOob)
    assert drivers.known("oob") == ["fake", "manual"]


def test_the_path_of_the_original_means_the_same_driver():
    old = "drydock_provisioner.drivers.oob.manual_driver.driver.ManualDriver"
    assert isinstance(load("oob", old, {}), ManualOob)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("oob", "redfish"),
        ("oob", "drydock_provisioner.drivers.oob.pyghmi_driver.PyghmiDriver"),
        ("node", "drydock_provisioner.drivers.node.maasdriver.driver.MaasNodeDriver"),
        ("kubernetes", "promenade"),
    ],
)
def test_a_driver_of_another_version_is_named_with_those_there_are(kind, name):
    with pytest.raises(DriverConfigError, match="is not part of this version; there are: fake"):
        load(kind, name, {})


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(DriverConfigError, match=r"no oob driver manul \(did you mean manual\?\)"):
        load("oob", "manul", {})


def test_a_strangers_driver_is_loaded_by_its_path():
    path = "drydockd.drivers.oob.manual:ManualOob"
    assert isinstance(load("oob", path, {"wait": 2}), ManualOob)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no.such.module:Driver", "No module named 'no'"),
        ("drydockd.drivers.oob.manual:Nobody", "has no class Nobody"),
        ("collections:Counter", "the class lacks check, set_network_boot"),
    ],
)
def test_a_path_that_leads_to_no_driver_stops_the_start(path, said):
    with pytest.raises(DriverConfigError, match=said):
        load("oob", path, {})


def test_a_missing_library_names_the_extra_that_brings_it(tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text("import sushy_is_absent\nimport sushy\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "sushy_is_absent", types.ModuleType("sushy_is_absent"))
    # None in sys.modules makes the import fail whether or not the library is installed.
    monkeypatch.setitem(sys.modules, "sushy", None)
    with pytest.raises(DriverConfigError, match=r"needs sushy: pip install 'drydockd\[redfish\]'"):
        load("oob", "needy:Driver", {})


def test_every_wrong_option_is_named():
    with pytest.raises(DriverConfigError) as caught:
        load("oob", "fake", {"uri": "x", "power_seconds": "soon"})
    text = str(caught.value)
    assert "no option uri, did you mean url?" in text
    assert "option power_seconds: " in text


def test_a_missing_option_is_named(tmp_path, monkeypatch):
    (tmp_path / "strict.py").write_text("class Driver:\n    def __init__(self, *, site): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DriverConfigError, match="option site is missing"):
        load("node", "strict:Driver", {})


def test_a_wrong_room_is_reported_with_its_place():
    with pytest.raises(DriverConfigError, match=r"node driver fake: room: latencies\.deploy"):
        load("node", "fake", {"config": {"latencies": {"deploy": -1}}})


def test_numbers_may_come_as_text_from_the_environment():
    assert load("oob", "manual", {"wait": "7"}).worst_case_seconds == 21


def test_paths_may_come_as_paths(tmp_path):
    (tmp_path / "room.yaml").write_text("machines: 1\n")
    load("node", "fake", {"config": tmp_path / "room.yaml", "folder": tmp_path})
