"""What inspections hear, read as the agent reads it."""

import asyncio

from drydockd.agent.install.lldp import HEAD_BYTES, decode
from drydockd.room.qemu import lldp
from drydockd.room.qemu.lldp import Speaker, frame, tap_voice

CHASSIS = bytes.fromhex("02dd00000001")


def test_a_neighbour_is_read_by_the_agent_as_it_was_said():
    told = decode(frame(CHASSIS, "lab-trunk", "1/2", 21)[HEAD_BYTES:])
    assert told == {
        "chassis": "02:dd:00:00:00:01",
        "port": "1/2",
        "system": "lab-trunk",
        "vlans": {"21": "vlan21"},
    }


def test_without_a_vlan_none_is_told():
    assert "vlans" not in decode(frame(CHASSIS, "lab-boot", "ddlab0-1")[HEAD_BYTES:])


def test_it_goes_to_the_nearest_bridge_and_no_further_by_its_ethertype():
    assert frame(CHASSIS, "s", "p")[:14] == bytes.fromhex("0180c200000e02dd0000000188cc")


async def test_it_is_said_by_each_port_again_and_again_until_the_end(monkeypatch):
    monkeypatch.setattr(lldp, "FAST_SECONDS", 0.001)
    said, often = [], asyncio.Event()

    def say(port):
        said.append(port)
        if len(said) > 5:
            often.set()

    speaker = Speaker([lambda: say(1), lambda: say(2)])
    speaker.start()
    await asyncio.wait_for(often.wait(), 60)
    assert said[:4] == [1, 2, 1, 2]
    speaker.close()
    ended = len(said)
    # Whatever were to come would be ready in the loop's next rounds.
    again = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, again.set)
    await again.wait()
    assert len(said) == ended


def test_a_machine_that_is_not_there_is_told_nothing():
    tap_voice("no-such-tap", b"frame")()
