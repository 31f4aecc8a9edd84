"""The five segments an asset passes through, each strict about text and bytes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence

from drydockd.errors import RenderError
from drydockd.render.limits import Limits
from drydockd.render.templates import Templates

_THREAD_FROM_BYTES = 256 * 1024
_SPACE = re.compile(rb"[\t\n\v\f\r ]+")


def base64_encode(data: str | bytes) -> bytes:
    return base64.b64encode(_bytes(data))


def base64_decode(data: str | bytes) -> bytes:
    """Whitespace is dropped, anything else foreign is an error, as is bad padding."""
    raw = data.encode("utf-8") if isinstance(data, str) else data
    try:
        return base64.b64decode(_SPACE.sub(b"", raw), validate=True)
    except binascii.Error as error:
        raise RenderError(f"not base64: {error}") from None


def utf8_decode(data: str | bytes) -> str:
    try:
        return _bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RenderError(f"not UTF-8: {error.reason} at byte {error.start}") from None


def utf8_encode(data: str | bytes) -> bytes:
    text = _text(data)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RenderError(f"not encodable: {error.reason} at character {error.start}") from None


def _bytes(data: str | bytes) -> bytes:
    if isinstance(data, str):
        raise RenderError("needs bytes, got text (put utf8_encode before it)")
    return data


def _text(data: str | bytes) -> str:
    if isinstance(data, bytes):
        raise RenderError("needs text, got bytes (put utf8_decode before it)")
    return data


SEGMENTS: dict[str, Callable[[str | bytes], str | bytes]] = {
    "base64_encode": base64_encode,
    "base64_decode": base64_decode,
    "utf8_encode": utf8_encode,
    "utf8_decode": utf8_decode,
}


async def run(
    segments: Sequence[str],
    data: str | bytes,
    context: Callable[[], Mapping[str, object]],
    templates: Templates,
    owner: str = "",
) -> str | bytes:
    """Return `data` after all segments; `context` is only asked for by ``template``.

    `owner` is the design, see `Templates.render`. Raises RenderError naming the segment and
    the cause, and Busy.
    """
    limits: Limits = templates.limits
    for segment in segments:
        try:
            if segment == "template":
                data = await templates.render(_text(data), context(), owner)
            elif segment in SEGMENTS:
                call = SEGMENTS[segment]
                large = len(data) > _THREAD_FROM_BYTES
                data = await asyncio.to_thread(call, data) if large else call(data)
            else:
                raise RenderError("unknown, not one of template, " + ", ".join(SEGMENTS))
            if len(data) > limits.asset_bytes:
                raise RenderError(f"the result is larger than {limits.asset_bytes} bytes")
        except RenderError as error:
            raise RenderError(f"segment {segment}: {error}") from error
    return data


async def template(
    text: str,
    context: Callable[[], Mapping[str, object]],
    templates: Templates,
    owner: str = "",
) -> str:
    """Return `text` rendered. Raises as `run`."""
    result = await run(("template",), text, context, templates, owner)
    return _text(result)
