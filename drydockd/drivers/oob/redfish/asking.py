"""Questions to a BMC, repeated as long as it makes sense, and what is said when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from drydockd.drivers.oob.redfish import faults
from drydockd.drivers.oob.redfish.answers import Answer, Mask
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.pace import Pace
from drydockd.drivers.oob.redfish.target import Target
from drydockd.drivers.oob.redfish.wire import NoAnswer, Untrusted, Wire
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient


class Unheard(Exception):
    """A request that must not be repeated blindly: nobody knows whether it was carried out."""


class Asking:
    """The questions of one operation at one BMC.

    `purpose` is what messages say a request was for. `trouble` is what went wrong last: it
    explains a deadline that passes.
    """

    def __init__(self, target: Target, options: RedfishOptions, pace: Pace, wire: Wire) -> None:
        self.target = target
        self.options = options
        self.pace = pace
        self.wire = wire
        self.trouble = ""

    @property
    def who(self) -> str:
        return f"{self.target.node}: BMC {self.target.place}"

    @property
    def mask(self) -> Mask:
        """Hides the login in what the BMC says."""
        return self.wire.mask

    async def pause(self, seconds: float, why: str = "") -> None:
        """Wait; the deadline of the call may end it."""
        if why:
            self.trouble = why
        await asyncio.sleep(seconds)

    def message(self, method: str, path: str, purpose: str, came: object, cure: str = "") -> str:
        """What every message of the driver says."""
        end = f"; {cure}" if cure else ""
        return f"{self.who}: {method} {path} {purpose}: {came}{end}"

    def refusal(self, answer: Answer, method: str, path: str, purpose: str) -> DriverConflict:
        """What an answer means that nobody expected."""
        if answer.status in faults.PRECONDITION:
            cure = "no ETag that the BMC takes; update its firmware or set this by hand"
        elif answer.status == 404:
            cure = "check that this is the node's BMC and that it has Redfish switched on"
        else:
            cure = "see what the BMC's own log says of it"
        return DriverConflict(self.message(method, path, purpose, answer, cure))

    async def patiently(
        self,
        method: str,
        path: str,
        purpose: str,
        send: Callable[[], Awaitable[Answer]],
        *,
        is_answer: Callable[[Answer], bool] = lambda _: False,
        is_repeatable: bool = True,
        retries: int | None = None,
    ) -> Answer:
        """Return the first answer that decides something, or that `is_answer` takes for one.

        What is lost or a 5xx is repeated `max_retries` times; a BMC that says it is not ready is
        asked until the deadline. What is not repeatable raises Unheard instead.
        """
        failed = waited = 0
        most = self.options.max_retries if retries is None else retries
        while True:
            pause, told = self.pace.retry, None
            try:
                answer = await send()
            except Untrusted as error:
                text = self.message(method, path, purpose, error, error.cure)
                raise DriverPersistent(text) from error
            except NoAnswer as error:
                self.trouble = f"{method} {path} {purpose}: {error}"
                if error.is_sent and not is_repeatable:
                    raise Unheard(self.trouble) from error
                failed += 1
            else:
                if _has_decided(answer) or is_answer(answer):
                    return answer
                self.trouble = f"{method} {path} {purpose}: {answer}"
                if not is_repeatable:
                    return self._unrepeated(answer)
                told = faults.seconds_told(answer)
                if faults.is_not_ready(answer):
                    pause, waited = self.pace.growing(waited), waited + 1
                else:
                    failed += 1
            if failed > most:
                raise DriverTransient(self._given_up(failed))
            await asyncio.sleep(told or pause)

    def _given_up(self, tries: int) -> str:
        cure = "check the BMC and the network to it"
        return f"{self.who}: {self.trouble}, {tries} times; {cure}"

    def _unrepeated(self, answer: Answer) -> Answer:
        """Return a refusal for now; of other failures nobody knows what was begun."""
        if faults.is_not_ready(answer) or answer.status in (429, 503):
            return answer
        raise Unheard(self.trouble)

    def expect_object(self, answer: Answer, method: str, path: str, purpose: str) -> None:
        if not answer.is_good:
            if 300 <= answer.status < 400:
                where = self.wire.mask(answer.headers.get("location", "nowhere"))[:200]
                cure = "correct redfish_driver.use_ssl, port or oob.port"
                came = f"{answer}, it sends us to {where}"
                raise DriverPersistent(self.message(method, path, purpose, came, cure))
            raise self.refusal(answer, method, path, purpose)
        if not answer.is_object:
            kind = answer.headers.get("content-type", "no content type")[:80]
            came = f"{answer} with no JSON object in it ({kind})"
            cure = "check that this is the node's BMC and that it speaks Redfish"
            raise DriverTransient(self.message(method, path, purpose, came, cure))

    def account_refused(
        self, method: str, path: str, purpose: str, answer: Answer
    ) -> DriverPersistent:
        came = f"{answer}, the BMC refuses the account"
        cure = "check oob.account and oob.credential of the node; nothing was tried again"
        return DriverPersistent(self.message(method, path, purpose, came, cure))

    def password_change(
        self, method: str, path: str, purpose: str, answer: Answer
    ) -> DriverPersistent:
        cure = "change the BMC's password first, then oob.credential of the node"
        return DriverPersistent(self.message(method, path, purpose, answer, cure))


def _has_decided(answer: Answer) -> bool:
    return not faults.is_not_ready(answer) and not faults.is_away(answer)
