"""The boot device. Contract, oob-faults, C.7, C.8, C.10, C.20 to C.23."""

import pytest

from drydockd.drivers.oob.redfish.boot import Wish, in_words
from drydockd.errors import DriverConflict, DriverTransient
from tests.peers.bmc import Machine, a_boot

NETWORK = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}


def is_network(machine):
    return NETWORK.items() <= machine.boot.items()


async def test_target_alone_is_not_enough_the_override_has_to_be_enabled(lab):
    a = await lab(Machine(boot=a_boot(BootSourceOverrideTarget="Pxe")))
    await a.netboot()
    assert is_network(a.machine)


async def test_c7_a_change_that_wants_an_etag_gets_it(lab):
    a = await lab(need_etag=True)
    await a.netboot()
    assert is_network(a.machine)
    assert [h.get("if-match") is None for h in a.bmc.headers].count(False) == 1


async def test_c7_the_etag_may_stand_in_the_document_only(lab):
    a = await lab(need_etag=True, etag_form="none")
    await a.netboot()
    assert is_network(a.machine)


@pytest.mark.parametrize("status", [412, 428])
async def test_c7_both_words_for_it_are_known(lab, status):
    a = await lab()
    a.bmc.rule("PATCH", status=status, times=1)
    await a.netboot()
    assert is_network(a.machine)


@pytest.mark.parametrize("form", ["twice", "weak"])
@pytest.mark.parametrize("takes", ["sent", "strong", "star"])
async def test_c8_an_etag_is_tried_in_every_form(lab, form, takes):
    a = await lab(need_etag=True, etag_form=form, takes_etags={takes})
    await a.netboot()
    assert is_network(a.machine)


async def test_c8_the_last_try_is_without(lab):
    a = await lab()
    a.bmc.rule("PATCH", status=412, times=3)
    await a.netboot()
    assert is_network(a.machine)
    sent = [h.get("if-match") for h in a.bmc.headers if "content-type" in h][1:]
    assert sent[0] is None
    assert sent[2:] == ["*", None]


async def test_c8_one_that_takes_none_is_told(lab):
    a = await lab(takes_etags=set())
    with pytest.raises(DriverConflict, match="no ETag that the BMC takes"):
        await a.netboot()


async def test_c10_a_change_that_is_refused_during_post_is_repeated(lab):
    a = await lab(post_refusals=7)
    await a.netboot()
    assert is_network(a.machine)


async def test_c20_a_bmc_that_wants_the_whole_object_gets_it_with_the_current_mode(lab):
    a = await lab(needs_full_boot=True, boot_mode=None)
    await a.netboot()
    assert [body["Boot"] for _, _, body in a.bmc.bodies] == [
        NETWORK,
        {**NETWORK, "BootSourceOverrideMode": "UEFI"},
    ]


async def test_c21_the_mode_is_left_out_unless_it_has_to_change(lab):
    a = await lab(mode_readonly=True, boot_mode="uefi")
    await a.netboot()
    assert [body["Boot"] for _, _, body in a.bmc.bodies] == [NETWORK]


async def test_c21_a_mode_that_has_to_change_is_sent(lab):
    a = await lab(boot_mode="bios")
    await a.netboot()
    assert a.machine.boot["BootSourceOverrideMode"] == "Legacy"


async def test_c21_a_mode_that_cannot_change_is_left_out_and_then_told(lab):
    a = await lab(mode_readonly=True, boot_mode="bios")
    with pytest.raises(DriverConflict) as caught:
        await a.netboot()
    assert "taken, but the mode stays UEFI where the design wants Legacy" in str(caught.value)
    assert is_network(a.machine)


async def test_c21_a_mode_that_reverts_silently_is_told(lab):
    a = await lab(mode_reverts_to="Legacy", boot_mode="uefi")
    with pytest.raises(DriverConflict, match="the mode stays Legacy where the design wants UEFI"):
        await a.netboot()


async def test_c21_no_mode_is_asked_for_where_the_bmc_shows_none(lab):
    machine = Machine(
        boot={"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}
    )
    a = await lab(machine, boot_mode="uefi")
    await a.netboot()
    assert [body["Boot"] for _, _, body in a.bmc.bodies] == [NETWORK]


async def test_c22_what_holds_from_the_next_start_is_written_where_the_bmc_wants_it(lab):
    a = await lab(settings_only=True)
    await a.netboot()
    assert is_network(a.machine)
    assert a.bmc.bodies[-1][1] == "/redfish/v1/Systems/1/SD"
    assert a.bmc.count("GET", ".*/Systems/1/SD") == 1


async def test_c23_a_boot_device_that_was_not_kept_is_set_again(lab):
    a = await lab(ignore_once=2)
    await a.netboot()
    assert is_network(a.machine)
    assert a.bmc.count("PATCH") == 3


async def test_c23_one_that_is_never_kept_is_told_with_what_it_reads(lab):
    a = await lab(ignore_once=99)
    with pytest.raises(DriverTransient, match="taken 3 times, and reads none; set it by hand"):
        await a.netboot()


async def test_c23_without_a_single_start_it_is_set_for_all_and_taken_back_later(lab):
    allowed = {"BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Continuous"]}
    a = await lab(Machine(boot=a_boot(**allowed)))
    await a.netboot()
    assert a.machine.boot["BootSourceOverrideEnabled"] == "Continuous"
    assert "so it is set for all until it is taken back" in a.said[0]
    await a.diskboot()
    assert a.machine.boot["BootSourceOverrideEnabled"] == "Disabled"
    assert a.said[-1] == "n1: the next start is without an override"


async def test_the_next_start_can_be_one_from_disk(lab):
    a = await lab()
    await a.netboot()
    await a.diskboot()
    assert a.machine.boot["BootSourceOverrideTarget"] == "Hdd"
    assert a.said[-1] == "n1: the next start is a disk boot"


async def test_another_refusal_is_told_with_message_and_id(lab):
    a = await lab()
    a.bmc.rule("PATCH", status=400, id="Base.1.8.PropertyValueNotInList", text="No Pxe here.")
    with pytest.raises(DriverConflict, match=r"HTTP 400 PropertyValueNotInList \(No Pxe here\)"):
        await a.netboot()


@pytest.mark.parametrize(
    ("boot", "words"),
    [
        (NETWORK, "network, once"),
        ({**NETWORK, "BootSourceOverrideEnabled": "Continuous"}, "network, every start"),
        ({**NETWORK, "BootSourceOverrideEnabled": "Disabled"}, "none"),
        ({"BootSourceOverrideTarget": "BiosSetup"}, "BIOS setup, unclear"),
        (
            {"BootSourceOverrideTarget": "Floppy", "BootSourceOverrideEnabled": "Once"},
            "Floppy, once",
        ),
        ({}, None),
    ],
)
def test_the_override_in_words(boot, words):
    assert in_words(boot) == words


def test_an_empty_mode_is_no_other_mode():
    wish = Wish("Pxe", "Once", "UEFI")
    assert wish.is_met({**NETWORK, "BootSourceOverrideMode": None})
    assert not wish.is_met({**NETWORK, "BootSourceOverrideMode": "Legacy"})
