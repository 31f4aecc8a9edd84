from tests.room.fixtures import daemon, open_room, room, site

__all__ = ["daemon", "open_room", "room", "site"]
