"""One operation at one BMC: logged in, patient, and always logged out again."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping

from drydockd.drivers.base import Voice
from drydockd.drivers.oob.redfish import faults
from drydockd.drivers.oob.redfish.answers import Answer, Mask, link, mapping, path_of
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.pace import Pace
from drydockd.drivers.oob.redfish.sessions import Login, logged_in
from drydockd.drivers.oob.redfish.target import Target
from drydockd.drivers.oob.redfish.uninterrupted import Grace, uninterrupted
from drydockd.drivers.oob.redfish.wire import NoAnswer, Untrusted, Wire
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient

log = logging.getLogger(__name__)

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
# Repeats of a question whose answer is not needed.
LOOK_RETRIES = 1


class Unheard(Exception):
    """A request that must not be repeated blindly: nobody knows whether it was carried out."""


class Conversation:
    """What a driver's call says to a BMC. `wire` is closed with it.

    `purpose` of its methods is what messages say the request was for. Every method raises
    DriverTransient, DriverPersistent or DriverConflict, with the node, the BMC, what was asked,
    what came back and what to do.
    """

    def __init__(
        self,
        target: Target,
        options: RedfishOptions,
        pace: Pace,
        wire: Wire,
        voice: Voice | None = None,
    ) -> None:
        self.target = target
        self.pace = pace
        self.root: Mapping[str, object] = {}
        self.odd: list[str] = []
        # What went wrong last: it explains a deadline that passes.
        self.trouble = ""
        self._options = options
        self._wire = wire
        self._voice = voice
        self._login = Login()
        self._open: list[str] = []
        self._fenced = ""
        self._why_basic = ""
        self._has_logged_in_again = False
        self._grace = Grace(pace.closing)

    async def begin(self) -> None:
        """Read the service root and log in."""
        purpose = "to find the service"
        answer = await self._patiently("GET", ROOT, purpose, {})
        if (there := self._moved(answer)) is not None:
            answer = await self._patiently("GET", there, purpose, {})
        if answer.status != 401:
            self._expect_object(answer, "GET", ROOT, purpose)
            self.root = answer.body
        await self._log_in()
        if answer.status == 401:
            # Only those who are logged in may read it.
            self.root = (await self.get(ROOT, purpose)).body

    def _moved(self, answer: Answer) -> str | None:
        """Where the service root is, for BMCs that like its other spelling better."""
        place = answer.headers.get("location", "")
        if answer.status not in (301, 302, 307, 308):
            return None
        path = path_of(place.removeprefix(self.target.origin))
        return (
            path
            if path in ("/redfish/v1", ROOT) and "//" not in place.removeprefix(self.target.origin)
            else None
        )

    async def get(self, path: str, purpose: str) -> Answer:
        """Return a document. Repeated while the BMC is away."""
        answer = await self._asked("GET", path, purpose)
        self._expect_object(answer, "GET", path, purpose)
        return answer

    async def look(self, path: str, purpose: str, *, is_needed: bool = False) -> Answer | None:
        """Return a document that may be missing; None if it is, or is refused.

        One that does not come for now is an oddity, unless it `is_needed`.
        """
        retries = None if is_needed else LOOK_RETRIES
        try:
            answer = await self._asked("GET", path, purpose, is_optional=True, retries=retries)
        except DriverTransient as error:
            if is_needed:
                raise
            self.odd.append(str(error))
            return None
        return answer if answer.is_good and answer.is_object else None

    async def change(
        self,
        method: str,
        path: str,
        purpose: str,
        body: Mapping[str, object],
        *,
        if_match: str | None = None,
        is_repeatable: bool = True,
    ) -> Answer:
        """Send a change; return its answer, good or not. The session is fenced before it.

        One that is not repeatable raises Unheard where nobody knows whether it was carried out.
        """
        await self._fence()
        more = {} if if_match is None else {"If-Match": if_match}
        return await self._asked(method, path, purpose, body, more, is_repeatable=is_repeatable)

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

    def is_tls_verified(self) -> bool:
        return self.target.scheme == "https" and (
            self.target.verify or self.target.fingerprint is not None
        )

    @property
    def mask(self) -> Mask:
        """Hides the login in what the BMC says."""
        return self._wire.mask

    async def end(self) -> None:
        """Log out, whatever happened; never raises but for a cancel, which waits for it."""
        await uninterrupted(self._end(), self._grace)

    def hurry(self) -> None:
        """The operation was cut short: from now on there is only the grace."""
        self._grace.begin()

    async def _end(self) -> None:
        left = self._grace.left()
        try:
            async with asyncio.timeout(self.pace.logout if left is None else left):
                # The last one is the one we are logged in with.
                while self._open:
                    await self._log_out(self._open[0])
                    self._open.pop(0)
        except TimeoutError:
            self._warn_of_open("the time for it was over")
        except Untrusted as error:
            self._warn_of_open(str(error))
        finally:
            await self._wire.close()

    async def _log_out(self, path: str) -> None:
        headers = self._login.headers
        while True:
            try:
                answer = await self._wire.exchange("DELETE", path, headers=headers)
            except NoAnswer as error:
                self.trouble = str(error)
                await asyncio.sleep(min(self.pace.retry, 0.2))
                continue
            # Gone with a restart of the BMC, or never there: nothing is left to close.
            if answer.is_good or answer.status in (401, 404, 410):
                return
            if not faults.is_away(answer) and not faults.is_not_ready(answer):
                log.warning("%s: session %s not closed: %s", self.who, path, answer)
                return
            await asyncio.sleep(min(self.pace.retry, 0.2))

    def _warn_of_open(self, why: str) -> None:
        for path in self._open:
            log.warning("%s: session %s not closed: %s", self.who, path, why)

    @property
    def who(self) -> str:
        return f"{self.target.node}: BMC {self.target.place}"

    # -- logging in

    async def _log_in(self) -> None:
        """By a session, if the BMC gives one. Source: contract, oob-faults, C.1 to C.6."""
        wanted = self._options.session
        if wanted == "basic":
            self._be_basic()
            return
        path = await self._sessions_path()
        answer = await self._post_login(path)
        why = logged_in(answer)
        if why is None:
            await self._expect_no_password_change(answer, path)
            return
        if why.is_account:
            raise self._account_refused("POST", path, "to log in", answer)
        if not why.is_for_basic:
            raise self.refusal(answer, "POST", path, "to log in")
        if wanted == "session":
            cure = "set redfish_driver.session to auto, or close sessions at the BMC"
            text = self.message("POST", path, "to log in", f"{answer}: {why.text}", cure)
            raise (DriverTransient if why.is_limit else DriverPersistent)(text)
        self.odd.append(f"{why.text}; basic authentication was used instead")
        self._why_basic = why.text
        self._be_basic()

    def _be_basic(self) -> None:
        pair = f"{self.target.account}:{self.target.password}".encode()
        encoded = base64.b64encode(pair).decode()
        self._wire.mask.add(encoded)
        self._login = Login(basic=True, headers={"Authorization": f"Basic {encoded}"})

    async def _sessions_path(self) -> str:
        """Links, else the session service, else where it is by convention."""
        if path := link(mapping(self.root.get("Links")).get("Sessions")):
            return path
        if service := link(self.root.get("SessionService")):
            # Most BMCs want a login for this one too: then it stays with the convention.
            answer = await self._patiently("GET", service, "to find its sessions", {})
            if path := link(answer.body.get("Sessions")):
                return path
        return SESSIONS

    async def _post_login(self, path: str) -> Answer:
        body = {"UserName": self.target.account, "Password": self.target.password}
        return await self._patiently("POST", path, "to log in", {}, body, is_login=True)

    def _note_session(self, answer: Answer) -> Answer:
        """First of all remember what has to be closed again."""
        login = Login.of(answer)
        if login is not None:
            self._login = login
            self._wire.mask.add(login.token)
            if login.path:
                self._open.append(login.path)
            else:
                self.odd.append("it does not say where its session is, so none could be closed")
        return answer

    async def _exchange_login(self, path: str, body: Mapping[str, object]) -> Answer:
        return self._note_session(await self._wire.exchange("POST", path, body=body))

    async def _expect_no_password_change(self, answer: Answer, path: str) -> None:
        if answer.has(faults.PASSWORD_CHANGE):
            raise self._password_change("POST", path, "to log in", answer)

    # -- asking

    async def _fence(self) -> None:
        """Note the session before the first change made in it."""
        if self._voice is None:
            return
        if self._why_basic:
            text = f"{self._why_basic}; basic authentication is used, so this call has no fence"
            await self._voice.say(f"{self.who}: {text}")
            self._why_basic = ""
        if self._login.path and self._login.path != self._fenced:
            await self._voice.fence(self._login.path)
            self._fenced = self._login.path

    async def _asked(
        self,
        method: str,
        path: str,
        purpose: str,
        body: Mapping[str, object] | None = None,
        more: Mapping[str, str] | None = None,
        *,
        is_repeatable: bool = True,
        is_optional: bool = False,
        retries: int | None = None,
    ) -> Answer:
        """Ask with the login; renew it once if the BMC has forgotten it."""

        async def ask() -> Answer:
            headers = {**self._login.headers, **(more or {})}
            return await self._patiently(
                method, path, purpose, headers, body, is_repeatable=is_repeatable, retries=retries
            )

        answer = await ask()
        if answer.status == 401 and not self._login.basic and not self._has_logged_in_again:
            # The BMC was restarted: its sessions are gone, the credentials were good before.
            self._has_logged_in_again = True
            await self._log_in()
            if body is not None:
                await self._fence()
            answer = await ask()
        if answer.has(faults.PASSWORD_CHANGE) and not answer.is_good:
            raise self._password_change(method, path, purpose, answer)
        if answer.status == 401:
            raise self._account_refused(method, path, purpose, answer)
        if answer.status == 403 and not is_optional:
            cure = f"give the account of oob.account the rights for {method} {path}"
            raise DriverPersistent(self.message(method, path, purpose, answer, cure))
        return answer

    async def _patiently(
        self,
        method: str,
        path: str,
        purpose: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None = None,
        *,
        is_login: bool = False,
        is_repeatable: bool = True,
        retries: int | None = None,
    ) -> Answer:
        """Return the first answer that decides something.

        What is lost or a 5xx is repeated `max_retries` times; a BMC that says it is not ready is
        asked until the deadline.
        """
        failed = waited = 0
        most = self._options.max_retries if retries is None else retries
        while True:
            try:
                if is_login and body is not None:
                    # Cut off here, a session could be left that nobody knows the name of.
                    answer = await uninterrupted(self._exchange_login(path, body), self._grace)
                else:
                    answer = await self._wire.exchange(method, path, headers=headers, body=body)
            except Untrusted as error:
                text = self.message(method, path, purpose, error, error.cure)
                raise DriverPersistent(text) from error
            except NoAnswer as error:
                self.trouble = f"{method} {path} {purpose}: {error}"
                if error.is_sent and not is_repeatable:
                    raise Unheard(self.trouble) from error
                pause, failed = self.pace.retry, failed + 1
            else:
                ready = not faults.is_not_ready(answer)
                if ready and not faults.is_away(answer):
                    return answer
                if is_login and faults.is_session_limit(answer):
                    return answer
                self.trouble = f"{method} {path} {purpose}: {answer}"
                if not is_repeatable:
                    # 503 and 429: nothing was begun. Of the others nobody knows.
                    if not ready or answer.status in (429, 503):
                        return answer
                    raise Unheard(self.trouble)
                told = faults.seconds_told(answer)
                if ready:
                    pause, failed = told or self.pace.retry, failed + 1
                else:
                    pause = told or self.pace.growing(waited)
                    waited += 1
            if failed > most:
                cure = "check the BMC and the network to it"
                raise DriverTransient(f"{self.who}: {self.trouble}, {failed} times; {cure}")
            await asyncio.sleep(pause)

    def _expect_object(self, answer: Answer, method: str, path: str, purpose: str) -> None:
        if not answer.is_good:
            if 300 <= answer.status < 400:
                where = self._wire.mask(answer.headers.get("location", "nowhere"))[:200]
                cure = "correct redfish_driver.use_ssl, port or oob.port"
                came = f"{answer}, it sends us to {where}"
                raise DriverPersistent(self.message(method, path, purpose, came, cure))
            raise self.refusal(answer, method, path, purpose)
        if not answer.is_object:
            kind = answer.headers.get("content-type", "no content type")[:80]
            came = f"{answer} with no JSON object in it ({kind})"
            cure = "check that this is the node's BMC and that it speaks Redfish"
            raise DriverTransient(self.message(method, path, purpose, came, cure))

    def _account_refused(
        self, method: str, path: str, purpose: str, answer: Answer
    ) -> DriverPersistent:
        came = f"{answer}, the BMC refuses the account"
        cure = "check oob.account and oob.credential of the node; nothing was tried again"
        return DriverPersistent(self.message(method, path, purpose, came, cure))

    def _password_change(
        self, method: str, path: str, purpose: str, answer: Answer
    ) -> DriverPersistent:
        cure = "change the BMC's password first, then oob.credential of the node"
        return DriverPersistent(self.message(method, path, purpose, answer, cure))
