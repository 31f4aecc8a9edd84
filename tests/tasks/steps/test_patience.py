import pytest

from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.tasks.steps.patience import growing, patiently


class Backend:
    """Refuses the first `refusals` calls; writes down what it is asked and what is told."""

    def __init__(self, refusals, error=DriverTransient):
        self.refusals, self.error = refusals, error
        self.made, self.told, self.pauses = 0, [], []

    async def call(self):
        self.made += 1
        if self.made <= self.refusals:
            raise self.error(f"503 ({self.made})")
        return self.made

    async def tell(self, error):
        self.told.append(str(error))

    async def pause(self, made):
        self.pauses.append(made)


async def asked(backend, **options):
    return await patiently(backend.call, tell=backend.tell, pause=backend.pause, **options)


async def test_a_call_is_repeated_until_it_is_answered():
    backend = Backend(2)
    assert await asked(backend) == 3
    assert (backend.told, backend.pauses) == (["503 (1)", "503 (2)"], [1, 2])


async def test_after_the_last_try_the_error_is_raised():
    backend = Backend(9)
    with pytest.raises(DriverTransient, match="3"):
        await asked(backend, tries=3)
    assert (backend.made, backend.pauses) == (3, [1, 2])


async def test_an_error_that_will_not_pass_is_raised_at_once():
    backend = Backend(9, DriverPersistent)
    with pytest.raises(DriverPersistent):
        await asked(backend)
    assert (backend.made, backend.told) == (1, [])


async def test_a_pause_may_give_up():
    backend = Backend(9)

    async def pause(_):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await patiently(backend.call, tell=backend.tell, pause=pause)
    assert backend.made == 1


def test_pauses_grow_up_to_the_longest():
    assert [growing(made, 10) for made in (1, 2, 3, 4, 5, 1000)] == [1, 2, 4, 8, 10, 10]
