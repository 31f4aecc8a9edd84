"""The room file: every mistake at once, the example in conf equal to the defaults."""

from pathlib import Path

import pytest

from drydockd.errors import InvalidInput
from drydockd.machines import NodeState
from drydockd.room.config import (
    Defaults,
    FaultConfig,
    FaultKind,
    Latencies,
    MachineConfig,
    Reports,
    RoomConfig,
    load_config,
    parse_config,
)

PARTS = (RoomConfig, Latencies, Defaults, Reports, MachineConfig, FaultConfig)
EXAMPLE = Path(__file__).parents[2] / "conf" / "room.yaml"


def test_the_example_is_the_default():
    assert load_config(EXAMPLE) == RoomConfig()


def test_the_example_shows_every_option_and_every_fault():
    text = EXAMPLE.read_text(encoding="utf-8")
    options = [name for part in PARTS for name in part.model_fields]
    assert [name for name in options if f"{name}:" not in text] == []
    assert [kind for kind in FaultKind if kind.value not in text] == []


@pytest.mark.parametrize("raw", [None, {}])
def test_nothing_configured_is_a_room_that_grows(raw):
    assert parse_config(raw).machines is None


def test_a_number_is_a_range_without_width():
    assert parse_config({"latencies": {"deploy": 3}}).latencies.deploy == (3, 3)


def test_machines_may_be_described():
    raw = {"machines": [{"name": "n1", "state": "ready", "nics": [{"name": "eno1"}]}]}
    [machine] = parse_config(raw).machines
    assert (machine.state, machine.nics[0].name) == (NodeState.READY, "eno1")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "a mapping is needed, not list"),
        ({"machnes": 3}, "room: machnes: is not an option of the room"),
        ({"machines": -1}, "room: machines: "),
        ({"machines": [{}]}, "a machine needs a name, a bmc address or a boot_mac"),
        ({"machines": [{"name": "a", "boot_mac": "zz"}]}, "machines.0.boot_mac: "),
        ({"latencies": {"deploy": [2, 1]}}, "deploy: 2.0 is more than 1.0"),
        ({"latencies": {"deploy": -1}}, "latencies.deploy.0: "),
        ({"latencies": {"deploy": float("nan")}}, "latencies.deploy"),
        (
            {"faults": [{"fault": "slow", "calls": ["power_on"]}]},
            "faults.0: calls are for bmc_silent, bmc_denied, bmc_answer_lost, not for slow",
        ),
        ({"faults": [{"fault": "flood"}]}, "faults.0.fault: "),
        ({"faults": [{"fault": "slow", "share": 2}]}, "faults.0.share"),
    ],
)
def test_a_mistake_is_named_with_its_place(raw, said):
    with pytest.raises(InvalidInput) as caught:
        parse_config(raw)
    assert said in str(caught.value)


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(InvalidInput) as caught:
        parse_config({"sed": 1, "scale": 0, "reports": {"details": -1}})
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b"- 1"])
def test_a_file_that_is_no_room_file_is_named(tmp_path, content):
    path = tmp_path / "room.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"room\.yaml"):
        load_config(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_the_mac_of_a_machine_is_read_in_any_notation():
    raw = {
        "machines": [
            {"boot_mac": "52-54-00-AA-BB-01", "nics": [{"name": "a", "mac": "525400aabb02"}]}
        ]
    }
    [machine] = parse_config(raw).machines
    assert (machine.boot_mac, machine.nics[0].mac) == ("52:54:00:aa:bb:01", "52:54:00:aa:bb:02")
