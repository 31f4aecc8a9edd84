"""Tokens that are none, as many as can be sent."""

from __future__ import annotations

import httpx

from bench.attacks.answers import Answers


async def wrong(client: httpx.AsyncClient, number: int, answers: Answers) -> None:
    """Ask with a token nobody made: half of them look like one that is signed."""
    token = f"wrong-{number}" if number % 2 else f"eyJhbGciOiJIUzI1NiJ9.e30.{number:043d}"
    answer = await client.get("/tasks", headers={"X-Auth-Token": token})
    answers.count(answer.status_code)
