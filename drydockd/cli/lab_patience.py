"""Asking a service behind a balancer, one of whose daemons may end at any moment."""

from __future__ import annotations

import asyncio
import time

import httpx

from drydockd.api.task import Task
from drydockd.cli.lab_stage import LabTrouble

# What a balancer or a daemon says of itself; the request was not refused for what it is.
AWAY = frozenset({502, 503, 504})
PAUSE_SECONDS = 0.25
LONGEST_SECONDS = 120.0


class Patience:
    """Pauses until it has been too long."""

    def __init__(self, seconds: float = LONGEST_SECONDS) -> None:
        self._until = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    async def pause(self) -> None:
        await asyncio.sleep(PAUSE_SECONDS)


class Patient(httpx.AsyncHTTPTransport):
    """Repeats each GET until there is an answer; anything else is asked once."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        patience = Patience()
        while True:
            is_last = request.method != "GET" or patience.is_over
            try:
                answer = await super().handle_async_request(request)
            except httpx.TransportError:
                if is_last:
                    raise
            else:
                if is_last or answer.status_code not in AWAY:
                    return answer
                await answer.aclose()
            await patience.pause()


async def submitted(client: httpx.AsyncClient, action: str, ref: str) -> str:
    """Create a task and return its id, once: after an answer that was lost, it is looked for.

    Raises LabTrouble when nobody takes it. `client` is patient, and the only one who creates.
    """
    patience, before = Patience(), await _newest(client, action)
    while True:
        try:
            answer = await client.post("/tasks", json={"action": action, "design_ref": ref})
        except httpx.TransportError as error:
            seen = str(error) or type(error).__name__
        else:
            if answer.status_code not in AWAY:
                return Task.model_validate_json(answer.raise_for_status().content).task_id
            seen = f"status {answer.status_code}"
        if (found := await _newest(client, action)) is not None and found != before:
            return found
        if patience.is_over:
            raise LabTrouble(f"no daemon takes the task {action}: {seen}")
        await patience.pause()


async def _newest(client: httpx.AsyncClient, action: str) -> str | None:
    query = {"action": action, "top_level": "true", "order": "newest", "limit": "1"}
    answer = (await client.get("/tasks", params=query)).raise_for_status()
    return next((task["task_id"] for task in answer.json()), None)
