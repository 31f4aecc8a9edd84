"""Keys of nodes and boot actions: each opens its own door, as long as it stands."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drydockd.auth.bootkey import BootKeys, digest_of
from drydockd.errors import Forbidden, NotFound, Unauthenticated
from drydockd.model import BootAction, BootActionStatus, BootContext, timestamp

KEYS = BootKeys(b"k" * 32, timedelta(days=1))


def a_context(node="n1", context_id="c1", **more):
    fields = {"task_id": "t1", "design_ref": "", "design": "", "created": timestamp()}
    return BootContext(node=node, context_id=context_id, **(fields | more))


def an_action(action_id="01J9ZC7M3W8Q6N2V5R4T1XKPHB", node="n1", context_id="c1", **more):
    return BootAction(
        action_id=action_id,
        node=node,
        name="hello",
        task_id="t1",
        context_id=context_id,
        status=BootActionStatus.INCOMPLETE,
        created=timestamp(),
        **more,
    )


def test_a_node_opens_its_own_boot_data_in_either_case():
    context = a_context()
    key = KEYS.node_key(context)
    assert len(key) == 64
    assert KEYS.check_node(context, key) is context
    assert KEYS.check_node(context, key.upper()) is context


def test_an_action_is_opened_by_its_own_key():
    action = an_action()
    key = KEYS.action_key(action.context_id, action.action_id)
    assert KEYS.check_action(action, a_context(), key) is action


def test_keys_are_the_same_after_a_restart_and_differ_between_secrets():
    assert BootKeys(b"k" * 32).node_key(a_context()) == KEYS.node_key(a_context())
    assert BootKeys(b"j" * 32).node_key(a_context()) != KEYS.node_key(a_context())


@pytest.mark.parametrize(
    "thief",
    [
        lambda: KEYS.node_key(a_context(node="n2")),
        lambda: KEYS.node_key(a_context(context_id="c0")),
        lambda: KEYS.action_key("c1", "01J9ZC7M3W8Q6N2V5R4T1XKPHB"),
        lambda: "00" * 32,
    ],
    ids=["another node", "an earlier deployment", "an action of the node", "zeros"],
)
def test_no_other_key_opens_a_node(thief):
    with pytest.raises(Forbidden, match="Invalid X-Bootaction-Key"):
        KEYS.check_node(a_context(), thief())


@pytest.mark.parametrize(
    "thief",
    [
        lambda: KEYS.node_key(a_context()),
        lambda: KEYS.action_key("c1", "01J9ZC7M3W8Q6N2V5R4T1XKPHC"),
        lambda: KEYS.action_key("c0", "01J9ZC7M3W8Q6N2V5R4T1XKPHB"),
    ],
    ids=["the node's", "another action's", "an earlier deployment's"],
)
def test_no_other_key_opens_an_action(thief):
    with pytest.raises(Forbidden, match="Invalid X-Bootaction-Key"):
        KEYS.check_action(an_action(), a_context(), thief())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key[:-1] + "g",
        lambda key: key[:32] + " " + key[32:],
        lambda key: " " + key,
        lambda key: key + "\n",
        lambda key: "0x" + key[2:],
        lambda key: key[:-1] + "０",  # a full-width digit, which str.isdigit() accepts
        lambda key: f"{key},{key}",
        lambda key: "é" * 64,
    ],
    ids=["63", "65", "no hex", "blank", "leading", "newline", "0x", "wide", "twice", "latin"],
)
def test_only_64_hex_digits_are_a_key(spoil):
    context = a_context()
    with pytest.raises(Forbidden):
        KEYS.check_node(context, spoil(KEYS.node_key(context)))


@pytest.mark.parametrize("key", [None, ""])
def test_a_missing_key_is_challenged(key):
    with pytest.raises(Unauthenticated, match="No X-Bootaction-Key") as refusal:
        KEYS.check_node(a_context(), key)
    assert refusal.value.challenge == "Bootaction-Key"
    with pytest.raises(Unauthenticated):
        KEYS.check_action(an_action(), a_context(), key)


def test_absence_is_told_before_the_key_is_looked_at():
    with pytest.raises(NotFound, match="Error locating boot action for n9"):
        KEYS.check_node(None, None, host="n9")
    with pytest.raises(NotFound):
        KEYS.check_action(None, None, None)


def test_a_destroyed_node_is_not_found_and_its_actions_are_closed_to_their_keys():
    closed = a_context(closed=timestamp())
    with pytest.raises(NotFound, match="n1"):
        KEYS.check_node(closed, KEYS.node_key(closed))
    action = an_action()
    with pytest.raises(Forbidden):
        KEYS.check_action(action, closed, KEYS.action_key("c1", action.action_id))


@pytest.mark.parametrize(
    ("action", "context"),
    [
        (an_action(closed=timestamp()), a_context()),
        (an_action(), a_context(context_id="c2")),
        (an_action(), a_context(node="n2")),
        (an_action(), None),
    ],
    ids=["closed", "superseded", "another node's context", "no context"],
)
def test_a_redeploy_voids_the_keys_of_earlier_actions(action, context):
    with pytest.raises(Forbidden, match="Invalid X-Bootaction-Key"):
        KEYS.check_action(action, context, KEYS.action_key("c1", action.action_id))


def test_keys_end_with_their_lifetime():
    late = a_context(created=timestamp(datetime.now(UTC) - timedelta(days=1, seconds=1)))
    action = an_action()
    with pytest.raises(Forbidden):
        KEYS.check_node(late, KEYS.node_key(late))
    with pytest.raises(Forbidden):
        KEYS.check_action(action, late, KEYS.action_key("c1", action.action_id))
    forever = BootKeys(b"k" * 32, None)
    assert forever.check_node(late, forever.node_key(late))
    assert KEYS.check_node(replace(late, created=timestamp()), KEYS.node_key(late))


def test_keys_are_compared_in_constant_time(monkeypatch):
    compared = []

    def spy(a, b):
        compared.append((a, b))
        return original(a, b)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", spy)
    context = a_context()
    key = KEYS.node_key(context)
    KEYS.check_node(context, key)
    assert compared == [(bytes.fromhex(key), bytes.fromhex(key))]


def test_a_weak_secret_is_refused_and_no_secret_is_shown():
    with pytest.raises(ValueError, match="32"):
        BootKeys(b"short")
    assert "kkkk" not in repr(KEYS)


OLD = bytes(range(32))


def a_carried_context(**more):
    return a_context(key_digest=digest_of(OLD), **more)


def test_a_deployment_of_another_program_goes_on_with_the_one_key_it_has():
    context, action = a_carried_context(), an_action()
    for key in (OLD.hex(), OLD.hex().upper()):
        assert KEYS.check_node(context, key) is context
        assert KEYS.check_action(action, context, key) is action


def test_nothing_but_that_key_opens_it():
    context, action = a_carried_context(), an_action()
    derived = KEYS.node_key(context)
    for key in (derived, KEYS.action_key("c1", action.action_id), "00" * 32, context.key_digest):
        with pytest.raises(Forbidden):
            KEYS.check_node(context, key)
        with pytest.raises(Forbidden):
            KEYS.check_action(action, context, key)
    with pytest.raises(Unauthenticated):
        KEYS.check_node(context, None)


def test_the_lifetime_of_that_key_begins_when_it_was_taken_over():
    old = timestamp(datetime.now(UTC) - timedelta(days=300))
    context = a_carried_context(created=old, key_since=timestamp())
    assert KEYS.check_node(context, OLD.hex()) is context
    with pytest.raises(Forbidden):
        KEYS.check_node(a_carried_context(created=old, key_since=old), OLD.hex())


def test_a_destroy_and_a_redeploy_void_it():
    with pytest.raises(NotFound):
        KEYS.check_node(a_carried_context(closed=timestamp()), OLD.hex())
    with pytest.raises(Forbidden):
        KEYS.check_action(an_action(), a_context(context_id="c2"), OLD.hex())
    with pytest.raises(Forbidden):
        KEYS.check_action(an_action(closed=timestamp()), a_carried_context(), OLD.hex())
