"""One operation at one BMC: logged in, patient, and always logged out again."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping

from drydockd.drivers.base import Voice
from drydockd.drivers.oob.redfish import faults
from drydockd.drivers.oob.redfish.answers import Answer, link, mapping, path_of
from drydockd.drivers.oob.redfish.asking import Asking
from drydockd.drivers.oob.redfish.lost import LostLogins
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.pace import Pace
from drydockd.drivers.oob.redfish.sessions import Login, logged_in
from drydockd.drivers.oob.redfish.target import Target
from drydockd.drivers.oob.redfish.uninterrupted import Grace, uninterrupted
from drydockd.drivers.oob.redfish.wire import NoAnswer, Untrusted, Wire
from drydockd.errors import DriverPersistent, DriverTransient

log = logging.getLogger(__name__)

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
# Repeats of a question whose answer is not needed.
LOOK_RETRIES = 1


class Conversation(Asking):
    """What a driver's call says to a BMC.

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
        lost: LostLogins | None = None,
    ) -> None:
        super().__init__(target, options, pace, wire)
        self.sessions = SESSIONS
        self._lost = lost or LostLogins()
        self.root: Mapping[str, object] = {}
        self.odd: list[str] = []
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
        answer = await self._plainly(ROOT, purpose)
        if (there := self._moved(answer)) is not None:
            answer = await self._plainly(there, purpose)
        if answer.status != 401:
            self.expect_object(answer, "GET", ROOT, purpose)
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
        self.expect_object(answer, "GET", path, purpose)
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
        return await self._asked(
            method, path, purpose, body, more, is_repeatable=is_repeatable, is_act=True
        )

    async def delete(self, path: str, purpose: str, *, is_act: bool = True) -> Answer:
        """Delete a resource; return the answer, good or not. Repeated while the BMC is away.

        `is_act`: it is more than a session that we ourselves left.
        """
        return await self._asked("DELETE", path, purpose, is_optional=True, is_act=is_act)

    @property
    def session(self) -> str | None:
        """Where our own session is; None without one, or where the BMC does not say it."""
        return self._login.path or None

    def is_tls_verified(self) -> bool:
        return self.target.scheme == "https" and (
            self.target.verify or self.target.fingerprint is not None
        )

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

    async def _log_out(self, path: str) -> None:
        headers = self._login.headers
        while True:
            try:
                answer = await self.wire.exchange("DELETE", path, headers=headers)
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

    # -- logging in

    async def _log_in(self) -> None:
        """By a session, if the BMC gives one. Source: contract, oob-faults, C.1 to C.6."""
        wanted = self.options.session
        if wanted == "basic":
            self._be_basic()
            return
        path = self.sessions = await self._sessions_path()
        answer = await self._post_login(path)
        why = logged_in(answer)
        if why is None:
            if answer.has(faults.PASSWORD_CHANGE):
                raise self.password_change("POST", path, "to log in", answer)
            return
        if why.is_account:
            raise self.account_refused("POST", path, "to log in", answer)
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
        self.wire.mask.add(encoded)
        self._login = Login(basic=True, headers={"Authorization": f"Basic {encoded}"})

    async def _sessions_path(self) -> str:
        """Links, else the session service, else where it is by convention."""
        if path := link(mapping(self.root.get("Links")).get("Sessions")):
            return path
        if service := link(self.root.get("SessionService")):
            # Most BMCs want a login for this one too: then it stays with the convention.
            answer = await self._plainly(service, "to find its sessions")
            if path := link(answer.body.get("Sessions")):
                return path
        return SESSIONS

    async def _plainly(self, path: str, purpose: str) -> Answer:
        """Read what needs no login."""
        return await self.patiently("GET", path, purpose, lambda: self.wire.exchange("GET", path))

    async def _post_login(self, path: str) -> Answer:
        body = {"UserName": self.target.account, "Password": self.target.password}

        async def exchange() -> Answer:
            began = asyncio.get_running_loop().time()
            try:
                return self._note_session(await self.wire.exchange("POST", path, body=body))
            except (NoAnswer, asyncio.CancelledError) as error:
                if not isinstance(error, NoAnswer) or error.is_sent:
                    self._lost.note(self.target.origin, began)
                raise

        async def send() -> Answer:
            # Cut off here, a session could be left that nobody knows the name of.
            return await uninterrupted(exchange(), self._grace)

        return await self.patiently(
            "POST", path, "to log in", send, is_answer=faults.is_session_limit
        )

    def _note_session(self, answer: Answer) -> Answer:
        """First of all remember what has to be closed again."""
        login = Login.of(answer)
        if login is not None:
            self._login = login
            self.wire.mask.add(login.token)
            if login.path:
                self._open.append(login.path)
            else:
                self.odd.append("it does not say where its session is, so none could be closed")
        return answer

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
        is_act: bool = False,
        retries: int | None = None,
    ) -> Answer:
        """Ask with the login; renew it once if the BMC has forgotten it."""

        async def send() -> Answer:
            headers = {**self._login.headers, **(more or {})}
            return await self.wire.exchange(method, path, headers=headers, body=body, is_act=is_act)

        async def ask() -> Answer:
            return await self.patiently(
                method, path, purpose, send, is_repeatable=is_repeatable, retries=retries
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
            raise self.password_change(method, path, purpose, answer)
        if answer.status == 401:
            raise self.account_refused(method, path, purpose, answer)
        if answer.status == 403 and not is_optional:
            cure = f"give the account of oob.account the rights for {method} {path}"
            raise DriverPersistent(self.message(method, path, purpose, answer, cure))
        return answer
