"""Tokens that somebody else renews."""

import pytest

from drydockd.drivers.kubernetes.bearer import READ_AGAIN_SECONDS, Bearer
from drydockd.errors import DriverPersistent


async def test_a_given_token_is_the_one_and_none_is_none():
    assert await Bearer(token="abc").value() == "abc"
    assert not await Bearer(token="abc").is_renewed("abc")
    assert await Bearer().value() is None


async def test_a_file_is_read_again_after_a_minute(tmp_path):
    file, now = tmp_path / "token", [1000.0]
    file.write_text("one\n")
    bearer = Bearer(file=file, clock=lambda: now[0])
    assert await bearer.value() == "one"
    file.write_text("two")
    assert await bearer.value() == "one"
    now[0] += READ_AGAIN_SECONDS
    assert await bearer.value() == "two"


async def test_a_refused_token_is_looked_for_at_once(tmp_path):
    file = tmp_path / "token"
    file.write_text("one")
    bearer = Bearer(file=file)
    assert await bearer.value() == "one"
    assert not await bearer.is_renewed("one")
    file.write_text("two")
    assert await bearer.is_renewed("one")
    assert await bearer.is_renewed("one"), "another node's call has read it already"
    assert await bearer.value() == "two"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b" \n", "is empty"), (b"to ken", "is not one"), (b"\xff", "is not")],
)
async def test_a_file_without_a_token_is_named_and_not_shown(tmp_path, content, said):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DriverPersistent, match=said) as raised:
        await Bearer(file=file).value()
    assert str(file) in str(raised.value)
    assert "to ken" not in str(raised.value)
