"""The boot listener's HTTP: ranges, limits, errors, and no route of the API."""

import os

import httpx
import pytest

from drydockd.drivers.node.netboot.handling import Services
from drydockd.drivers.node.netboot.listener import ROUTES, BootListener
from drydockd.errors import InvalidConfig, NotFound, StoreUnavailable
from tests.drivers.node.netboot.shelves import a_hello
from tests.drivers.node.netboot.test_boots import READY, Room, ways
from tests.drivers.node.netboot.test_boots import Phase as Phase
from tests.handlers.helpers import daemon

CONTENT = os.urandom(700_000)


@pytest.fixture
async def room():
    return await Room(ways.begun(READY, Phase.INSTALL, deployment_id="d1", plan="p")).filled()


@pytest.fixture
async def http(room, tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)

    def file_of(sha256):
        if sha256 != "a" * 64:
            raise NotFound("no such file")
        return path, b""

    services = Services(room.boots, file_of, lambda sha256: path, 1)
    listener = BootListener(services)
    listener.start("127.0.0.1:0")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.port}") as http:
        http.listener, http.services = listener, services
        yield http
    await listener.stop()


FILE = f"/boot/files/{'a' * 64}/initrd"


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        (None, 200, slice(None)),
        ("bytes=0-", 206, slice(None)),
        ("bytes=500000-", 206, slice(500_000, None)),
        ("bytes=10-19", 206, slice(10, 20)),
        ("bytes=699999-9999999", 206, slice(699_999, None)),
        ("bytes=-5", 200, slice(None)),
        ("bytes=5-2", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
async def test_a_part_is_the_bytes_that_were_asked_for(http, asked, status, part):
    got = await http.get(FILE, headers={"Range": asked} if asked else {})
    assert (got.status_code, got.content) == (status, CONTENT[part])


async def test_a_part_behind_the_end_says_how_long_it_is(http):
    got = await http.get(FILE, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert got.status_code == 416
    assert got.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


async def test_a_head_has_the_length_and_no_body(http):
    got = await http.head(FILE)
    assert (got.headers["Content-Length"], got.content) == (str(len(CONTENT)), b"")
    assert "immutable" in got.headers["Cache-Control"]


async def test_an_image_is_asked_for_its_length_before_anything_is_wiped_for_it(http, room):
    headers = {"Authorization": f"Bearer {await room.session()}"}
    got = await http.head(f"/boot/image/{'e' * 64}", headers=headers)
    told = (got.status_code, got.headers["Content-Length"], got.content)
    assert told == (200, str(len(CONTENT)), b"")
    assert (await http.head(f"/boot/image/{'f' * 64}", headers=headers)).status_code == 403
    assert (await http.head(f"/boot/image/{'e' * 64}")).status_code == 401


async def test_2_a_script_is_only_for_who_comes_through_a_boot_network(http, room):
    room.boots.interfaces_for = lambda address: frozenset({"boot1"})
    room.boots.strangers.await_mac("52:54:00:00:00:99")
    query = {"mac": "52:54:00:00:00:99"}
    assert "kernel" not in (await http.get("/boot/ipxe", params=query)).text
    room.boots.interfaces_for = lambda address: frozenset({"lo"})
    assert "kernel" in (await http.get("/boot/ipxe", params=query)).text


async def test_no_route_of_the_api_is_here_and_none_of_these_there(http):
    for path in ("/", "/versions", "/api/v1.0/tasks", "/api/v1.0/bootdata/n1/units", "/metrics"):
        assert (await http.get(path)).status_code == 404, path
    assert not [path for path, _ in ROUTES if not path.startswith("/boot/")]


async def test_an_error_has_the_apis_body(http):
    got = await http.post("/boot/hello", content=b"{", headers={"Authorization": "Bearer x"})
    assert got.status_code == 400
    assert set(got.json()) == {"type", "message", "retry"}
    assert (await http.post("/boot/hello", json={})).status_code == 401
    assert (await http.get("/boot/hello")).status_code == 405
    assert (await http.get("/boot/command?wait=x", headers={"Authorization": "Bearer x"})
            ).status_code == 400  # fmt: skip


async def test_a_full_disk_is_worth_another_try(http, room):
    token = await room.token()
    room.shelf.fails = StoreUnavailable("the disk is full")
    body = a_hello().model_dump(mode="json")
    got = await http.post("/boot/hello", json=body, headers={"Authorization": f"Bearer {token}"})
    assert (got.status_code, got.json()["retry"]) == (503, True)


async def test_a_port_that_is_taken_is_said_with_its_option(http):
    other = BootListener(http.services)
    with pytest.raises(InvalidConfig, match=r"netboot_driver\.listen: cannot listen on"):
        other.start(f"127.0.0.1:{http.listener.port}")


async def test_the_api_has_no_route_of_the_boot_listener(tmp_path):
    async with daemon(tmp_path) as running:
        for path in (
            "/boot/ipxe", FILE, f"/boot/image/{'a' * 64}", "/boot/hello", "/boot/command",
            "/boot/inventory", "/boot/progress", "/boot/end", "/boot/first",
        ):  # fmt: skip
            for method in ("GET", "POST"):
                answer = await running.http.request(method, path)
                assert answer.status_code == 404, (method, path, answer.text)
