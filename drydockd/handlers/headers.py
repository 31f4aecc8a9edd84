"""The headers every answer begins with."""

from __future__ import annotations

import time
from functools import lru_cache

from tornado import httputil


def first(request_id: str) -> httputil.HTTPHeaders:
    """Return them, for an answer in JSON to the request of that id."""
    headers = httputil.HTTPHeaders()
    headers["Server"] = "drydockd"
    headers["Content-Type"] = "application/json"
    headers["Date"] = _date(int(time.time()))
    headers["X-Drydock-Req"] = request_id
    headers["Cache-Control"] = "no-store"
    return headers


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    """Return the date as HTTP has it; each answer has one, and it takes 15 us to work out."""
    return httputil.format_timestamp(second)
