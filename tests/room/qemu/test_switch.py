"""The power of a machine that is a process."""

import os
import signal

import pytest

from drydockd.errors import Unavailable
from drydockd.room.qemu.switch import Switch
from tests.room.qemu.test_bmc import MACHINE


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, MACHINE)
    yield tmp_path
    Switch(tmp_path).cut()


def write(folder, text):
    (folder / "machine").write_text(text)
    (folder / "machine").chmod(0o755)


async def test_it_is_started_once_with_its_order_and_cut_off_once(folder):
    switch = Switch(folder)
    assert not switch.is_on()
    assert [await switch.on("pxe"), await switch.on("pxe")] == [True, False]
    assert switch.is_on()
    assert [await switch.off(), await switch.off()] == [True, False]
    assert not switch.is_on()
    assert (folder / "starts").read_text() == "pxe\n"


async def test_one_that_ends_by_itself_is_off(folder):
    switch = Switch(folder)
    await switch.on("disk")
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    await switch.off()
    assert not switch.is_on()
    assert await switch.on("disk")


async def test_one_that_does_not_start_is_told_with_its_own_words(folder):
    write(folder, "#!/bin/sh\necho no memory >&2\nexit 3\n")
    with pytest.raises(Unavailable, match=r"did not start \(3\): no memory"):
        await Switch(folder).on("pxe")


async def test_a_number_of_nobody_is_off(folder):
    (folder / "pid").write_text("rubbish")
    assert not Switch(folder).is_on()
    Switch(folder).cut()
