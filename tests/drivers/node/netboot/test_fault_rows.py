"""Each fault around a machine has a test: on a machine of QEMU where that is cheap, else against
the agent's parts, or the pretend machine over the real listener. Contract, netboot, section 11."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[3]
REAL = "daemon/test_qemu_faults.py"
ONCE = f"{REAL}::test_a_killed_daemon_and_a_hanging_agent_cost_one_wipe_and_nothing_else"
REFUSED = f"{REAL}::test_what_is_not_as_the_plan_says_ends_the_deployment_and_writes_nothing"
CUT = f"{REAL}::test_a_power_cut_begins_anew_and_who_never_starts_from_disk_is_not_deployed"
HERE, AGENT = "drivers/node/netboot", "agent/install"

# Fault -> where it is shown.
FAULTS = {
    "server away in mid-image": (
        ONCE,
        f"{AGENT}/test_unpack.py::test_an_image_that_is_cut_on_its_way_lands_whole",
        f"{AGENT}/test_talk.py::test_a_download_goes_on_at_the_byte_it_had_reached",
        f"{AGENT}/test_work.py::test_a_server_that_restarts_between_any_two_requests",
    ),
    "daemon killed in every state": (
        ONCE,
        f"{HERE}/test_faults.py::"
        "test_a_daemon_killed_at_every_step_wipes_once_and_deploys_who_reported",
        f"{HERE}/test_dnsmasq.py::test_a_child_does_not_outlive_a_daemon_that_is_killed",
    ),
    "power cut in mid-unpack": (
        CUT,
        f"{HERE}/test_faults.py::"
        "test_after_a_power_cut_in_mid_unpack_the_same_work_begins_from_zero",
    ),
    "wrong checksum": (
        REFUSED,
        f"{HERE}/test_provisioner.py::test_an_image_that_is_not_sound_starts_no_machine",
        f"{AGENT}/test_unpack.py::test_other_bytes_of_the_same_length_are_refused",
    ),
    "disk too small": (
        REFUSED,
        f"{AGENT}/test_disks.py::"
        "test_what_is_not_exactly_one_good_disk_is_told_with_those_there_are",
    ),
    "disk missing": (
        REFUSED,
        f"{AGENT}/test_steps.py::test_nothing_is_written_before_all_was_found_good",
    ),
    "a second machine with the same MAC": (
        REFUSED,
        f"{HERE}/test_boots.py::test_a_twin_that_starts_while_the_agent_works_gets_its_own_disk",
        f"{HERE}/test_provisioner.py::test_a_second_machine_with_the_same_mac_ends_the_deployment",
        f"{HERE}/test_boots.py::test_3_another_agent_with_the_same_token_ends_the_deployment",
    ),
    "wrong serial": (
        REFUSED,
        f"{HERE}/test_provisioner.py::test_a_machine_of_another_serial_is_not_installed",
        f"{HERE}/test_boots.py::test_4_another_machine_than_the_known_one_is_a_conflict",
    ),
    "first boot that never comes": (
        CUT,
        f"{HERE}/test_provisioner.py::test_nobody_is_deployed_who_did_not_report_from_disk",
    ),
    "agent that hangs": (
        ONCE,
        f"{HERE}/test_power.py::test_a_silent_agent_is_told_once",
        f"{HERE}/test_faults.py::"
        "test_an_agent_that_hangs_costs_no_other_deployment_and_is_not_cut_while_it_is_heard",
    ),
    "DHCP rival": (
        REFUSED,
        f"{HERE}/test_boots.py::"
        "test_2_a_token_is_only_for_whom_a_task_expects_and_from_its_own_address",
        f"{HERE}/test_rivals.py::test_a_server_on_the_wire_is_found_and_none_where_there_is_none",
        f"{HERE}/test_hostcheck.py::test_another_server_is_a_rival_or_needed_by_the_option",
    ),
    "image gone": (
        REFUSED,
        f"{AGENT}/test_steps.py::test_nothing_is_written_for_an_image_that_is_not_there_or_another",
        f"{HERE}/test_provisioner.py::test_an_image_that_is_not_sound_starts_no_machine",
        f"{HERE}/test_faults.py::"
        "test_an_image_that_is_gone_fails_the_deployment_and_the_next_one_has_it",
    ),
    "nothing is wiped twice": (
        ONCE,
        REFUSED,
        f"{AGENT}/test_work.py::test_whatever_is_raised_is_the_end_of_the_command",
        f"{HERE}/test_provisioner.py::test_what_would_fail_again_is_not_worth_another_try",
        f"{HERE}/test_power.py::"
        "test_who_does_not_report_from_disk_is_not_installed_again_by_itself",
        "tasks/actions/test_deploy_node.py::"
        "test_an_interrupted_deployment_that_would_fail_again_is_not_repeated",
        f"{HERE}/test_faults.py::"
        "test_a_machine_that_starts_from_the_network_after_its_installation_is_not_wiped",
    ),
    "nothing is wiped that the plan does not name": (ONCE, REFUSED, CUT),
    "nobody is deployed who did not start from disk": (
        CUT,
        f"{HERE}/test_faults.py::test_a_report_before_the_installation_ended_deploys_nobody",
        f"{HERE}/test_machine.py::test_nobody_is_deployed_who_did_not_start_from_disk",
    ),
}


def names_in(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name for one in tree.body if isinstance(one, functions)}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_the_tests_that_are_named_for_it(fault):
    for test in FAULTS[fault]:
        file, _, name = test.partition("::")
        assert name in names_in(TESTS / file), test
