"""Finding drivers by the names a configuration uses."""

import pytest

from drydockd import drivers
from drydockd.drivers import load
from drydockd.drivers.kubernetes.promenade import PromenadeKubernetes
from drydockd.drivers.oob.manual import ManualOob
from drydockd.errors import InvalidConfig


def test_a_short_name_is_the_name_of_a_module():
    assert isinstance(load("oob", "manual", {"wait": 1}), ManualOob)
    assert {"fake", "manual"} <= set(drivers.known("oob"))


def test_the_path_of_the_original_means_the_same_driver():
    old = "drydock_provisioner.drivers.oob.manual_driver.driver.ManualDriver"
    assert isinstance(load("oob", old, {}), ManualOob)
    old = "drydock_provisioner.drivers.kubernetes.promenade_driver.driver.PromenadeDriver"
    assert isinstance(load("kubernetes", old, {}), PromenadeKubernetes)


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(InvalidConfig, match=r"no oob driver manul \(did you mean manual\?\)"):
        load("oob", "manul", {})


def test_a_strangers_driver_is_loaded_by_its_path():
    path = "drydockd.drivers.oob.manual:DRIVER"
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
    with pytest.raises(InvalidConfig, match=said):
        load("oob", path, {})


def test_a_strangers_class_that_imports_what_is_not_there_is_named(tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidConfig, match="needy:Driver: No module named 'no_such_library'"):
        load("oob", "needy:Driver", {})


def test_every_wrong_option_is_named_with_its_section():
    with pytest.raises(InvalidConfig) as caught:
        load("oob", "fake", {"uri": "x", "power_seconds": "soon"})
    text = str(caught.value)
    assert text.startswith("oob driver fake: ")
    assert "fake_driver.uri: no such option" in text
    assert "fake_driver.power_seconds: " in text


def test_every_shipped_driver_can_be_described_without_what_it_needs():
    # Nothing of an extra is installed here, and still each module is read.
    assert [(driver.kind, driver.name) for driver in drivers.shipped()] == [
        (kind, name) for kind in drivers.KINDS for name in drivers.known(kind)
    ]
    for driver in drivers.shipped():
        assert driver.offer.about
        assert driver.offer.section.endswith("driver")


def test_drivers_that_share_a_section_share_its_options():
    fake = drivers.sections()["fake_driver"]
    assert [line.partition(":")[0] for line in fake.about] == [
        "oob driver fake",
        "node driver fake",
        "kubernetes driver fake",
    ]


def test_a_class_that_lacks_an_attribute_of_its_interface_is_refused(tmp_path, monkeypatch):
    (tmp_path / "timeless.py").write_text(
        "from drydockd.drivers.oob.fake import FakeOob\n"
        "class Driver(FakeOob):\n"
        "    def __init__(self): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidConfig, match="lacks oob_types, ask_seconds, worst_case_seconds"):
        load("oob", "timeless:Driver", {})


def test_a_wrong_room_is_reported_with_its_place():
    with pytest.raises(InvalidConfig, match=r"node driver fake: room: latencies\.deploy"):
        load("node", "fake", {"config": {"latencies": {"deploy": -1}}})


def test_numbers_may_come_as_text_from_the_environment():
    assert load("oob", "manual", {"wait": "7"}).worst_case_seconds == 21


def test_paths_may_come_as_paths(tmp_path):
    (tmp_path / "room.yaml").write_text("machines: 1\n")
    load("node", "fake", {"config": tmp_path / "room.yaml", "folder": tmp_path})
