"""Each row of the contract's security rules for boot networks (netboot, 10) has its tests."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
AGENT = "../../../agent/install"

# Row and what it says -> the test that shows it.
ROWS = {
    "1: derived of MAC, start and phase; 128 bit": "test_tokens.py::"
    "test_a_token_is_of_one_machine_one_start_and_one_phase",
    "1: never stored, never logged": "test_boots.py::test_1_a_token_is_neither_stored_nor_logged",
    "1: a newer script makes the older void": "test_boots.py::"
    "test_1_a_newer_start_makes_the_older_token_void",
    "1: lives as long as its step": "test_boots.py::test_1_a_token_ends_with_the_step_it_was_for",
    "2: only in a state that expects the machine": "test_boots.py::"
    "test_2_no_token_in_a_state_that_expects_no_agent",
    "2: only when we have switched it on": "test_boots.py::"
    "test_2_no_token_before_drydockd_itself_switched_the_machine_on",
    "2: only to the address reserved for its MAC": "test_boots.py::"
    "test_2_a_token_is_only_for_whom_a_task_expects_and_from_its_own_address",
    "2: only through an interface of a boot network": "test_boots.py::"
    "test_2_no_script_but_through_an_interface_of_the_machines_boot_network",
    "2: an interface that no address can pretend": "test_arrivals.py::"
    "test_2_who_comes_through_another_interface_is_told_apart_whatever_its_address",
    "3: used up by hello; another nonce ends the deployment": "test_boots.py::"
    "test_3_another_agent_with_the_same_token_ends_the_deployment",
    "3: a lost answer comes again": "test_boots.py::"
    "test_3_the_same_agent_gets_the_same_answer_again",
    "4: UUID and serial number of the inventory": "test_boots.py::"
    "test_4_another_machine_than_the_known_one_is_a_conflict",
    "4: those that a Redfish BMC tells": "test_power.py::"
    "test_4_an_agent_on_another_machine_than_the_bmc_tells_of_is_refused",
    "5: own image, nothing of another machine": "test_boots.py::"
    "test_5_a_session_opens_its_own_image_and_no_other",
    "5: own command and reports": "test_boots.py::"
    "test_5_a_session_of_one_machine_is_none_of_another",
    "5: no route of the API": "test_listener.py::"
    "test_no_route_of_the_api_is_here_and_none_of_these_there",
    "5: and none of these at the API": "test_listener.py::"
    "test_the_api_has_no_route_of_the_boot_listener",
    "5: closed after the end": "test_boots.py::"
    "test_5_an_image_is_closed_when_the_installation_ended",
    "6: kernel and initrd by digest path": "test_script.py::"
    "test_the_script_names_both_files_by_digest_and_carries_the_token_once",
    "6: nothing else is public": "test_servedagent.py::"
    "test_6_nothing_but_kernel_and_initrd_is_served_to_everybody",
    "6: the image is checked against the plan": f"{AGENT}/test_unpack.py::"
    "test_other_bytes_of_the_same_length_are_refused",
    "7: agent and listener speak HTTPS, iPXE clear text": "test_https.py::"
    "test_a_machine_is_deployed_with_only_ipxes_part_in_clear_text",
    "7: the agent trusts the CA of its initrd only": "test_https.py::"
    "test_an_agent_trusts_no_other_ca_than_that_of_its_initrd",
    "7: a wrong certificate is told nothing": "test_https.py::"
    "test_an_agent_tells_nothing_to_who_has_a_wrong_certificate",
    "7: who owns the boot network owns its machines is in the manual": "test_rows.py::"
    "test_7_the_manual_says_what_an_attacker_on_the_boot_network_gets",
    "8: no session, only while awaited": "test_boots.py::"
    "test_8_a_stranger_is_heard_only_while_a_task_waits_for_one",
    "8: 8 MiB": "test_bounds.py::test_a_body_is_refused_unread_where_its_sender_or_length_is",
    "8: 10 a minute": "test_strangers.py::test_8_strangers_are_bounded_by_the_minute",
    "8: 256 records, the oldest goes": "test_strangers.py::"
    "test_8_the_oldest_of_too_many_strangers_goes",
    "8: XML is hardened": "../../../design/test_inventory.py::"
    "test_entities_are_refused_before_they_expand",
}


def names_in(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS)
def test_each_rule_has_the_test_that_is_named_for_it(row):
    file, _, name = ROWS[row].partition("::")
    assert name in names_in((HERE / file).resolve()), ROWS[row]


def test_no_row_is_left_out():
    assert {int(row.partition(":")[0]) for row in ROWS} == set(range(1, 9))


def test_7_the_manual_says_what_an_attacker_on_the_boot_network_gets():
    manual = (HERE.parents[3] / "docs/netboot.md").read_text(encoding="utf-8")
    assert "**Who owns the boot network owns the machines on it.**" in manual
    table = manual.partition("## What an attacker on the boot network gets")[2]
    for who in ("alters", "listens", "sends", "machine"):
        assert re.search(rf"^\| who .*\*\*{who}\*\*", table, re.MULTILINE), who
