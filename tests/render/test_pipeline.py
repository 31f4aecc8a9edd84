"""The segments, one by one and in a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.errors import RenderError
from drydockd.render import Limits, Templates
from drydockd.render.pipeline import run


async def piped(data, *segments, limits=None, context=None):
    return await run(segments, data, lambda: context or {}, Templates(limits))


async def test_without_segments_nothing_changes():
    assert await piped(b"\x00\xff") == b"\x00\xff"


async def test_segments_run_in_order():
    got = await piped(b"e3sgYSB9fQ==", "base64_decode", "utf8_decode", "template",
                      "utf8_encode", "base64_encode", context={"a": "ä"})  # fmt: skip
    assert got == b"w6Q="


@given(st.binary())
async def test_base64_there_and_back_is_the_same(data):
    assert await piped(data, "base64_encode", "base64_decode") == data


async def test_base64_ignores_white_space_and_takes_text():
    assert await piped(b" aGV\n sbG8=\r\n", "base64_decode") == b"hello"
    assert await piped("aGVsbG8=", "base64_decode") == b"hello"


@pytest.mark.parametrize("data", [b"aGVsbG8", b"aGV$bG8=", b"=aaa", b"a===", "aGVsbG8=\u2003"])
async def test_damaged_base64_is_an_error(data):
    with pytest.raises(RenderError, match="segment base64_decode: not base64"):
        await piped(data, "base64_decode")


@pytest.mark.parametrize(
    ("segment", "data", "cause"),
    [
        ("utf8_decode", "text", "needs bytes, got text"),
        ("utf8_decode", b"ab\xff", "not UTF-8: invalid start byte at byte 2"),
        ("utf8_encode", b"bytes", "needs text, got bytes"),
        ("utf8_encode", "ab\ud800", "not encodable: surrogates not allowed at character 2"),
        ("base64_encode", "text", "needs bytes, got text"),
        ("template", b"bytes", "needs text, got bytes"),
        ("Template", "text", "unknown, not one of template, base64_encode"),
    ],
)
async def test_a_segment_names_itself_and_the_cause(segment, data, cause):
    with pytest.raises(RenderError, match=f"segment {segment}: {cause}"):
        await piped(data, segment)


async def test_every_step_is_bounded():
    with pytest.raises(RenderError, match="segment base64_encode: the result is larger than 100"):
        await piped(b"x" * 90, "base64_encode", "base64_decode", limits=Limits(asset_bytes=100))


async def test_large_data_pass_as_well():
    data = bytes(range(256)) * 2000
    assert await piped(data, "base64_encode", "base64_decode") == data
