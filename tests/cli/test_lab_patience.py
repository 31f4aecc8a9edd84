"""A lab goes on while daemons come and go, and creates nothing twice."""

import asyncio
import json

import httpx
import pytest

from drydockd.cli import lab_patience
from drydockd.cli.lab_patience import Patience, Patient, submitted
from drydockd.cli.lab_stage import LabTrouble
from tests.api.examples import TASK


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(lab_patience, "PAUSE_SECONDS", 0)


class Service:
    """What a balancer answers; `troubles` come first: a status, or None for a cut connection."""

    def __init__(self, *troubles, makes=True):
        self.troubles = list(troubles)
        self.makes = makes
        self.tasks = []
        self.asked = []

    def _answer(self, request):
        self.asked.append(request.method)
        if request.method == "POST" and self.troubles:
            if self.makes:
                self.tasks.append(f"task-{len(self.tasks)}")
            return self._trouble()
        if request.method == "POST":
            self.tasks.append(f"task-{len(self.tasks)}")
            return httpx.Response(201, json=TASK | {"task_id": self.tasks[-1]})
        return httpx.Response(200, json=[{"task_id": task} for task in self.tasks[-1:]])

    def _trouble(self):
        trouble = self.troubles.pop(0)
        if trouble is None:
            raise httpx.RemoteProtocolError("cut")
        return httpx.Response(trouble)

    def client(self):
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://lab")


async def test_a_task_is_created():
    service = Service()
    async with service.client() as client:
        assert await submitted(client, "validate_design", "file:///x") == "task-0"


@pytest.mark.parametrize("trouble", [502, 503, None])
async def test_a_task_whose_answer_was_lost_is_found_and_not_made_again(trouble):
    service = Service(trouble)
    service.tasks.append("an older one")
    async with service.client() as client:
        assert await submitted(client, "validate_design", "file:///x") == "task-1"
    assert service.tasks == ["an older one", "task-1"]


async def test_a_task_that_nobody_made_is_made_again():
    service = Service(502, None, makes=False)
    async with service.client() as client:
        assert await submitted(client, "validate_design", "file:///x") == "task-0"
    assert service.tasks == ["task-0"]


async def test_a_refusal_is_no_reason_to_try_again():
    service = Service(400, makes=False)
    async with service.client() as client:
        with pytest.raises(httpx.HTTPStatusError):
            await submitted(client, "validate_design", "file:///x")
    assert service.asked.count("POST") == 1


async def test_patience_ends(monkeypatch):
    monkeypatch.setattr(lab_patience, "Patience", lambda: Patience(0))
    service = Service(503, 503, makes=False)
    async with service.client() as client:
        with pytest.raises(LabTrouble, match="validate_design: status 503"):
            await submitted(client, "validate_design", "file:///x")


async def test_only_what_changes_nothing_is_repeated():
    asked = []

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split()[0])
        if len(asked) > 2 or head.startswith(b"POST"):
            body = json.dumps("ok").encode()
            status = b"200 OK" if head.startswith(b"GET") else b"503 Away"
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
            writer.write(body)
        elif len(asked) == 2:
            writer.write(b"HTTP/1.1 502 Away\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(
        transport=Patient(), base_url=f"http://127.0.0.1:{port}"
    ) as client:
        assert (await client.get("/")).json() == "ok"
        assert (await client.post("/")).status_code == 503
    assert asked == [b"GET", b"GET", b"GET", b"POST"]
    server.close()
