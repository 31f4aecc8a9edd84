"""Each row of the contract's oob-faults has a test: C by the test's name, E and F by this list."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
C_ROWS = range(1, 26)

# What the row says -> the test that shows it.
E_AND_F = {
    "E: the password is in the environment only": "test_ipmi.py::"
    "test_the_password_is_in_the_environment_and_nowhere_else",
    "E: a cipher suite is always named, the next one tried at once": "test_ipmitool.py::"
    "test_a_bmc_that_does_not_take_the_first_suite_is_asked_with_the_next_at_once",
    "E: the suite that works is remembered": "test_ipmitool.py::"
    "test_the_suite_that_a_bmc_takes_is_remembered",
    "E: loss of 10 and 30 %": "test_ipmitool.py::"
    "test_whatever_a_line_loses_a_call_is_right_or_worth_another",
    "E: the whole chain at 10 %": "../../daemon/test_bmcs.py::"
    "test_ipmi_prepares_nodes_over_a_line_that_loses_one_of_ten",
    "E: a check at 30 %": "../../daemon/test_bmcs.py::"
    "test_over_a_line_that_loses_three_of_ten_a_check_ends_in_time_and_names_who_failed",
    "E: killed at the deadline": "test_ipmi.py::"
    "test_a_bmc_that_never_answers_costs_no_more_than_the_deadline",
    "E: a wrong password is persistent": "test_ipmi.py::"
    "test_a_wrong_password_is_persistent_and_never_shown",
    "E: what it says tells a wrong password from a dead host": "test_ipmitool.py::"
    "test_what_ipmitool_says_decides_whether_it_is_tried_again",
    "E: a dead port is transient": "test_ipmi.py::test_a_dead_port_is_transient_and_names_the_bmc",
    "E: privilege": "test_ipmi_bmc.py::test_a_privilege_that_is_not_enough_is_told",
    "E: the boot device in raw bytes": "test_ipmi_answers.py::"
    "test_the_bytes_that_set_a_boot_device_are_those_of_the_standard",
    "E: no valid bit is a warning": "test_ipmi.py::"
    "test_a_boot_device_without_its_valid_bit_is_a_warning",
    "E: or a failure by option": "test_ipmi.py::"
    "test_a_boot_device_without_its_valid_bit_fails_where_that_is_asked_for",
    "E: read before off": "test_ipmi.py::test_what_is_off_or_on_already_is_told_nothing",
    "E: one question at a time": "test_ipmitool.py::test_a_bmc_is_asked_one_question_at_a_time",
    "E: a session that does not close is no failure": "test_ipmitool.py::"
    "test_a_session_that_does_not_close_after_a_good_answer_is_no_failure",
    "G: Supermicro's disk with UEFI": "test_ipmi_bmc.py::"
    "test_e_a_supermicro_has_a_number_of_its_own_for_the_disk_with_uefi",
    "H: parameter 3 may be refused": "test_ipmi_bmc.py::"
    "test_a_bmc_without_parameter_three_takes_the_boot_device_all_the_same",
    "F: a silent hypervisor": "test_libvirt.py::"
    "test_a_silent_hypervisor_is_left_at_the_deadline_with_its_ssh",
    "F: killed with its ssh": "test_libvirt.py::test_a_cancelled_call_leaves_no_process",
    "F: ssh has a configuration of ours": "test_virsh.py::"
    "test_ssh_gets_a_configuration_of_ours_then_that_of_the_daemons_user",
    "F: host keys are checked": "test_libvirt.py::"
    "test_a_hypervisor_of_unknown_host_key_is_persistent_and_says_what_to_do",
    "F: an unknown domain": "test_libvirt.py::test_a_domain_that_there_is_not_is_persistent",
    "F: its texts decide": "test_virsh.py::test_what_virsh_says_decides_whether_it_is_tried_again",
    "F: read again after an error": "test_domain_call.py::"
    "test_an_order_that_failed_and_was_obeyed_all_the_same_is_no_failure",
    "F: states": "test_domain_call.py::test_states_count_as_on_or_off",
    "F: a crashed domain": "test_domain_call.py::"
    "test_a_crashed_domain_is_off_and_goes_before_it_is_started",
    "F: identity by boot_mac": "test_libvirt.py::"
    "test_a_domain_with_other_mac_addresses_is_never_touched",
    "F: uuid and secrets are kept": "test_libvirt.py::"
    "test_the_identity_and_the_secrets_of_a_domain_outlive_a_change",
    "F: an order of devices": "test_libvirt.py::"
    "test_devices_with_an_order_of_their_own_get_another",
}


def names_in(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name for one in tree.body if isinstance(one, functions)}


def test_each_fault_of_a_redfish_bmc_has_a_test_of_its_number():
    names = {name for path in (HERE / "redfish").glob("test_*.py") for name in names_in(path)}
    shown = {int(found[1]) for name in names if (found := re.match(r"test_c(\d+)_", name))}
    assert shown == set(C_ROWS)


@pytest.mark.parametrize("row", E_AND_F)
def test_each_fault_over_ipmi_and_of_libvirt_has_the_test_that_is_named_for_it(row):
    file, _, name = E_AND_F[row].partition("::")
    assert name in names_in((HERE / file).resolve()), E_AND_F[row]
