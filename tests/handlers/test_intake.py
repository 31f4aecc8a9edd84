import asyncio

from bench.attacks.connections import crowd
from drydockd.handlers.intake import Intake
from tests.handlers.helpers import JSON, REF, V1, daemon
from tests.handlers.test_streams import place

SMALL = {"body_bytes": 65536, "bootaction_body_bytes": 65536, "bodies_bytes": 100_000}


def test_what_was_given_back_is_room_again():
    intake = Intake(10)
    assert (intake.takes(6), intake.takes(5), intake.takes(4)) == (True, False, True)
    intake.give_back(6)
    assert (intake.takes(6), intake.takes(1)) == (True, False)


async def test_all_bodies_together_are_bounded_and_who_is_late_may_come_again(tmp_path):
    async with daemon(tmp_path, api=SMALL) as drydock:
        intake = drydock.app.servers[0].request_callback.intake
        head = f"POST {V1}/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n".encode()
        body = {"action": "validate_design", "design_ref": REF}
        # Nobody needs an identity to send a body.
        async with crowd(place(drydock), 2, head + b" " * 49_990), asyncio.timeout(20):
            while intake.held_bytes < 2 * 49_990:
                await drydock.http.get("/versions")
            answer = await drydock.post(f"{V1}/tasks", body)
            assert (answer.status_code, answer.json()["retry"]) == (503, True)
            assert "api.bodies_bytes" in answer.json()["message"]
            assert int(answer.headers["Retry-After"]) > 0
            answer = await drydock.http.post(
                f"{V1}/tasks", headers=drydock.admin | JSON, content=parts_of(b'{"action": "noop"}')
            )
            assert answer.status_code == 503
        async with asyncio.timeout(20):
            while intake.held_bytes:
                await drydock.http.get("/versions")
        assert (await drydock.post(f"{V1}/tasks", body)).status_code == 201
        assert intake.held_bytes == 0


async def parts_of(content):
    for at in range(0, len(content), 5):
        yield content[at : at + 5] + b" " * 10
