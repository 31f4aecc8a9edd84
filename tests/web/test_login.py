import json
import logging
import re

import httpx
import pytest

from drydockd.web.attempts import FREE
from tests.peers.keystone import PROJECT, USERS
from tests.web.helpers import page


def keystone_sections(keystone):
    return {
        "auth": {"strategy": ("keystone", "jwt")},
        "keystone_authtoken": {
            "auth_url": keystone.url,
            "username": "drydock",
            "password": USERS["drydock"][0],
            "project_name": "service",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
    }


def form_of(user, password=None):
    right, project, _ = USERS[user]
    return {
        "user": user,
        "password": right if password is None else password,
        "domain": "Default",
        "project": project,
    }


async def test_who_is_not_logged_in_is_led_to_the_form_and_back(browser):
    answer = await browser.get("/?q=a01")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/ui/login?next=/ui/%3Fq%3Da01"
    shown = await browser.get("/login?next=/ui/%3Fq%3Da01")
    assert 'name="next" value="/ui/?q=a01"' in shown.text
    token = browser.drydock.token("admin")
    answer = await browser.post("/login", {"token": token, "next": "/ui/?q=a01"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/?q=a01")


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example/ui/", "/ui/..//evil", "/api/v1.0/nodes", "/uix"],
)
async def test_the_way_back_is_never_to_another_place(browser, path):
    answer = await browser.post("/login", {"token": browser.drydock.token("admin"), "next": path})
    assert answer.headers["Location"] == "/ui/"


async def test_the_token_stays_with_the_daemon(browser):
    answer = await browser.log_in("admin")
    token = next(iter(browser.drydock.app.dashboard.sessions._open.values())).token
    [cookie] = [c for c in answer.headers.get_list("Set-Cookie") if c.startswith("drydock=")]
    assert token not in "".join(answer.headers.get_list("Set-Cookie"))
    assert len(re.match(r"drydock=([\w-]+);", cookie).group(1)) >= 43  # 256 bits
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback


async def test_behind_tls_the_cookie_is_of_this_host_and_tls_only(browser):
    browser.headers = {"X-Forwarded-Proto": "https"}
    shown = await browser.get("/login")
    # Over plain HTTP the client keeps no secure cookie, so it is brought by hand.
    kept = shown.headers["Set-Cookie"].partition(";")[0]
    assert kept.startswith("__Host-drydock-xsrf=")
    xsrf = kept.partition("=")[2].strip('"')
    answer = await browser.post(
        "/login", {"token": browser.drydock.token("admin")}, xsrf=xsrf, headers={"Cookie": kept}
    )
    [cookie] = [c for c in answer.headers.get_list("Set-Cookie") if c.startswith("__Host-drydock=")]
    assert "Secure" in cookie
    assert "Domain" not in cookie


async def test_without_tls_nobody_elsewhere_is_asked_for_a_secret(tmp_path):
    async with page(tmp_path, api={"trusted_proxies": ("127.0.0.0/8",)}) as browser:
        browser.headers = {"X-Forwarded-For": "192.0.2.7"}
        shown = await browser.get("/login")
        assert "came without TLS" in shown.text
        assert '<form class="card' not in shown.text
        cookie = shown.cookies
        assert cookie  # of the token against forged forms
        answer = await browser.post(
            "/login", {"token": "x"}, xsrf=cookie["drydock-xsrf"].strip('"')
        )
        assert answer.status_code == 403


async def test_a_token_that_is_not_valid_logs_nobody_in(browser):
    for token in ("garbage", browser.drydock.token("admin", ttl=-3600)):
        answer = await browser.post("/login", {"token": token})
        assert answer.status_code == 401
        assert "Not logged in" in answer.text
        assert token not in answer.text
    assert len(browser.drydock.app.dashboard.sessions) == 0


async def test_logging_out_ends_the_session(browser):
    await browser.log_in("admin")
    cookie = {"Cookie": f"drydock={browser.http.cookies['drydock']}"}
    assert (await browser.post("/logout")).headers["Location"] == "/ui/login"
    async with httpx.AsyncClient(base_url=browser.drydock.app.url) as other:
        answer = await other.get("/ui/", headers=cookie)
        assert answer.status_code == 303, "the cookie of a session that ended lets somebody in"


async def test_logging_in_again_begins_another_session(browser):
    await browser.log_in("admin")
    first = browser.http.cookies["drydock"]
    await browser.log_in("admin", user="ann")
    assert browser.http.cookies["drydock"] != first
    assert len(browser.drydock.app.dashboard.sessions) == 1


async def test_a_link_logs_in_once(browser):
    drydock = browser.drydock
    link = drydock.app.dashboard.login_path(drydock.token("admin"))
    assert (await browser.http.head(link)).status_code == 409
    answer = await browser.http.get(link)
    assert answer.status_code == 200
    assert 'content="0; url=/ui/"' in answer.text
    assert (await browser.get("/login")).headers["Location"] == "/ui/"
    async with httpx.AsyncClient(base_url=drydock.app.url) as other:
        assert (await other.get(link)).status_code == 410
    unknown = await browser.get("/login/unknown")
    assert unknown.status_code == 410


async def test_whoever_fails_too_often_is_not_asked_about_any_more(browser):
    for _ in range(FREE):
        assert (await browser.post("/login", {"token": "garbage"})).status_code == 401
    answer = await browser.post("/login", {"token": browser.drydock.token("admin")})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_without_authentication_everybody_is_in_and_is_told(tmp_path):
    auth = {"strategy": ("noauth",), "noauth_roles": ("admin",)}
    async with page(tmp_path, auth=auth) as browser:
        assert (await browser.get("/login")).headers["Location"] == "/ui/"
        foreign = await browser.get("/login", headers={"Host": "evil.example"})
        assert foreign.status_code == 421
        assert "No authentication." in foreign.text or "noauth" in foreign.text


async def test_a_login_is_in_the_security_log_as_one_of_the_page(browser, caplog):
    caplog.set_level(logging.INFO, "drydockd.audit")
    await browser.log_in("admin", user="ann")
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "drydockd.audit"]
    [line] = [one for one in lines if one.get("via") == "web"]
    assert line["event"] == "authn_login_success:ann"


@pytest.mark.peer("keystone")
async def test_keystone_logs_people_in_by_password(tmp_path, keystone):
    async with page(tmp_path, **keystone_sections(keystone)) as browser:
        shown = await browser.get("/login")
        assert "Log in with Keystone" in shown.text
        wrong = await browser.post("/login", form_of("ann-admin", "wrong-81"))
        assert wrong.status_code == 401
        assert "wrong-81" not in wrong.text
        assert 'value="ann-admin"' in wrong.text  # not to be typed again
        right = await browser.post("/login", form_of("ann-admin"))
        assert right.status_code == 303, right.text
        assert (await browser.get("/login")).headers["Location"] == "/ui/"


@pytest.mark.peer("keystone")
async def test_a_users_password_is_not_found_by_trying(tmp_path, keystone):
    async with page(tmp_path, **keystone_sections(keystone)) as browser:
        before = keystone.calls("POST /v3/auth/tokens")
        wrong = form_of("max-member", "wrong")
        # From as many addresses as one likes.
        attempts = browser.drydock.app.dashboard.attempts
        for number in range(FREE):
            attempts.admit(f"192.0.2.{number}", "Default/max-member")
        answer = await browser.post("/login", wrong)
        assert answer.status_code == 429
        assert keystone.calls("POST /v3/auth/tokens") == before
        other = await browser.post("/login", form_of("ann-admin"))
        assert other.status_code == 303, "one user's failures keep another one out"


@pytest.mark.peer("keystone")
async def test_a_token_that_is_revoked_ends_the_session(tmp_path, keystone):
    sections = keystone_sections(keystone)
    sections["keystone_authtoken"]["token_cache_time"] = -1
    async with page(tmp_path, **sections) as browser:
        token = keystone.token("ann-admin")
        assert (await browser.post("/login", {"token": token})).status_code == 303
        keystone.revoke(token)
        answer = await browser.get("/login")
        assert answer.status_code == 200
        assert len(browser.drydock.app.dashboard.sessions) == 0
        assert PROJECT
