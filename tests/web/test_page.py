"""What holds for every page, tried at one of them."""

import httpx
import pytest

from drydockd.handlers.base import OPEN, missing_policies
from drydockd.web import page_routes
from drydockd.web.page import MOST_FIELDS
from drydockd.web.sessions import IDLE_SECONDS
from tests.handlers.helpers import V1, raw
from tests.web.helpers import page

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_every_page_may_load_nothing_from_elsewhere_and_is_kept_nowhere(browser):
    await browser.log_in("admin")
    for path in ("/", "/login/unknown", "/?nonsense=1"):
        answer = await browser.get(path)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8", path
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_no_page_has_script_or_style_of_its_own(browser):
    await browser.log_in("admin")
    for path in ("/", "/login/unknown"):
        text = (await browser.get(path)).text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert all("src=" in tag for tag in text.split("<script")[1:])


async def test_the_cookie_of_the_page_is_nothing_to_the_api(browser):
    await browser.log_in("admin")
    assert (await browser.get("/")).status_code == 200
    answer = await browser.http.get(f"{V1}/nodes")
    assert answer.status_code == 401


async def test_a_form_without_its_token_is_refused(browser):
    await browser.log_in("admin")
    assert (await browser.post("/logout", xsrf="")).status_code == 403
    assert (await browser.post("/logout", xsrf="2|0|0|0")).status_code == 403
    token = await browser.xsrf_of("/")
    answer = await browser.post("/logout", xsrf="", headers={"X-XSRFToken": token})
    assert answer.status_code == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_form_of_another_place_is_refused_whatever_it_knows(browser, site):
    await browser.log_in("admin")
    token = await browser.xsrf_of("/")
    answer = await browser.post("/logout", xsrf=token, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    answer = await browser.post("/logout", xsrf=token, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303


async def test_a_body_that_is_no_form_is_refused(browser):
    token = await browser.xsrf()
    headers = {"X-XSRFToken": token, "Content-Type": "application/json"}
    answer = await browser.http.post("/ui/login", content=b"{}", headers=headers)
    assert answer.status_code == 400
    answer = await browser.http.post("/ui/login", content=b"a=\xff", headers=FORM)
    assert answer.status_code == 400
    many = "&".join(["a=1"] * (MOST_FIELDS + 1))
    answer = await browser.http.post("/ui/login", content=many, headers=FORM)
    assert answer.status_code == 400


async def test_who_may_not_read_is_refused_with_a_page(browser):
    await browser.log_in("reader")
    answer = await browser.get("/")
    assert answer.status_code == 403
    assert "<h1>403 Forbidden</h1>" in answer.text


async def test_a_session_that_was_not_used_has_ended_also_in_the_middle_of_a_page(browser):
    await browser.log_in("admin")
    sessions = browser.drydock.app.dashboard.sessions
    later = sessions._clock() + IDLE_SECONDS
    sessions._clock = lambda: later
    answer = await browser.get("/")
    assert answer.headers["Location"] == "/ui/login?next=/ui/"
    # What htmx asks for is a part of a page: the whole has to go to the login.
    answer = await browser.get("/", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/ui/login?next=/ui/"


async def test_a_link_from_elsewhere_finds_who_is_logged_in(browser):
    """A strict cookie is not sent from another place; our own page asks again, and has it."""
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = await browser.get("/?q=a", headers=sent)
    assert answer.status_code == 200
    assert 'content="0; url=/ui/?q=a"' in answer.text
    again = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    assert (await browser.get("/?q=a", headers=again)).status_code == 303


async def test_an_end_of_the_tokens_life_ends_the_session(browser):
    await browser.log_in("admin")
    sessions = browser.drydock.app.dashboard.sessions
    [session] = sessions._open.values()
    session.token = browser.drydock.token("admin", ttl=-3600)
    assert (await browser.get("/")).status_code == 303
    assert len(sessions) == 0


async def test_the_page_is_not_shown_to_nodes(tmp_path):
    async with page(tmp_path, api={"node_listen": "127.0.0.1:0"}) as browser:
        url = browser.drydock.app.node_url
        for path in ("/ui/", "/ui/login", "/ui/static/x"):
            answer = await raw(url, f"GET {path} HTTP/1.0\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 404 "), answer


async def test_it_may_be_elsewhere_or_nowhere(tmp_path):
    async with page(tmp_path, web={"base_path": "/metal/page"}) as browser:
        await browser.log_in("admin")
        text = (await browser.get("/")).text
        assert 'href="/metal/page/"' in text
        assert "/ui/" not in text
        assert (await browser.http.get("/ui/")).status_code == 404
    async with page(tmp_path, web={"enabled": False}) as browser:
        assert (await browser.get("/")).status_code == 404
        assert browser.drydock.app.dashboard is None


async def test_a_refusal_is_in_the_security_log_as_one_of_the_page(browser, caplog):
    await browser.log_in("reader")
    await browser.get("/")
    [line] = [r.getMessage() for r in caplog.records if "authz_fail" in r.getMessage()]
    assert '"via": "web"' in line


async def test_nobody_gets_past_the_login_anywhere(browser):
    """Every route of the page, as nobody and as one who may nothing."""
    routes = page_routes(browser.drydock.app.dashboard, 1)
    assert missing_policies(route.handler for route in routes) == []
    doors = [(m, r) for r in routes for m, rule in r.handler.policy.items() if rule != OPEN]
    assert doors
    for who in ("nobody", "one without a role"):
        if who != "nobody":
            await browser.log_in()
        xsrf = await browser.xsrf_of("/login" if who == "nobody" else "/")
        for method, route in doors:
            path = route.pattern.replace("{", "").replace("}", "")
            answer = await browser.http.request(
                method, path, headers={"X-XSRFToken": xsrf}, content=b""
            )
            # What a page asks for by itself is no place to be led to the login from.
            to_login = 401 if path.endswith(("/stream", "/buttons")) else 303
            expected = to_login if who == "nobody" else 403
            assert answer.status_code == expected, (who, method, path)


async def test_a_stream_is_not_let_go_on_past_its_session(tmp_path):
    async with page(tmp_path) as browser:
        await browser.log_in("admin")
        cookie = {"Cookie": f"drydock={browser.http.cookies['drydock']}"}
        async with httpx.AsyncClient(base_url=browser.drydock.app.url) as other:
            assert (await other.get("/ui/", headers=cookie)).status_code == 200
            await browser.post("/logout", xsrf=await browser.xsrf_of("/"))
            assert (await other.get("/ui/", headers=cookie)).status_code == 303
