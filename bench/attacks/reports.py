"""One node's own action key, used as fast as it can be."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx


async def flood(
    client: httpx.AsyncClient,
    url: str,
    key: str,
    *,
    count: int,
    body_bytes: int = 200_000,
    statuses: Counter[int] | None = None,
) -> Counter[int]:
    """Send `count` reports of `body_bytes` about one boot action; return status -> how many.

    Each is added to `statuses` as it is answered, if given.
    """
    fields = {f"field{n}": "x" * 500 for n in range(20)}
    detail = {"message": "x" * 1000, "error": False, **fields}
    body = {"details": [detail] * max(1, body_bytes // 11_500)}
    found: Counter[int] = Counter() if statuses is None else statuses

    async def some(share: int) -> None:
        for _ in range(share):
            answer = await client.post(url, json=body, headers={"X-Bootaction-Key": key})
            found[answer.status_code] += 1

    await asyncio.gather(*(some(count // 8) for _ in range(8)))
    return found
