"""Where bodies end, as RFC 9112 says."""

import asyncio

import pytest

from drydockd.room.relay import CHUNKED, UNTIL_CLOSED, Broken, Half, Head, read_head, relay_body


def head(*lines):
    return Head("\r\n".join(lines).encode() + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("lines", "framing"),
    [
        (("GET / HTTP/1.1",), 0),
        (("POST / HTTP/1.1", "Content-Length: 12"), 12),
        (("POST / HTTP/1.1", "content-length:\t7 "), 7),
        (("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 7"), CHUNKED),
        (("POST / HTTP/1.1", "X-Content-Length: 12"), 0),
    ],
)
def test_the_length_of_a_requests_body(lines, framing):
    assert head(*lines).framing == framing


@pytest.mark.parametrize(
    ("method", "lines", "framing"),
    [
        (b"GET", ("HTTP/1.1 200 OK", "Content-Length: 3"), 3),
        (b"HEAD", ("HTTP/1.1 200 OK", "Content-Length: 3"), 0),
        (b"GET", ("HTTP/1.1 304 Not Modified", "Content-Length: 3"), 0),
        (b"GET", ("HTTP/1.1 204 No Content",), 0),
        (b"GET", ("HTTP/1.1 200 OK",), UNTIL_CLOSED),
    ],
)
def test_the_length_of_an_answers_body(method, lines, framing):
    assert head(*lines).framing_for(method) == framing


@pytest.mark.parametrize(
    ("lines", "is_last"),
    [
        (("HTTP/1.1 200 OK",), False),
        (("HTTP/1.1 200 OK", "Connection: close"), True),
        (("HTTP/1.1 200 OK", "Connection: keep-alive"), False),
        (("GET / HTTP/1.0",), True),
    ],
)
def test_whether_a_connection_goes_on(lines, is_last):
    assert head(*lines).is_last is is_last


class Fed:
    """A half that was sent `data` and its end; what is written to it is in `written`."""

    def __init__(self, data=b""):
        self._half = Half()
        self._half._reader.feed_data(data)
        self._half._reader.feed_eof()
        self.written = b""
        for name in ("head", "line", "some"):
            setattr(self, name, getattr(self._half, name))

    async def write(self, data):
        self.written += data


@pytest.mark.parametrize(
    ("framing", "data"),
    [
        (3, b"abc"),
        (CHUNKED, b"3\r\nabc\r\n0\r\n\r\n"),
        (CHUNKED, b"3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"),
        (UNTIL_CLOSED, b"abc"),
        (0, b""),
    ],
)
async def test_a_body_is_passed_on_as_it_came(framing, data):
    source, target = Fed(data + (b"" if framing == UNTIL_CLOSED else b"next")), Fed()
    await relay_body(framing, source, target)
    assert target.written == data


@pytest.mark.parametrize(
    ("framing", "data"), [(4, b"abc"), (CHUNKED, b"3\r\nab"), (CHUNKED, b"3\r\nabc\r\n")]
)
async def test_a_body_that_ends_too_early_is_an_error(framing, data):
    with pytest.raises(EOFError):
        await relay_body(framing, Fed(data), Fed())


async def test_a_chunk_without_a_size_is_an_error():
    with pytest.raises(Broken):
        await relay_body(CHUNKED, Fed(b"xyz\r\n"), Fed())


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"hello\r\n\r\n", b"x" * 300_000])
async def test_half_a_head_and_what_is_none_is_an_error(data):
    with pytest.raises(Broken):
        await read_head(Fed(data))


async def test_the_end_between_two_messages_is_no_error():
    assert await read_head(Fed()) is None


async def test_work_ends_with_the_one_it_is_for():
    half = Half()
    work = asyncio.ensure_future(half.unless_gone(asyncio.Event().wait()))
    await asyncio.sleep(0)
    half.eof_received()
    with pytest.raises(ConnectionResetError):
        await work
