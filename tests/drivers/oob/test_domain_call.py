"""Looks and orders at a domain, where a hypervisor does what it does not do on demand."""

import asyncio

import pytest

from drydockd.drivers.oob.domain_call import STATES, DomainCall
from drydockd.drivers.oob.virsh import Hypervisor
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from tests.drivers.oob.domains import MAC, UUID, a_domain, a_guest


class Machine:
    """A Virsh at one domain; `errors` are raised by orders of that name, before or after."""

    def __init__(self, state="shut off", text=None, **errors):
        self.state, self.text, self.errors = state, text or a_domain(), errors
        self.persistent, self.number, self.orders = "yes", "-", []
        self.is_done_first = True
        self.keeps = True

    async def run(self, at, what, *words, until, pass_fds=(), is_act=False):
        order = words[0].split()[0]
        if order == "dominfo":
            lines = f"Id: {self.number}\nState: {self.state}\nPersistent: {self.persistent}\n\n"
            return lines + self.text
        self.orders.append(order)
        error = self.errors.get(order)
        if error is None or self.is_done_first:
            self.obey(order, words)
        if error is not None:
            raise error
        return ""

    def obey(self, order, words):
        if order == "define" and self.keeps:
            with open(words[1]) as file:
                self.text = file.read()
        else:
            self.state = {"destroy": "shut off", "start": "running"}.get(order, self.state)
            self.number = "-" if self.state == "shut off" else "1"


def call(machine, **fields):
    at = Hypervisor("n1", "qemu+ssh://h/system", "qemu+ssh://h")
    until = asyncio.get_running_loop().time() + 3600
    return DomainCall(machine, a_guest(**fields), at, until, (0,))


async def test_an_order_that_failed_and_was_obeyed_all_the_same_is_no_failure():
    machine = Machine(start=DriverTransient("Domain is already active"))
    assert await call(machine).switch(PowerState.ON)
    assert machine.orders == ["start"]


async def test_an_order_that_failed_is_one():
    machine = Machine(start=DriverTransient("no storage"))
    machine.is_done_first = False
    with pytest.raises(DriverTransient, match="no storage"):
        await call(machine).switch(PowerState.ON)


async def test_a_crashed_domain_is_off_and_goes_before_it_is_started():
    machine = Machine("crashed")
    machine.number = "4"
    assert not await call(machine).switch(PowerState.OFF)
    assert await call(machine).switch(PowerState.ON)
    assert machine.orders == ["destroy", "start"]


async def test_a_transient_domain_is_never_turned_off():
    machine = Machine("running")
    machine.persistent = "no"
    with pytest.raises(DriverPersistent, match="gone once it is off"):
        await call(machine).switch(PowerState.OFF)
    assert machine.orders == []


@pytest.mark.parametrize(
    ("state", "power"),
    [("paused", "on"), ("pmsuspended", "on"), ("in shutdown", "on"), ("crashed", "off")],
)
def test_states_count_as_on_or_off(state, power):
    assert STATES[state] == power


async def test_a_state_of_another_version_is_unknown():
    assert (await call(Machine("dreaming")).look()).power is PowerState.UNKNOWN


async def test_the_boot_mac_may_be_written_in_capitals():
    assert await call(Machine(), boot_mac=MAC.upper()).look()


async def test_half_an_answer_is_transient():
    machine = Machine()
    machine.text = ""
    with pytest.raises(DriverTransient, match="told half of it"):
        await call(machine).look()


async def test_a_definition_that_cannot_be_read_is_persistent():
    with pytest.raises(DriverPersistent, match="no XML"):
        await call(Machine(text="<domain>")).look()


async def test_a_definition_that_is_not_kept_is_transient():
    machine = Machine()
    machine.keeps = False
    with pytest.raises(DriverTransient, match="took it, and reads another back"):
        await call(machine).set_boot("network")


async def test_a_domain_that_boots_from_there_already_is_not_defined_again():
    machine = Machine()
    await call(machine).set_boot("network")
    await call(machine).set_boot("network")
    assert machine.orders == ["define"]


async def test_a_domain_that_cannot_boot_from_there_is_persistent():
    machine = Machine(text=a_domain(boot="<kernel>/k</kernel>"))
    with pytest.raises(DriverPersistent, match="<os><kernel>"):
        await call(machine).set_boot("network")


async def test_the_definition_with_its_secrets_is_not_shown_with_what_was_seen():
    seen = await call(Machine(text=a_domain(devices='<graphics passwd="hunter2"/>'))).look()
    assert "hunter2" in seen.text
    assert "hunter2" not in repr(seen)
    assert seen.definition.uuid == UUID % 1
