"""A shelf in memory, and what the tests of netboot share."""

import hashlib

from drydockd.drivers.node.netboot.messages import Hello, InventoryReport
from drydockd.errors import NotFound

MAC = "52:54:00:00:00:01"
NONCE = "a" * 32


class MemoryShelf:
    """drivers.base.Shelf without a disk; `writes` counts, `fails` makes the next one fail."""

    def __init__(self):
        self.kept, self.blobs, self.writes, self.fails = {}, {}, 0, None

    def records(self):
        return dict(self.kept)

    def record(self, name):
        return self.kept.get(name)

    async def put(self, documents, blobs=None):
        if self.fails is not None:
            raise self.fails
        self.writes += 1
        for name, document in documents.items():
            if document is None:
                self.kept.pop(name, None)
            else:
                self.kept[name] = document

    async def put_blob(self, content):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return digest

    async def blob(self, digest):
        if digest not in self.blobs:
            raise NotFound(digest)
        return self.blobs[digest]


def a_hello(**fields):
    given = {"nonce": NONCE, "mac": MAC, "macs": (MAC,), "uuid": "u-1", "serial": "S-1"}
    return Hello(**(given | fields))


def a_report(mac=MAC, **fields):
    given = {"mac": mac, "macs": (mac,), "lshw": "<node/>", "uuid": "u-1", "serial": "S-1"}
    return InventoryReport(**(given | fields))
