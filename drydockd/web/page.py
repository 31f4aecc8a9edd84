"""What every page shares: who is logged in, may this be done, headers, forms, errors as pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, urlsplit

from tornado import web

from drydockd import errors
from drydockd import log as logs
from drydockd.auth.audit import Event
from drydockd.auth.noauth import NAME as NOBODY
from drydockd.auth.noauth import is_loopback
from drydockd.auth.strategy import USER_TOKEN
from drydockd.handlers.barrier import Barrier
from drydockd.handlers.base import BaseHandler
from drydockd.handlers.parts import Part
from drydockd.handlers.refusals import message_of, title_of
from drydockd.handlers.routing import Route
from drydockd.handlers.services import Services
from drydockd.web.dashboard import Dashboard
from drydockd.web.sessions import LONGEST_SECONDS, Session

# A browser is told to load nothing from elsewhere, run no script in a page, and be in no frame.
SECURITY = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})
FORM = "text/x-form"  # what `routing` calls it, so that Tornado leaves it to us
MOST_FIELDS = 20_000


class PageHandler(BaseHandler):
    """A page parses, calls and renders; this does the rest.

    `policy` is as for the API, and asked in the same way; the identity is that of the session's
    token, asked for anew at each request. The cookie is no identity for the API.
    """

    audited: ClassVar[Mapping[str, str]] = {"via": "web"}
    session: Session | None = None
    form: Mapping[str, list[str]] = {}
    _settings: dict[str, Any] | None = None

    def initialize(  # type: ignore[override]
        self, services: Services, route: Route, dashboard: Dashboard
    ) -> None:
        super().initialize(services, route)
        self.dashboard = dashboard

    def clear(self) -> None:
        super().clear()
        for name, value in SECURITY.items():
            self._headers[name] = value

    def flush(self, include_footers: bool = False) -> Any:
        """Send what was written; cookies first, which the short way leaves out."""
        if not self._headers_written and hasattr(self, "_new_cookie"):
            for cookie in self._new_cookie.values():
                self._headers.add("Set-Cookie", cookie.OutputString(None))
            del self._new_cookie
        return super().flush(include_footers)

    # -- who asks

    @property
    def is_secret_kept(self) -> bool:
        """Whether nobody between the browser and us can read what is sent."""
        return self._is_tls or is_loopback(self.remote)

    @property
    def _is_tls(self) -> bool:
        said = self.request.headers.get("X-Forwarded-Proto", "")
        # Who says so without need only gets cookies that are kept better.
        return self.request.protocol == "https" or said.lower() == "https"

    @property
    def cookie_name(self) -> str:
        """A name that browsers take from TLS only; on loopback there may be none."""
        return "__Host-drydock" if self._is_tls else "drydock"

    def _cookie_options(self) -> dict[str, Any]:
        return {"httponly": True, "secure": self._is_tls, "samesite": "Strict", "path": "/"}

    @property
    def settings(self) -> dict[str, Any]:
        """Tornado's settings, with how its token against forged forms is kept."""
        if self._settings is None:
            own = {
                "xsrf_cookie_name": f"{self.cookie_name}-xsrf",
                "xsrf_cookie_kwargs": self._cookie_options(),
            }
            self._settings = {**self.application.settings, **own}
        return self._settings

    def prepare(self) -> Awaitable[None] | None:
        if self.request.method not in SAFE_METHODS:
            self._refuse_forged()
        return super().prepare()

    def _refuse_forged(self) -> None:
        """Raise Forbidden for a form that is not of one of our pages."""
        site = self.request.headers.get("Sec-Fetch-Site")
        if site is not None and site not in OWN_SITES:
            raise errors.Forbidden("This form was sent by a page of another place")
        self.form = self._parsed_form()
        for token in self.form.get("_xsrf", ()):
            self.request.arguments["_xsrf"] = [token.encode()]
        try:
            web.RequestHandler.check_xsrf_cookie(self)
        except web.HTTPError:
            raise errors.Forbidden(
                "This form is out of date, or the browser keeps no cookies: load its page again"
            ) from None

    def _parsed_form(self) -> Mapping[str, list[str]]:
        kind = self.request.headers.get("Content-Type", "")
        if not self.request.body:
            return {}
        if kind != FORM:
            raise errors.InvalidInput("A page takes forms: application/x-www-form-urlencoded")
        try:
            text = self.request.body.decode("ascii")
            return parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except (UnicodeDecodeError, ValueError):
            raise errors.InvalidInput("The form cannot be read") from None

    def field(self, name: str) -> str:
        """Return a field of the form, without blanks around it; empty when absent."""
        return self.form.get(name, [""])[-1].strip()

    async def _admit(self, rule: str) -> None:
        await self.identify()
        self.require(rule)
        self._check_query()

    async def _admit_behind(self, ahead: Barrier, rule: str) -> None:
        await self._admit(rule)
        if self.behind is None:
            await self.catch_up(ahead)

    async def identify(self) -> None:
        """Find out who is logged in. Raises what `Authenticator.examine` does."""
        session_id = self.get_cookie(self.cookie_name)
        if session_id and self.services.barrier is not None and self.behind is None:
            # Another daemon may have begun it a moment ago, or ended it.
            await self.catch_up(self.services.barrier)
        sessions = self.dashboard.sessions
        self.session = sessions.find(session_id)
        await sessions.tell(session_id)
        token = self.session.token if self.session is not None else ""
        await self._examine(token)
        if self.session is not None and not self.caller.authenticated:
            await sessions.finish(session_id)
            self.session = None

    async def still_admitted(self, rule: str) -> bool:
        """Whether the session of a stream goes on and its token is good; asked now and then.

        Does not count as using the session. Raises Unavailable when the token cannot be checked.
        """
        if self.session is not None:
            session_id = self.get_cookie(self.cookie_name)
            if self.dashboard.sessions.peek(session_id) is not self.session:
                return False
        await self._examine(self.session.token if self.session is not None else "")
        return self.services.policy.allows(rule, self.caller)

    async def _examine(self, token: str) -> None:
        asked = {n: v for n in ("Host", "Origin") if (v := self.request.headers.get(n)) is not None}
        if token:
            asked[USER_TOKEN] = token
        self.caller, self.why = await self.services.auth.examine(
            asked, self.remote, request_id=self.request_id
        )
        logs.bind_here(user=self.caller.user)

    async def log_in(self, token: str) -> None:
        """Begin a session for `token`; `caller` is whose it is. Nothing begins for a bad one."""
        await self._examine(token)
        if not self.caller.authenticated:
            return
        await self.log_out()
        session_id = self.dashboard.sessions.begin(token)
        await self.dashboard.sessions.share(session_id)
        options = self._cookie_options()
        self.set_cookie(self.cookie_name, session_id, max_age=int(LONGEST_SECONDS), **options)
        self.record(Event.AUTHN_LOGIN_SUCCESS, self.caller.user, description="logged in")

    async def log_out(self) -> None:
        """End the session of this browser, if there is one."""
        await self.dashboard.sessions.finish(self.get_cookie(self.cookie_name))
        self.session = None

    def record(self, event: Event, *subjects: str, description: str) -> None:
        """Write an event into the security log, as one of the page."""
        self.services.audit.record(
            event,
            *subjects,
            remote=self.remote,
            request_id=self.request_id,
            description=description,
            **self.audited,
        )

    def may(self, *rules: str) -> bool:
        """Whether the caller satisfies every one of `rules`; what he may not is not offered."""
        return all(self.services.policy.allows(rule, self.caller) for rule in rules)

    # -- what pages use

    def words(self) -> dict[str, Any]:
        """Return what every template may use."""
        return {
            "caller": self.caller,
            "is_noauth": self.caller.user_id == NOBODY,
            "is_logged_in": self.session is not None,
            "may": self.may,
            "here": self.request.path,
            "xsrf": self.xsrf_token.decode("ascii"),
        }

    def render_page(self, template: str, status: int = 200, **more: Any) -> None:
        """Answer with a page, or a part of one."""
        text = self.dashboard.looks.get_template(template).render(self.words() | more)
        self.set_status(status)
        self.finish(text)

    async def render_long(self, template: str, **more: Any) -> None:
        """Answer with a long page, made part by part as the browser takes it."""
        pieces = self.dashboard.looks.get_template(template).generate(self.words() | more)
        await self.reply_parts(_in_parts(pieces))

    def go(self, path: str) -> None:
        """Answer with the way to another page, to be got."""
        if self.request.headers.get("HX-Request"):
            self.set_header("HX-Redirect", path)
            self.set_status(200)
        else:
            self.set_header("Location", path)
            self.set_status(303)
        self.finish()

    def own_path(self, path: str) -> str:
        """Return `path` if it is one of the page's, else the page's first."""
        base = self.dashboard.base
        is_ours = path == base or path.startswith((f"{base}/", f"{base}?"))
        is_plain = path.isascii() and path.isprintable() and "\\" not in path and "//" not in path
        # A browser forgets tabs and line ends before it reads an address; those are not printable.
        return path if is_ours and is_plain and not urlsplit(path).netloc else f"{base}/"

    # -- errors, as pages

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        if self.behind:
            self.tell_behind()
        if status_code == 401:
            self._ask_to_log_in()
            return
        if status_code == 405:
            self.set_header("Allow", ", ".join(sorted((*self._methods(), "OPTIONS"))))
        retry_after = getattr(error, "retry_after", None)
        if retry_after is not None:
            self.set_header("Retry-After", str(retry_after))
        message = message_of(error, status_code)
        self.render_page(
            "error.html", status_code, title=title_of(status_code), message=message,
            request_id=self.request_id,
        )  # fmt: skip

    def _ask_to_log_in(self) -> None:
        """Show the way to the login; once more to ourselves, if another place sent the browser.

        It keeps strict cookies to itself then, though one may be logged in.
        """
        headers = self.request.headers
        is_sent = headers.get("Sec-Fetch-Site", "none") not in OWN_SITES
        is_get = self.request.method in SAFE_METHODS
        here = self.own_path(self.request.uri or "") if is_get else f"{self.dashboard.base}/"
        if is_sent and is_get and headers.get("Sec-Fetch-Mode") == "navigate":
            self.render_page("forward.html", title="One moment", path=here, why="")
            return
        self.go(f"{self.dashboard.base}/login?next={quote(here, safe='/')}")


async def in_turns(pieces: Iterator[str], handler: PageHandler) -> AsyncGenerator[bytes, None]:
    """Yield pieces of a template in parts, each made in a turn of the loop that is the caller's."""
    parts = _in_parts(pieces)
    while True:
        await handler.services.slices.turn(handler.holder)
        part = await anext(parts, None)
        if part is None:
            return
        yield part


async def _in_parts(pieces: Iterator[str]) -> AsyncGenerator[bytes, None]:
    part = Part()
    for piece in pieces:
        if part.add(piece.encode("utf-8"), 1):
            yield part.take()
    yield part.take()
