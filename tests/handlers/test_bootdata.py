import asyncio
import gzip
import io
import random
import tarfile
import time
from dataclasses import replace

import httpx
import pytest

from bench.attacks.connections import connected, get, reset
from drydockd.handlers.bootdata import disposition
from drydockd.model import BootContext, timestamp
from drydockd.store import Edit, Put
from tests.handlers.helpers import V1
from tests.handlers.test_streams import place, requests_of, until

NODE = "a01-control"
FAMILIES = ("bootdata/{host}", "bootactions/nodes/{host}")


def key(value):
    return {"X-Bootaction-Key": value}


def path(host, kind, family=FAMILIES[0]):
    return f"{V1}/{family.format(host=host)}/{kind}"


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("kind", "word"), [("units", "unit"), ("files", "file")])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_node_fetches_its_archive_by_every_spelling(drydock, family, kind, word, slash):
    node = await drydock.deployed(NODE)
    answer = await drydock.http.get(path(NODE, kind, family) + slash, headers=key(node.key))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/gzip"
    assert answer.headers["Content-Disposition"] == (f'attachment; filename="{NODE}-{word}.tar.gz"')
    assert all(name.startswith("/") for name in members(answer.content))
    assert members(answer.content)


async def test_the_same_bytes_every_time_with_no_time_in_them(drydock):
    node = await drydock.deployed(NODE)
    first = await drydock.http.get(path(NODE, "files"), headers=key(node.key))
    again = await drydock.http.get(path(NODE, "files"), headers=key(node.key.upper()))
    assert first.content == again.content
    assert first.content[4:8] == b"\0\0\0\0"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(first.content))) as tar:
        assert {m.mtime for m in tar.getmembers()} == {0}


async def test_each_signalling_action_finds_its_own_id_and_key_inside(drydock):
    node = await drydock.deployed(NODE)
    text = ""
    for kind in ("units", "files"):
        answer = await drydock.http.get(path(NODE, kind), headers=key(node.key))
        text += b"".join(members(answer.content).values()).decode("utf-8", "replace")
    found = [n for n, row in node.actions.items() if row.action_id in text]
    assert found
    for name in found:
        assert node.action_keys[name] in text
    assert node.key not in text


async def test_fetching_is_noted_once(drydock):
    node = await drydock.deployed(NODE)
    for _ in range(2):
        await drydock.http.get(path(NODE, "files"), headers=key(node.key))
    await drydock.http.head(path(NODE, "units"), headers=key(node.key))
    context = drydock.app.services.store.boot_context(NODE)
    assert list(context.delivered) == ["files"]


async def test_a_host_without_a_context_is_404_whatever_the_key(drydock):
    for headers in ({}, key("0" * 64)):
        answer = await drydock.http.get(path("nobody", "units"), headers=headers)
        assert answer.status_code == 404
        assert answer.json()["title"] == "404 Not Found"
        assert answer.json()["description"] == "Error locating boot action for nobody"


async def test_no_key_is_401_with_a_challenge(drydock):
    await drydock.deployed(NODE)
    for headers in ({}, key("")):
        answer = await drydock.http.get(path(NODE, "units"), headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bootaction-Key"
        assert answer.json()["title"] == "Unauthorized"
        assert answer.json()["description"] == "No X-Bootaction-Key"


async def test_every_key_but_the_nodes_own_is_403(drydock):
    node, other = await drydock.deployed(NODE), await drydock.deployed("b01-control")
    wrong = [
        "0" * 64,
        "zz" * 32,
        node.key[:-1],
        node.key + "0",
        node.key[:32] + " " + node.key[32:],
        other.key,
        next(iter(node.action_keys.values())),
        "ü" * 64,
    ]
    for value in wrong:
        answer = await drydock.http.get(
            path(NODE, "units"), headers={"X-Bootaction-Key": value.encode("utf-8")}
        )
        assert answer.status_code == 403, value
        assert answer.json()["title"] == "Unauthorized"
        assert answer.json()["description"] == "Invalid X-Bootaction-Key"


async def test_a_new_deployment_and_a_destroy_void_the_key(drydock):
    old = await drydock.deployed(NODE)
    new = await drydock.deployed(NODE)
    assert (await drydock.http.get(path(NODE, "units"), headers=key(old.key))).status_code == 403
    assert (await drydock.http.get(path(NODE, "units"), headers=key(new.key))).status_code == 200

    def close(context):
        return BootContext(
            context.node,
            context.context_id,
            context.task_id,
            context.design_ref,
            context.design,
            context.created,
            closed=timestamp(),
        )

    await drydock.app.services.store.write(Edit(BootContext, NODE, close))
    assert (await drydock.http.get(path(NODE, "units"), headers=key(new.key))).status_code == 404


async def test_tokens_do_not_open_boot_data(drydock):
    await drydock.deployed(NODE)
    answer = await drydock.http.get(path(NODE, "units"), headers=drydock.admin)
    assert answer.status_code == 401


async def test_a_design_that_cannot_be_rendered_is_500_told_on_the_task_once(drydock):
    # Given a node whose pinned design lacks it
    task = await drydock.task(action="validate_design")
    node = await drydock.deployed(NODE, task["task_id"])
    digest = await drydock.app.services.store.put_blob(b"--- {}\n")
    broken = BootContext(
        NODE, node.context.context_id, task["task_id"], "x", digest, node.context.created
    )
    await drydock.app.services.store.write(Put(broken))

    # When it asks twice
    answers = [await drydock.http.get(path(NODE, "files"), headers=key(node.key)) for _ in range(2)]

    # Then it learns nothing, and the task says why, once.
    assert {answer.status_code for answer in answers} == {500}
    assert answers[0].json()["message"] == "Unknown error"
    assert "pinned" not in answers[0].text
    shown = (await drydock.get(f"{V1}/tasks/{task['task_id']}")).json()
    told = [m["message"] for m in shown["result"]["details"]["messageList"] if m["error"]]
    assert len(told) == 1
    assert "could not be rendered" in told[0]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("n1-unit.tar.gz", 'attachment; filename="n1-unit.tar.gz"'),
        (
            'a"b\\c%-unit.tar.gz',
            'attachment; filename="a_b_c_-unit.tar.gz"; '
            "filename*=UTF-8''a%22b%5Cc%25-unit.tar.gz",
        ),
        (
            "nü-unit.tar.gz",
            "attachment; filename=\"n_-unit.tar.gz\"; filename*=UTF-8''n%C3%BC-unit.tar.gz",
        ),
    ],
)
def test_no_host_name_breaks_out_of_the_header(name, header):
    assert disposition(name) == header


class Endless:
    """An archive of megabytes that goes on until nobody takes it any more."""

    data, size = None, 1 << 50

    def __init__(self):
        self.made = asyncio.Event()
        self.ended = asyncio.Event()

    async def chunks(self):
        try:
            while True:
                self.made.set()
                yield b"x" * (1 << 20)
        finally:
            self.ended.set()


async def fetching(drydock, monkeypatch, archive):
    """Return a socket of a node that fetches `archive`, what `chunks` have begun with."""
    node = await drydock.deployed(NODE)

    async def rendered(context, kind, key):
        return archive

    monkeypatch.setattr(drydock.app.services.bootdata, "archive", rendered)
    one = await connected(place(drydock), small=True)
    ask = get(f"{V1}/bootdata/{NODE}/files", {"X-Bootaction-Key": node.key})
    await asyncio.get_running_loop().sock_sendall(one, ask)
    async with asyncio.timeout(20):
        await archive.made.wait()
    return one


async def test_a_node_that_hangs_up_is_no_error(drydock, monkeypatch, caplog):
    for leave in (reset, lambda one: one.close()):
        archive = Endless()
        leave(await fetching(drydock, monkeypatch, archive))
        async with asyncio.timeout(20):
            await archive.ended.wait()
    services = drydock.app.services
    await until(drydock, lambda: services.in_flight <= 1)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert requests_of(drydock, f"{V1}/bootdata/{{host}}/files") == {499: 2}
    assert services.store.boot_context(NODE).delivered == {}


async def test_a_node_that_takes_nothing_is_cut_off(drydock, monkeypatch):
    archive, connections = Endless(), drydock.app.services.connections
    one = await fetching(drydock, monkeypatch, archive)
    await until(drydock, lambda: any(stream.writing() for stream in connections._open))
    connections.look(time.monotonic())
    connections.look(time.monotonic() + 1000)
    async with asyncio.timeout(20):
        await archive.ended.wait()
    one.close()


LOCATED = """
---
schema: drydock/BootAction/v1
metadata: {schema: metadata/Document/v1, name: located}
data:
  assets:
    - {type: file, path: /opt/large, location: 'http://nobody.example/large', permissions: '0755'}
"""
LARGE = random.Random(3).randbytes(3_000_000)


async def with_a_large_source(drydock):
    """A node, its pin, and the blobs that it lies in."""
    pinned = drydock.app.services.tasks.pinned
    pin = replace(await pinned.keep("s", LARGE), asset="located/0")
    node = await drydock.deployed(NODE, more=LOCATED, pins=(pin,))
    return node, pin, drydock.app.services.store.backend._blobs


async def test_a_large_source_is_sent_part_by_part(drydock):
    node, pin, _ = await with_a_large_source(drydock)
    for _ in range(2):
        answer = await drydock.http.get(path(NODE, "files"), headers=key(node.key))
        assert int(answer.headers["Content-Length"]) == len(answer.content) > 3_000_000
        assert members(answer.content)["/opt/large"] == LARGE
    archive = drydock.app.services.tasks.boot_data.known(node.context.context_id, "file")
    assert [piece for piece in archive.pieces if isinstance(piece, str)] == list(pin.parts)
    assert sum(len(piece) for piece in archive.pieces if isinstance(piece, bytes)) < 100_000


def forget_parts(drydock):
    tasks = drydock.app.services.tasks
    tasks.pinned._parts.clear()
    tasks.boot_data._checked.clear()


async def test_a_lost_source_is_a_status_code_and_ends_the_wait_for_reports(drydock):
    node, pin, blobs = await with_a_large_source(drydock)
    forget_parts(drydock)
    del blobs[pin.parts[-1]]

    answer = await drydock.http.get(path(NODE, "files"), headers=key(node.key))

    assert answer.status_code == 500
    assert pin.parts[-1] not in answer.text
    failed = drydock.app.services.store.boot_context(NODE).failed["files"]
    assert pin.parts[-1] in failed
    assert "is missing; destroy and deploy the node again" in failed
    # The units are none of its business.
    assert (await drydock.http.get(path(NODE, "units"), headers=key(node.key))).status_code == 200


async def test_a_source_that_turns_out_lost_on_the_way_breaks_the_connection(drydock):
    node, pin, blobs = await with_a_large_source(drydock)
    assert (await drydock.http.get(path(NODE, "files"), headers=key(node.key))).is_success
    forget_parts(drydock)
    del blobs[pin.parts[-1]]
    with pytest.raises(httpx.RemoteProtocolError):
        await drydock.http.get(path(NODE, "files"), headers=key(node.key))
    failed = drydock.app.services.store.boot_context(NODE).failed["files"]
    assert pin.parts[-1] in failed
