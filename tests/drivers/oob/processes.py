"""Which processes there are, as /proc tells."""

import os
from pathlib import Path


def children_of(parent: int) -> dict[int, str]:
    """A process's children, dead ones not yet reaped too: number -> command line."""
    found = {}
    for number in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        try:
            stat = Path(f"/proc/{number}/stat").read_text()
            words = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        name, _, rest = stat.rpartition(")")
        if int(rest.split()[1]) == parent:
            found[number] = words.strip() or name
    return found


class Children:
    """The children that this process got since; other tests' parts may run in it too."""

    def __init__(self) -> None:
        self.before = set(children_of(os.getpid()))

    def new(self) -> dict[int, str]:
        """Number -> command line."""
        now = children_of(os.getpid())
        return {number: words for number, words in now.items() if number not in self.before}

    def __call__(self) -> list[str]:
        return list(self.new().values())

    @staticmethod
    def environment_of(number: int) -> dict[str, str]:
        text = Path(f"/proc/{number}/environ").read_bytes().decode()
        return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)
