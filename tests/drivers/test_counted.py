"""Operations of BMCs are counted, their errors by kind; the driver does the work."""

from types import SimpleNamespace

import pytest

from drydockd.drivers.base import OobDriver
from drydockd.drivers.counted import CountedOob
from drydockd.drivers.oob.manual import ManualOob, ManualOptions
from drydockd.errors import DriverError, DriverLimit, DriverPersistent, DriverTransient

NODE = SimpleNamespace(name="n1")
OPERATIONS = [
    ("set_network_boot", ("voice",)),
    ("set_disk_boot", ("voice",)),
    ("facts", ()),
    ("power_state", ()),
    ("power_off", ("voice",)),
    ("power_on", ("voice",)),
]


class Driver:
    oob_types, ask_seconds, worst_case_seconds = ("redfish",), 1.0, 2.0

    def __init__(self, error=None):
        self.error, self.done = error, []

    def __getattr__(self, name):
        async def operation(*given):
            self.done.append((name, *given))
            if self.error:
                raise self.error
            return f"{name}'s answer"

        return operation


@pytest.mark.parametrize(("name", "more"), OPERATIONS)
async def test_an_operation_is_the_drivers_and_counted(name, more):
    driver = Driver()
    counted: OobDriver = CountedOob(driver, "redfish")
    answer = await getattr(counted, name)(NODE, *more)
    assert driver.done == [(name, NODE, *more)]
    assert answer == (f"{name}'s answer" if name in ("facts", "power_state") else None)
    assert (counted.calls, counted.errors.total()) == (1, 0)
    assert (counted.oob_types, counted.ask_seconds, counted.worst_case_seconds) == (
        ("redfish",),
        1.0,
        2.0,
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DriverTransient("x"), "no_answer"),
        (DriverPersistent("x"), "refused"),
        (DriverLimit("x"), "too_slow"),
        (DriverError("x"), "unexpected"),
        (KeyError("x"), "unexpected"),
    ],
)
async def test_an_error_is_counted_by_its_kind_and_raised(error, kind):
    counted = CountedOob(Driver(error), "redfish")
    with pytest.raises(type(error)):
        await counted.power_on(NODE, "voice")
    assert +counted.errors == {kind: 1}


async def test_check_and_close_are_no_operations_on_a_bmc():
    driver = Driver()
    counted = CountedOob(driver, "redfish")
    await counted.check()
    await counted.close()
    assert (driver.done, counted.calls) == ([("check",), ("close",)], 0)


async def test_a_session_that_a_dead_daemon_left_is_ended_by_the_driver_that_can():
    driver = Driver()
    await CountedOob(driver, "redfish").end_session(NODE, "/Sessions/2", "voice")
    assert driver.done == [("end_session", NODE, "/Sessions/2", "voice")]
    await CountedOob(ManualOob(ManualOptions()), "manual").end_session(NODE, "/Sessions/2", "voice")
