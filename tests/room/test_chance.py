"""Latencies and faults repeat themselves."""

from drydockd.room.card import NodeCard
from drydockd.room.chance import Chance
from drydockd.room.config import BmcCall, FaultKind, MachineConfig, parse_config
from drydockd.room.machine import Machine


def machines(room, count=200):
    found = []
    for i in range(count):
        machine = Machine(f"m{i}", MachineConfig.model_construct(), room, boot_mac="")
        machine.card = NodeCard(f"n{i}")
        found.append(machine)
    return found


def chance(**config):
    return Chance(parse_config(config))


def test_a_latency_is_within_its_range_and_scaled(room):
    [machine] = machines(room, 1)
    sure = chance(latencies={"deploy": [2, 3]}, scale=10)
    assert all(20 <= sure.seconds(machine, "deploy") <= 30 for _ in range(50))


def test_the_same_seed_draws_the_same_latencies(room):
    [machine] = machines(room, 1)
    one, two = (
        [c.seconds(machine, "deploy") for _ in range(5)] for c in (chance(seed=7), chance(seed=7))
    )
    assert one == two
    assert one != [chance(seed=8).seconds(machine, "deploy") for _ in range(5)]


def test_a_share_picks_the_same_machines_every_time(room):
    config = {"faults": [{"fault": "deploy_fails", "share": 0.25}]}
    picks = [
        [m.name for m in machines(room) if chance(**config).strikes(m, FaultKind.DEPLOY_FAILS)]
        for _ in range(2)
    ]
    assert picks[0] == picks[1]
    assert 30 <= len(picks[0]) <= 70


def test_a_fault_with_times_comes_to_an_end_for_each_machine(room):
    sure = chance(faults=[{"fault": "deploy_fails", "times": 2}])
    for machine in machines(room, 2):
        struck = [sure.strikes(machine, FaultKind.DEPLOY_FAILS) for _ in range(4)]
        assert struck == [True, True, False, False]


def test_patterns_choose_by_node_name_or_machine_id(room):
    sure = chance(faults=[{"fault": "bmc_silent", "machines": ["n1?", "m3"]}])
    struck = [m.name for m in machines(room, 20) if sure.strikes(m, FaultKind.BMC_SILENT)]
    assert struck == ["n3", *(f"n1{i}" for i in range(10))]


def test_one_fault_does_not_strike_as_another(room):
    [machine] = machines(room, 1)
    assert not chance(faults=[{"fault": "slow"}]).strikes(machine, FaultKind.DEPLOY_FAILS)


def test_a_fault_of_some_calls_strikes_no_other_ones(room):
    [machine] = machines(room, 1)
    sure = chance(faults=[{"fault": "bmc_silent", "calls": ["power_on"], "times": 1}])
    calls = (BmcCall.OFF, None, BmcCall.ON, BmcCall.ON)
    struck = [sure.strikes(machine, FaultKind.BMC_SILENT, call) for call in calls]
    assert struck == [False, False, True, False]
