"""drydock bootaction."""

import json

import pytest

from tests.api.examples import BOOT_ACTION, BOOT_ACTION_ROW

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


def test_the_id_may_stand_alone(drydock, server):
    server.answers[TARGET] = (200, BOOT_ACTION)
    result = drydock("bootaction", "report", TARGET.rpartition("/")[2], "-k", "k", "-m", "x")
    assert result.exit_code == 0
    assert drydock("bootaction", "report", "-k", "k", "-m", "x").exit_code == 2


def test_list_is_a_table_of_all_or_of_some_nodes(drydock, server):
    server.answers["GET /api/v1.0/bootactions"] = (200, [BOOT_ACTION_ROW])
    lines = drydock("bootaction", "list", "--task", "t1", "--status", "incomplete").stdout
    assert "| cab01-n07 | ceph-prep   | incomplete | 2026-01-31T10:20:30 |" in lines
    assert server.asked[0].query == {"task": "t1", "status": "incomplete"}
    shown = drydock("bootaction", "list", "n1", "n2", "-o", "json").stdout
    assert json.loads(shown) == [BOOT_ACTION_ROW] * 2
    assert [asked.query["node"] for asked in server.asked[1:]] == ["n1", "n2"]
    assert drydock("bootaction", "list", "--status", "done").exit_code == 2
