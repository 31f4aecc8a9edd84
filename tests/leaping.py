"""A loop whose clock leaps over all waiting: limits of minutes pass in a moment."""

import asyncio
import selectors


class Leaping(asyncio.SelectorEventLoop):
    """A loop that, with nothing to do, is at once at its next timer.

    So limits pass in the order in which they would, however busy the machine is. While a thread
    is at work it waits as loops do. `grace` is how long, in earnest, nothing has to happen before
    it leaps: for peers on real sockets.
    """

    def __init__(self, grace=0.0):
        super().__init__(_Impatient(self, grace))
        self.ahead = 0.0
        self.threads = 0

    def time(self):
        return super().time() + self.ahead

    def run_in_executor(self, executor, func, *args):
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, future):
        self.threads -= 1


class _Impatient(selectors.DefaultSelector):
    def __init__(self, loop, grace):
        super().__init__()
        self._loop, self._grace = loop, grace

    def select(self, timeout=None):
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if timeout is None or self._loop.threads or timeout <= self._grace:
            return super().select(timeout)
        if self._grace and (found := super().select(self._grace)):
            return found
        self._loop.ahead += timeout
        return found
