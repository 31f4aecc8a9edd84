"""Webhooks of a daemon that is killed, over http."""

import signal

import httpx
import pytest

from drydockd import preflight
from drydockd.config import ConfigError
from drydockd.model import TaskStatus
from tests.daemon.helpers import SITE, configuration, started
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.process
SECRET = "s3cr3t-s3cr3t-s3cr3t"


def hooks(receiver, **more):
    hook = {"name": "test", "url": receiver.url, "secret": SECRET}
    hook["filter"] = {"kind": ["state", "node", "message", "boot_action"]}
    return {
        "events": {"webhooks": [hook | more], "webhook_retry_seconds": 1},
        "network": {"allowed_hosts": ["localhost"], "allowed_roots": [str(SITE.parent)]},
    }


def create(drydockd, url, action="verify_site"):
    body = {"action": action, "design_ref": SITE.as_uri()}
    made = httpx.post(
        f"{url}/api/v1.0/tasks", headers=drydockd.admin(), json=body, timeout=20
    ).json()
    return made["task_id"]


def until_end_of(receiver, task_id):
    while True:
        data = receiver.next().event["data"]
        if data.get("task_id") == task_id and data.get("status") in list(TaskStatus)[-2:]:
            return


def test_a_kill_in_mid_delivery_loses_nothing_and_keeps_the_order(tmp_path):
    with receiving() as receiver:
        for life in range(2):
            with started(tmp_path, **hooks(receiver)) as drydockd:
                url = drydockd.ready()
                task_id = create(drydockd, url)
                # In mid delivery: later events of the task wait while this one is on its way.
                for _ in range(2 + life):
                    receiver.next()
                receiver.open.clear()
                drydockd.get(f"{url}/api/v1.0/tasks/{task_id}?wait=20")
                drydockd.signal(signal.SIGKILL)
                drydockd.ended()
            receiver.open.set()
        with started(tmp_path, **hooks(receiver)) as drydockd:
            url = drydockd.ready()
            last = create(drydockd, url)
            until_end_of(receiver, last)
            kept = list(events(f"{url}/api/v1.0/events?follow=false&last_event_id=0", drydockd))
        log = drydockd.log
    came = [event["id"] for event in receiver.taken()]
    once = list(dict.fromkeys(came))
    assert len(came) > len(once), "nothing was sent a second time: was it killed in mid delivery?"
    # Nothing is left out, and what came first is in the order of the store.
    assert once == kept[: len(once)]
    assert len(once) > 10
    assert SECRET not in log


def events(url, drydockd):
    with httpx.stream("GET", url, headers=drydockd.admin(), timeout=20) as answer:
        number = ""
        for line in answer.iter_lines():
            if line.startswith("id: "):
                number = line[4:]
            elif line.startswith("event: ") and line not in ("event: place", "event: gap"):
                yield number


def test_who_does_not_take_events_is_in_health_and_metrics_without_the_secret(tmp_path):
    with receiving() as receiver:
        receiver.answers = [500] * 3 + [410]
        with started(tmp_path, **hooks(receiver)) as drydockd:
            url = drydockd.ready()
            create(drydockd, url)
            for _ in range(4):
                receiver.next()
            shown = drydockd.get(f"{url}/api/v1.0/health/extended")
            while "410" not in shown.text:
                shown = drydockd.get(f"{url}/api/v1.0/health/extended")
            metrics = httpx.get(f"{url}/metrics").text
        assert shown.status_code == 200
        assert "webhook test" in shown.text
    assert 'drydock_webhook_up{webhook="test"} 0.0' in metrics
    assert 'drydock_webhook_failures_total{webhook="test"} 4.0' in metrics
    assert SECRET not in shown.text + metrics + drydockd.log


def problems(path):
    """What `drydock config check` would say of the configuration."""
    try:
        preflight.load([path], {})
    except ConfigError as error:
        return str(error)
    return ""


def test_what_cannot_be_meant_is_found_before_the_start(tmp_path):
    with receiving() as receiver:
        sections = hooks(receiver)
    sections["network"]["allowed_hosts"] = ["other.example"]
    assert "network.allowed_hosts" in problems(configuration(tmp_path, **sections))
    secret = tmp_path / "secret"
    sections = hooks(receiver, secret_file=str(secret))
    del sections["events"]["webhooks"][0]["secret"]
    path = configuration(tmp_path, **sections)
    assert "No such file" in problems(path)
    secret.write_text("short")
    assert "shorter than 16" in problems(path)
    secret.write_text(SECRET)
    assert problems(path) == ""
