"""How an operation on a BMC is repeated inside one deadline."""

import asyncio

import pytest

from drydockd.drivers.oob.attempts import PAUSES, repeated
from drydockd.errors import DriverPersistent, DriverTransient

LATER = 3600.0


class Operation:
    """Fails as told, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def soon(seconds=LATER):
    return asyncio.get_running_loop().time() + seconds


async def test_what_passes_is_tried_again():
    operation = Operation(DriverTransient("1"), DriverTransient("2"))
    assert await repeated(operation, until=soon(), pauses=(0, 0)) == "answer"
    assert operation.calls == 3


async def test_what_does_not_pass_is_not():
    operation = Operation(DriverPersistent("no"))
    with pytest.raises(DriverPersistent):
        await repeated(operation, until=soon(), pauses=(0, 0))
    assert operation.calls == 1


async def test_after_the_last_pause_the_last_error_is_raised():
    operation = Operation(*(DriverTransient(str(n)) for n in range(9)))
    with pytest.raises(DriverTransient, match="2"):
        await repeated(operation, until=soon(), pauses=(0, 0))


async def test_a_pause_that_would_end_after_the_deadline_is_not_made():
    operation = Operation(DriverTransient("1"))
    with pytest.raises(DriverTransient, match="1"):
        await repeated(operation, until=soon(100), pauses=(1000,))
    assert operation.calls == 1


def test_there_are_five_attempts():
    assert PAUSES == (1, 2, 5, 10)
