"""What tells machines apart, and what only seems to."""

import pytest

from drydockd.machines import Identity
from drydockd.site import Node, Site
from drydockd.tasks.words import identity
from drydockd.tasks.words.identity import Known, Other, Source, cleaned, judge

UUID = "4c4c4544-0043-4e10-8057-b7c04f4a4c32"
SWAPPED = "44454c4c-4300-104e-8057-b7c04f4a4c32"
OTHER_UUID = "9d0fd2c7-6a5b-4f3e-8f8e-0d1c2b3a4958"
MAC, MAC2, MAC3 = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def told(serial=None, uuid=None, *macs):
    return cleaned(Identity(serial, uuid, macs))


def known(source, serial=None, uuid=None, *macs):
    return Known(source, f"the {source}", told(serial, uuid, *macs))


def contradictions(answer, *things, others=()):
    return judge(answer, things, others).contradictions


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        "To be filled by O.E.M.",
        "TO BE FILLED BY O.E.M. ",
        "0123456789",
        "0000000000",
        "xxxxxxx",
        ".....",
        "Default string",
        "Not Specified",
        "N/A",
        "System Serial Number",
    ],
)
def test_what_boards_say_that_got_no_number_is_no_serial(text):
    assert identity.known_serial(text) is None


@pytest.mark.parametrize("text", ["ABC123", " 7XK9 ", "00001"])
def test_a_serial_is_any_other_text_without_blanks_at_its_ends(text):
    assert identity.known_serial(text) == text.strip()


def test_nothing_that_a_terminal_minds_is_left_of_a_serial():
    assert identity.known_serial("AB\x1b[2J\n12") == "AB[2J12"
    assert len(identity.known_serial("AB" * 1000)) == 100


@pytest.mark.parametrize(
    "text",
    [
        None,
        "none",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "03000200-0400-0500-0006-000700080009",
    ],
)
def test_what_boards_say_that_got_no_uuid_is_none(text):
    assert identity.known_uuid(text) is None


@pytest.mark.parametrize("text", [UUID.upper(), f" {UUID}", f"{{{UUID}}}", UUID.replace("-", "")])
def test_a_uuid_is_the_same_however_it_is_written(text):
    assert identity.known_uuid(text) == UUID


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("52:54:00:AA:00:01", "52:54:00:aa:00:01"),
        ("52-54-00-AA-00-01", "52:54:00:aa:00:01"),
        ("", None),
        ("00:00:00:00:00:00", None),
        ("ff:ff:ff:ff:ff:ff", None),
        (":".join(["a0"] * 20), None),
    ],
)
def test_a_mac_is_six_octets_in_lower_case_and_not_nobodys(text, mac):
    assert identity.known_mac(text) == mac


@pytest.mark.parametrize("source", [Source.DESIGN, Source.ANSWER, Source.INVENTORY])
@pytest.mark.parametrize("mine", [("A1", UUID), ("a1", SWAPPED), ("A1",), (None, UUID), ()])
def test_the_same_machine_and_what_is_not_told_contradict_nothing(source, mine):
    assert contradictions(told(*mine), known(source, "A1", UUID)) == ()


@pytest.mark.parametrize(
    "source", [Source.DESIGN, Source.ANSWER, Source.INVENTORY, Source.OTHER_ANSWER]
)
@pytest.mark.parametrize(
    ("mine", "text"),
    [
        (("B2",), "it tells serial B2, the {} says A1"),
        ((None, OTHER_UUID), f"it tells UUID {OTHER_UUID}, the {{}} says {UUID}"),
    ],
)
def test_another_serial_or_uuid_is_another_machine_and_both_values_are_named(source, mine, text):
    found = contradictions(told(*mine), known(source, "A1", UUID))
    assert found == (text.format(source),)


def test_a_serial_of_the_board_where_the_system_has_a_service_tag_is_only_odd():
    verdict = judge(told("CNWS300123", UUID), [known(Source.INVENTORY, "7XK9", SWAPPED, MAC)], ())
    assert verdict.contradictions == ()
    assert verdict.notes == ("it tells serial CNWS300123, the inventory says 7XK9",)


def test_what_the_same_driver_told_before_must_be_told_again_whatever_else_agrees():
    assert contradictions(told("B2", UUID, MAC), known(Source.ANSWER, "A1", UUID, MAC))


def test_what_the_design_demands_must_be_told_whatever_else_agrees():
    things = [known(Source.DESIGN, "A1"), known(Source.INVENTORY, None, UUID, MAC)]
    assert contradictions(told("B2", UUID, MAC), *things)


def test_nics_of_which_none_is_in_the_inventory_are_another_machines():
    found = contradictions(told(None, None, MAC2), known(Source.INVENTORY, None, None, MAC, MAC3))
    assert found == (f"it tells MAC {MAC2}, the inventory says {MAC}, {MAC3}",)


def test_nics_without_the_one_that_boots_are_only_odd():
    verdict = judge(told(None, None, MAC2), [known(Source.BOOT_MAC, None, None, MAC)], ())
    assert verdict.contradictions == ()
    assert verdict.notes == (f"it tells MAC {MAC2}, the boot_mac says {MAC}",)


def test_a_bmc_with_a_nic_less_than_the_inventory_is_the_nodes():
    assert (
        contradictions(told(None, None, MAC), known(Source.INVENTORY, None, None, MAC, MAC2)) == ()
    )


def test_many_macs_are_not_all_named():
    many = [f"52:54:00:00:01:{n:02x}" for n in range(10)]
    (text,) = contradictions(told(None, None, *many), known(Source.INVENTORY, None, None, MAC))
    assert "52:54:00:00:01:03 and 6 more, the inventory says" in text


def test_a_mac_that_is_another_nodes_by_the_design_is_that_nodes_machine():
    other = Other("n2", "the design", told(None, None, MAC2))
    found = contradictions(
        told(None, None, MAC2), known(Source.BOOT_MAC, None, None, MAC), others=[other]
    )
    assert found == (f"the MAC {MAC2} that it tells is that of n2 by the design",)


def test_a_mac_of_another_node_beside_ones_own_is_only_odd():
    other = Other("n2", "the design", told(None, None, MAC2))
    verdict = judge(told(None, None, MAC, MAC2), [known(Source.BOOT_MAC, None, None, MAC)], [other])
    assert (verdict.contradictions, len(verdict.notes)) == ((), 1)


@pytest.mark.parametrize("mine", [("A1",), (None, UUID), ("A1", UUID)])
def test_two_nodes_with_one_serial_or_uuid_are_one_machine(mine):
    other = Other("n2", "redfish of 2026-01-31", told("A1", UUID))
    (text,) = contradictions(told(*mine), others=[other])
    assert text.endswith("that it tells is that of n2 by redfish of 2026-01-31")


def test_blades_with_the_serial_of_their_chassis_are_two_machines():
    other = Other("n2", "redfish", told("CHASSIS", OTHER_UUID))
    verdict = judge(told("CHASSIS", UUID), (), [other])
    assert (verdict.contradictions, len(verdict.notes)) == ((), 1)


@pytest.mark.parametrize("name", [None, "", "n1", "N1.example.com", "localhost.localdomain"])
def test_a_machine_that_calls_itself_as_the_design_does_is_not_spoken_of(name):
    assert identity.name_note("n1", name) is None


def test_a_machine_that_calls_itself_otherwise_is_odd():
    assert identity.name_note("n1", "n2.example.com") == "it calls itself n2"


def test_the_design_says_who_is_who():
    n1 = Node("n1", boot_mac=MAC.upper(), oob_parameters={"serial": "A1"})
    n2 = Node("n2", oob_parameters={"uuid": SWAPPED})
    claims = identity.claims_of(Site(nodes={"n1": n1, "n2": n2}))
    assert claims == {("serial", "a1"): ("n1",), ("MAC", MAC): ("n1",), ("UUID", SWAPPED): ("n2",)}
    assert identity.designed(n1) == Identity("A1")
