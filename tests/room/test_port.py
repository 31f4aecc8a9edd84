"""Both rooms are ports: near and far have every method, with the same parameters."""

import inspect

import pytest

from drydockd.room.port import OPERATIONS, RoomPort
from drydockd.room.remote import RemoteRoom
from drydockd.room.room import Room

METHODS = [n for n, v in vars(RoomPort).items() if inspect.isfunction(v) and n[0] != "_"]


@pytest.mark.parametrize("room", [Room, RemoteRoom])
@pytest.mark.parametrize("method", METHODS)
def test_a_room_has_the_methods_of_a_port(room, method):
    assert inspect.signature(getattr(room, method)) == inspect.signature(getattr(RoomPort, method))


def test_every_method_but_waiting_and_closing_crosses_the_wire():
    assert {*OPERATIONS, "changed", "close"} == set(METHODS)
