"""What an attacker would try over HTTP; each line ends in a refusal that says nothing."""

import asyncio

import pytest

from tests.handlers.helpers import JSON, REF, V1, daemon, raw

IDENTITY_HEADERS = {
    "X-Identity-Status": "Confirmed",
    "X-Service-Identity-Status": "Confirmed",
    "X-Roles": "admin",
    "X-Service-Roles": "admin",
    "X-User-Name": "admin",
    "X-User-Id": "admin",
    "X-Project-Id": "admin",
    "X-Is-Admin-Project": "True",
    "Remote-User": "admin",
    "Authorization": "Basic YWRtaW46YWRtaW4=",
}


@pytest.mark.parametrize("strategy", ["jwt", "noauth"])
async def test_identity_headers_of_the_wire_are_nothing(tmp_path, strategy):
    async with daemon(tmp_path, auth={"strategy": (strategy,)}) as drydock:
        expected = 401 if strategy == "jwt" else 403
        for headers in (IDENTITY_HEADERS, IDENTITY_HEADERS | {"X-Auth-Token": "x"}):
            answer = await drydock.http.get(f"{V1}/tasks", headers=headers)
            assert answer.status_code == expected


async def test_identity_headers_add_nothing_to_a_token(drydock):
    headers = IDENTITY_HEADERS | {"X-Auth-Token": drydock.token("member")}
    assert (await drydock.http.get(f"{V1}/tasks", headers=headers)).status_code == 403


async def test_a_token_elsewhere_than_in_its_header_is_nothing(drydock):
    token = drydock.token("admin")
    for request in (
        {"params": {"X-Auth-Token": token}},
        {"params": {"token": token}},
        {"headers": {"Cookie": f"X-Auth-Token={token}"}},
        {"headers": {"Authorization": f"Bearer {token}"}},
    ):
        answer = await drydock.http.request("GET", f"{V1}/tasks", **request)
        assert answer.status_code == 401, request


async def test_a_key_elsewhere_than_in_its_header_is_nothing(drydock):
    node = await drydock.deployed("a01-control")
    for params in ({"X-Bootaction-Key": node.key}, {"key": node.key}):
        answer = await drydock.http.get(f"{V1}/bootdata/a01-control/units", params=params)
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1.0/health/../tasks",
        "/api/v1.0/health/%2e%2e/tasks",
        "/versions/..%2fapi/v1.0/tasks",
        "/versions%2f..%2fapi%2fv1.0%2ftasks",
        "/api/v1.0/bootdata/%2e%2e/units",
        "/api/v1.0/bootdata/..%2f..%2fetc/files",
        "/api/v1.0/tasks/%2e",
        "/API/v1.0/tasks",
        "/api/V1.0/tasks",
        "/api/v1.0/Tasks",
        "/api/v1.0/tasks;/",
        "/api/v1.0/tasks%00",
        "/api/v1.0/tasks%20",
        "\\api\\v1.0\\tasks",
        "*",
    ],
)
async def test_no_way_of_writing_a_path_leads_round_the_table(drydock, path):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    answer = await raw(drydock.app.url, request)
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer[:80]
    token = drydock.token("admin")
    with_token = request.replace(b"Host: x", f"Host: x\r\nX-Auth-Token: {token}".encode())
    answer = await raw(drydock.app.url, with_token)
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer[:80]


@pytest.mark.parametrize("path", ["//api/v1.0/tasks", "/api//v1.0/tasks/", "/api/v1.0/tasks//"])
async def test_more_slashes_do_not_lead_round_the_policy(drydock, path):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert (await raw(drydock.app.url, request)).startswith(b"HTTP/1.1 401 ")


async def test_the_absolute_form_of_a_path_is_the_same_path(drydock):
    request = (
        b"GET http://elsewhere/api/v1.0/tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert (await raw(drydock.app.url, request)).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("method", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_the_method_is_what_the_request_line_says(drydock, method):
    answer = await drydock.http.get("/versions", headers={method: "DELETE"})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["a%0d%0aX-Evil:%201", "a%22;%20filename=%22evil", "%E2%80%AE"])
async def test_a_host_name_writes_no_header(drydock, host):
    answer = await drydock.http.get(f"{V1}/bootdata/{host}/units")
    assert answer.status_code == 404
    assert "X-Evil" not in answer.headers


async def test_a_marker_and_an_end_user_write_no_header(drydock):
    request = (
        f"GET {V1}/tasks HTTP/1.1\r\nHost: x\r\nX-End-User: joe\x0bERROR forged\r\n"
        f"X-Context-Marker: not-a-uuid\r\nX-Auth-Token: {drydock.token('admin')}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    answer = await raw(drydock.app.url, request)
    assert b"forged" not in answer


async def test_guessing_keys_is_slowed_and_the_owner_is_not(tmp_path):
    async with daemon(tmp_path, auth={"throttle_failures": 1}) as drydock:
        node = await drydock.deployed("a01-control")
        slept = []

        async def sleep(seconds):
            slept.append(seconds)

        drydock.app.services.throttle._sleep = sleep
        url = f"{V1}/bootdata/a01-control/units"
        for _ in range(4):
            answer = await drydock.http.get(url, headers={"X-Bootaction-Key": "0" * 64})
            assert answer.status_code == 403
        assert slept == sorted(slept)
        assert len(slept) == 3
        answer = await drydock.http.get(url, headers={"X-Bootaction-Key": node.key})
        assert answer.status_code == 200
        assert len(slept) == 3


async def test_the_servers_own_files_and_neighbours_cannot_be_read(drydock):
    for ref in (
        "file:///etc/passwd",
        f"file://{drydock.state}/../../etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://localhost:1/",
    ):
        answer = await drydock.post(f"{V1}/nodefilter", {"design_ref": ref})
        assert answer.status_code == 400, ref
        assert "root:" not in answer.text


async def test_a_password_in_a_reference_is_not_echoed(drydock):
    ref = "http://joe:hunter2@169.254.169.254/x"
    for path, body in (("nodefilter", {"design_ref": ref}), ("validatedesign", {"href": ref})):
        assert "hunter2" not in (await drydock.post(f"{V1}/{path}", body)).text


@pytest.mark.slow
async def test_a_slow_body_is_cut_off(tmp_path):
    async with daemon(tmp_path, api={"body_timeout": 1}) as drydock:
        head = (
            f"POST {V1}/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            "Content-Type: application/json\r\n\r\n{"
        ).encode()

        host, _, port = drydock.app.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_a_deep_body_and_a_huge_number_are_400(drydock):
    for content in (b'{"a":' * 40 + b"1" + b"}" * 40, b'{"a": 1' + b"0" * 400 + b"}"):
        answer = await drydock.http.post(
            f"{V1}/tasks", headers=drydock.admin | JSON, content=content
        )
        assert answer.status_code == 400


async def test_the_node_address_serves_nodes_only(tmp_path):
    async with daemon(tmp_path, api={"node_listen": "127.0.0.1:0"}) as drydock:
        node = await drydock.deployed("a01-control")
        url = drydock.app.node_url
        key = {"X-Bootaction-Key": node.key}
        answer = await drydock.http.get(f"{url}{V1}/bootdata/a01-control/files", headers=key)
        assert answer.status_code == 200
        for path in ("/versions", "/metrics", f"{V1}/health", f"{V1}/tasks", f"{V1}/nodes"):
            assert (await drydock.http.get(url + path, headers=drydock.admin)).status_code == 404
        made = await drydock.http.post(
            f"{url}{V1}/tasks",
            headers=drydock.admin,
            json={"action": "validate_design", "design_ref": REF},
        )
        assert made.status_code in (404, 413)


async def test_noauth_answers_no_name_that_somebody_else_let_point_here(tmp_path):
    auth = {"strategy": ("noauth",), "noauth_roles": ("admin",)}
    async with daemon(tmp_path, auth=auth) as drydock:
        get, path = drydock.http.get, f"{V1}/tasks"
        assert (await get(path)).status_code == 200
        rebound = await get(path, headers={"Host": "evil.example:9000"})
        assert rebound.status_code == 421
        assert "set api.public_url" in rebound.json()["message"]
        lured = await get(path, headers={"Origin": "http://evil.example"})
        assert lured.status_code == 403
