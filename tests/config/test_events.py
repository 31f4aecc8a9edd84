"""The options of events: webhooks that can be meant, and no secret in what is said of others."""

import pytest
import yaml

from drydockd.config import ConfigError, load
from drydockd.config.events import Events
from drydockd.config.load import secret_values
from drydockd.config.schema import Schema
from drydockd.config.shown import dump, shown

OPEN = {"auth": {"strategy": "jwt"}}
SECRET = "s3cr3t-s3cr3t-s3cr3t"
HOOK = {"name": "cmdb", "url": "https://cmdb.example/hook?x=1", "secret": SECRET}


def loaded(tmp_path, *hooks, **more):
    path = tmp_path / "drydockd.yaml"
    path.write_text(yaml.safe_dump(OPEN | {"events": {"webhooks": list(hooks), **more}}))
    return load([path], {})


def test_a_webhook_is_told_of_states_and_results_unless_it_says_otherwise(tmp_path):
    (hook,) = loaded(tmp_path, HOOK).settings.events.webhooks
    assert hook.filter.kind == ("state", "node", "boot_action")
    assert hook.filter.node == ()
    chosen = HOOK | {"filter": {"kind": "message", "node": ["n1"]}}
    (hook,) = loaded(tmp_path, chosen).settings.events.webhooks
    assert (hook.filter.kind, hook.filter.node) == (("message",), ("n1",))
    (hook,) = loaded(tmp_path, HOOK | {"filter": {"kind": []}}).settings.events.webhooks
    assert set(hook.filter.kind) == {"state", "node", "message", "boot_action"}


WRONG = {
    "name": (HOOK | {"name": "A b"}, "pattern"),
    "url": (HOOK | {"url": "ftp://x/"}, "pattern"),
    "user in the url": (HOOK | {"url": "https://joe:pass@x/"}, "pattern"),
    "two secrets": (HOOK | {"secret_file": "/x"}, "secret or secret_file, one of them"),
    "no secret": ({"name": "a", "url": "http://x/"}, "secret or secret_file, one of them"),
    "short": (HOOK | {"secret": "hunter2"}, "shorter than 16"),
    "kind": (HOOK | {"filter": {"kind": ["nodes"]}}, "nodes is none of state"),
    "unknown": (HOOK | {"filtre": {}}, "filtre"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_and_no_secret_shown(tmp_path, name):
    hook, words = WRONG[name]
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, hook)
    text = str(error.value)
    assert "events.webhooks" in text
    assert words in text or name == "unknown"
    assert SECRET not in text
    assert "hunter2" not in text


def test_two_of_one_name_and_too_many_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="two webhooks have the name cmdb"):
        loaded(tmp_path, HOOK, HOOK)
    many = [HOOK | {"name": f"h{number}"} for number in range(17)]
    with pytest.raises(ConfigError, match="16"):
        loaded(tmp_path, *many)


def test_the_secret_is_shown_nowhere(tmp_path):
    found = loaded(tmp_path, HOOK, HOOK | {"name": "b", "filter": {"node": ["n1"]}})
    for text in (shown(found, Schema()), "\n".join(dump(found.settings)), repr(found.settings)):
        assert SECRET not in text
        assert "cmdb.example" in text
    assert yaml.safe_load(shown(found, Schema()))["events"]["webhooks"][0]["secret"] == "****"
    assert SECRET in secret_values(found.settings)


def test_a_file_that_others_can_read_is_warned_of(tmp_path):
    path = tmp_path / "drydockd.yaml"
    path.write_text(yaml.safe_dump(OPEN | {"events": {"webhooks": [HOOK]}}))
    path.chmod(0o644)
    assert any("events.webhooks" in text for text in load([path], {}).warnings)
    path.write_text(yaml.safe_dump(OPEN | {"events": {"keep_bytes": 0}}))
    assert not any("events" in text for text in load([path], {}).warnings)


def test_the_environment_gives_them_too():
    text = yaml.safe_dump([HOOK], default_flow_style=True)
    found = load([], {"DRYDOCKD_EVENTS__WEBHOOKS": text, "DRYDOCKD_AUTH__STRATEGY": "jwt"})
    assert found.settings.events.webhooks[0].name == "cmdb"


def test_nothing_is_told_to_anybody_by_default():
    assert Events().webhooks == ()
