"""drydock bootaction."""

import json

import pytest

from tests.api.examples import BOOT_ACTION

TARGET = "POST /api/v1.0/bootaction/01CBMC5DFR041061050R3GG2D0"
REPORT = ("bootaction", "report", "-i", "01CBMC5DFR041061050R3GG2D0")


def test_a_report_carries_messages_status_and_key_but_no_token(drydock, server):
    server.answers[TARGET] = (200, BOOT_ACTION)
    result = drydock(*REPORT, "-k", "k1", "-m", "a", "-m", "b", "--error", "--status", "failure")
    assert json.loads(result.stdout) == BOOT_ACTION
    (asked,) = server.asked
    assert asked.json == {
        "status": "failure",
        "details": [{"message": "a", "error": True}, {"message": "b", "error": True}],
    }
    assert asked.headers["X-Bootaction-Key"] == "k1"
    assert "X-Auth-Token" not in asked.headers


@pytest.mark.parametrize("content", ["k2", "k2\n", " k2 \nother\n"])
def test_the_key_may_come_from_a_file(drydock, server, tmp_path, content):
    server.answers[TARGET] = (200, BOOT_ACTION)
    (tmp_path / "key").write_text(content)
    drydock(*REPORT, "--keyfile", str(tmp_path / "key"), "-m", "x")
    assert server.asked[0].headers["X-Bootaction-Key"] == "k2"


def test_the_key_may_come_from_the_environment(drydock, server, monkeypatch):
    server.answers[TARGET] = (200, BOOT_ACTION)
    monkeypatch.setenv("BOOTACTION_KEY", "k3")
    drydock(*REPORT, "-m", "x")
    assert server.asked[0].headers["X-Bootaction-Key"] == "k3"


@pytest.mark.parametrize("more", [("-m", "x"), ("-k", "k1"), ("-k", "k1", "--status", "done")])
def test_without_key_or_anything_to_say_it_is_wrong_usage(drydock, server, more):
    assert drydock(*REPORT, *more).exit_code == 2
    assert server.asked == []
