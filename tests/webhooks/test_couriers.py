import asyncio

from drydockd.webhooks.couriers import Couriers


class Fake:
    def __init__(self, name, problem=None, error=None):
        self.name, self._problem, self._error = name, problem, error
        self.started, self.ended = asyncio.Event(), False

    def problem(self):
        return self._problem

    async def run(self):
        self.started.set()
        try:
            if self._error:
                raise self._error
            await asyncio.Event().wait()
        finally:
            self.ended = True


async def test_one_that_breaks_is_logged_and_the_others_go_on(caplog):
    broken, well = Fake("broken", error=KeyError("x")), Fake("well")
    couriers = Couriers([broken, well])
    couriers.start()
    await broken.started.wait()
    await well.started.wait()
    await asyncio.sleep(0)
    assert "webhook broken ended" in caplog.text
    assert not well.ended
    await couriers.close()
    await couriers.close()
    assert well.ended


async def test_the_problems_are_those_of_each():
    assert Couriers([Fake("a"), Fake("b", "b is gone")]).problems() == ["b is gone"]
    await Couriers([]).close()
