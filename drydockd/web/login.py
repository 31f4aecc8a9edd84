"""Logging in: by password, by a token, by a link that is good once; and out again."""

from __future__ import annotations

from typing import ClassVar

from drydockd import errors
from drydockd.auth.audit import Event
from drydockd.auth.passwords import Password
from drydockd.handlers.base import OPEN
from drydockd.web.page import PageHandler

REFUSED = "Keystone does not know this user, password, domain and project together"
NEEDS_TLS = (
    "This page came without TLS, so a password could be read on its way. Set api.tls_cert and "
    "api.tls_key, or put a proxy with TLS before drydockd that sets X-Forwarded-Proto, or reach it "
    "through ssh -L."
)
USED = "This link was used, is older than ten minutes, or is of a daemon that has ended."


class LoginHandler(PageHandler):
    policy: ClassVar = {"GET": OPEN, "POST": OPEN}
    about: ClassVar = {"GET": "the form to log in", "POST": "logs in"}
    parameters: ClassVar = {"GET": ("next",)}

    async def get(self) -> None:
        await self.identify()
        path = self.own_path(self.query("next") or "")
        if self.caller.authenticated:
            self.go(path)
            return
        self._show(path)

    async def post(self) -> None:
        path = self.own_path(self.field("next"))
        if not self.is_secret_kept:
            raise errors.Forbidden(NEEDS_TLS)
        user = f"{self.field('domain')}/{self.field('user')}" if self.field("user") else ""
        attempts = self.dashboard.attempts
        try:
            attempts.admit(self.remote, user)
        except errors.TooMany as error:
            self.set_header("Retry-After", str(error.retry_after))
            self._show(path, str(error), 429)
            return
        try:
            problem = await self._problem()
        except BaseException:
            attempts.passed(self.remote, user)
            raise
        if problem:
            self._show(path, problem, 401)
            return
        attempts.passed(self.remote, user)
        self.go(path)

    async def _problem(self) -> str:
        """Log in with what was typed; return why not, empty if it worked."""
        token = self.field("token")
        if not token:
            passwords = self.services.passwords
            if passwords is None or not self.field("user"):
                return "Say who you are"
            found = await passwords.token(self._password())
            if found is None:
                self.record(
                    Event.AUTHN_LOGIN_FAIL, self.field("user"), description="wrong password"
                )
                return REFUSED
            token = found
        await self.log_in(token)
        return "" if self.caller.authenticated else f"Not logged in: {self.why}"

    def _password(self) -> Password:
        return Password(
            self.field("user"),
            # Blanks around a password may be part of it.
            self.form.get("password", [""])[-1],
            self.field("domain") or "Default",
            self.field("project"),
        )

    def _show(self, path: str, problem: str = "", status: int = 200) -> None:
        self.render_page(
            "login.html",
            status,
            title="Log in",
            next=path,
            problem=problem or ("" if self.is_secret_kept else NEEDS_TLS),
            has_passwords=self.services.passwords is not None,
            is_secret_kept=self.is_secret_kept,
            typed={name: self.field(name) for name in ("user", "domain", "project")},
        )


class LinkHandler(PageHandler):
    """A link that logs in: it holds no secret any more once it was followed."""

    policy: ClassVar = {"GET": OPEN}
    about: ClassVar = {"GET": "logs in with a code that is good once, as `drydock lab` prints it"}

    async def get(self, code: str) -> None:
        if self.request.method != "GET":
            raise errors.Conflict("A link to log in is followed, not asked about")
        token = self.dashboard.links.take(code) if self.is_secret_kept else None
        if token is not None:
            await self.log_in(token)
        if token is None or not self.caller.authenticated:
            raise errors.Gone(USED)
        # Not a redirection: a browser sent here by another place would leave out the new cookie.
        self.render_page(
            "forward.html", title="Logged in", path=f"{self.dashboard.base}/",
            why=f"You are {self.caller.user}.",
        )  # fmt: skip


class LogoutHandler(PageHandler):
    policy: ClassVar = {"POST": OPEN}
    about: ClassVar = {"POST": "logs out"}

    async def post(self) -> None:
        await self.identify()
        await self.log_out()
        self.clear_cookie(self.cookie_name, **self._cookie_options())
        self.go(f"{self.dashboard.base}/login")
