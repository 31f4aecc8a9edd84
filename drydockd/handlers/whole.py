"""An answer that is whole leaves with its head, in one write and by a short way."""

from __future__ import annotations

from asyncio import Future
from typing import Any

from tornado import web

from drydockd.handlers import headers
from drydockd.model import new_id


class WholeAnswers(web.RequestHandler):
    """Tornado's handler, with the headers every answer has and nothing worked out for nobody.

    `request_id` is made with the handler and stays, whatever the answer will be.
    """

    request_id: str = ""

    def clear(self) -> None:
        """Begin the answer anew, as Tornado's own does, but without headers that are set twice."""
        if not self.request_id:
            self.request_id = new_id()
        self._headers = headers.first(self.request_id)
        self._write_buffer = []
        self._status_code, self._reason = 200, "OK"

    def flush(self, include_footers: bool = False) -> Future[None]:
        """Send what was written; a whole answer with a body, the usual one, at once."""
        connection: Any = self.request.connection
        is_whole = include_footers and not self._headers_written
        is_usual = (
            self.request.version == "HTTP/1.1"
            and self.request.method != "HEAD"
            and not connection._disconnect_on_finish
            and not self._transforms
        )
        if not (is_whole and is_usual and "Content-Length" in self._headers):
            return super().flush(include_footers)
        self._headers_written = True
        head = headers.head(self._status_code, self._reason, self._headers)
        answer, self._write_buffer = b"".join((head, *self._write_buffer)), []
        if connection.stream.closed():
            closed: Future[None] = connection.write(answer)  # which says so in its future
            return closed
        # What HTTP1Connection.write does with a head that is encoded already, but for a future
        # and a turn of the loop of its own. Its `finish` waits for this one.
        sent: Future[None] = connection.stream.write(answer)
        connection._pending_write = sent
        return sent

    # Nothing here is asked for twice with a condition: no digest of the answer is worked out.

    def set_etag_header(self) -> None:
        return None

    def check_etag_header(self) -> bool:
        return False

    def check_xsrf_cookie(self) -> None:
        return None
