"""Records as JSON lines."""

import json

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import Put
from drydockd.store.export import export, without_secrets
from drydockd.store.statedir import StateDir
from tests.store.helpers import a_message, a_task, some_data


async def test_every_record_is_a_line_and_elements_are_whole(tiny, tmp_path):
    await tiny.write(Put(a_task("a")), Put(a_message("a")), Put(some_data("1", "x" * 5000)))
    found = [json.loads(line) for line in export(StateDir(tmp_path / "state"))]
    assert [entry["table"] for entry in found] == ["tasks", "messages", "build_data"]
    assert found[2]["record"]["data_element"] == "x" * 5000
    assert "blob" not in found[2]["record"]


async def test_a_lost_element_is_not_passed_over(tiny, tmp_path):
    await tiny.write(Put(some_data("1", "x" * 5000)))
    next((tmp_path / "state" / "blobs").iterdir()).unlink()
    with pytest.raises(StoreRefused, match="drydock store check"):
        list(export(StateDir(tmp_path / "state")))


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("http://ops:pass@deckhand/x", "http://***@deckhand/x"),
        ("see https://h/x?a=1&token=abc&b=2 there", "see https://h/x?a=1&token=***&b=2 there"),
        ("deckhand+http://h:9000/a b", "deckhand+http://h:9000/a b"),
        ("mail me@home", "mail me@home"),
    ],
)
def test_secrets_in_urls_are_hidden(value, clean):
    assert without_secrets({"design_ref": value, "list": [{"x": value}]}) == {
        "design_ref": clean,
        "list": [{"x": clean}],
    }


def test_extras_named_like_secrets_are_hidden():
    record = {"key": "t/n/wipe", "extra": {"bmc": {"password": "x"}, "retry": True}}
    assert without_secrets(record) == {
        "key": "t/n/wipe",
        "extra": {"bmc": {"password": "***"}, "retry": True},
    }
