import asyncio
from contextlib import asynccontextmanager

import pytest

from drydockd.web import taskstream
from tests.web.helpers import page
from tests.web.tasking import ROOT


class Stream:
    """An open stream: its answer, and what comes."""

    def __init__(self, answer):
        self.answer, self._parts = answer, answer.aiter_text()

    async def until(self, wanted):
        """Read until something was sent, or the end; return all that came up to then."""
        text = ""
        async with asyncio.timeout(30):
            async for part in self._parts:
                text += part
                if wanted in text:
                    break
        return text


@asynccontextmanager
async def stream(browser, **headers):
    path = f"{browser.base}/tasks/{ROOT}/stream"
    async with browser.http.stream("GET", path, headers=headers) as answer:
        yield Stream(answer)


@pytest.fixture
async def ann(browser, watched):
    await browser.log_in("admin", user="ann")
    return browser


async def test_a_stream_brings_what_is_new_and_the_end(ann, watched):
    async with stream(ann) as answer:
        assert answer.answer.headers["Content-Type"] == "text/event-stream"
        assert "Content-Security-Policy" in answer.answer.headers
        await answer.until("task-head")
        await watched.say(2)
        await watched.end()
        text = await answer.until("event: ended")
    assert "said 0" in text
    assert "said 1" in text


async def test_a_stream_goes_on_behind_the_event_that_was_seen_last(ann, watched):
    await watched.say(3)
    async with stream(ann) as answer:
        text = await answer.until("said 2")
    last = text.rpartition("id: ")[2].split()[0]
    await watched.say(1)
    await watched.end()
    async with stream(ann, **{"Last-Event-ID": last}) as answer:
        text = await answer.until("event: ended")
    assert "said 3" in text
    assert "said 2" not in text


async def test_a_login_has_so_many_streams_and_no_more(tmp_path, monkeypatch):
    async with page(tmp_path, web={"streams_per_session": 1}) as browser:
        from drydockd.store import Put
        from tests.web.tasking import record

        await browser.drydock.app.services.store.write(Put(record()))
        await browser.log_in("admin")
        async with stream(browser) as first:
            await first.until("task-head")
            refused = await browser.get(f"/tasks/{ROOT}/stream")
            assert refused.status_code == 429
            assert "web.streams_per_session" in refused.text
            assert browser.drydock.app.services.streams.open == 1


async def test_a_stream_ends_with_its_session_and_says_so(ann, monkeypatch):
    monkeypatch.setattr(taskstream, "SESSION_SECONDS", 0.02)
    async with stream(ann) as answer:
        await answer.until("task-head")
        await ann.post("/logout")
        assert "event: logged-out" in await answer.until("event: logged-out")


async def test_a_stream_ends_when_its_token_is_no_longer_good(ann, monkeypatch):
    monkeypatch.setattr(taskstream, "SESSION_SECONDS", 0.02)
    monkeypatch.setattr(taskstream, "TOKEN_SECONDS", 0.0)
    async with stream(ann) as answer:
        await answer.until("task-head")
        sessions = ann.drydock.app.dashboard.sessions
        sessions.find(ann.http.cookies.get("drydock")).token = "revoked"
        assert "event: logged-out" in await answer.until("event: logged-out")


async def test_a_beat_tells_that_the_daemon_is_there(ann, monkeypatch):
    monkeypatch.setattr(taskstream, "SESSION_SECONDS", 0.02)
    monkeypatch.setattr(taskstream, "BEAT_SECONDS", 0.02)
    async with stream(ann) as answer:
        assert "event: beat" in await answer.until("event: beat")


async def test_a_stream_ends_with_the_daemon(ann):
    async with stream(ann) as answer:
        await answer.until("task-head")
        ann.drydock.app.services.closing.set()
        assert "event: ended" not in await answer.until("event: ended")


async def test_who_is_not_logged_in_is_told_so_and_sent_nowhere(browser, watched):
    async with stream(browser, **{"HX-Request": "true"}) as answer:
        assert answer.answer.status_code == 401
        assert "HX-Redirect" not in answer.answer.headers
