"""Who may import whom: the picture of the architecture as a table, held against the code."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "drydockd"

# Room -> rooms it may import besides itself. Peers of one line share only what is below them.
DATA = {"errors", "model", "plans", "site", "config", "log", "systemd"}
PARTS = {"design", "store", "drivers", "render", "auth"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": set(),
    "site": set(),
    "plans": set(),
    "config": set(),
    "log": set(),
    "systemd": set(),
    **dict.fromkeys(PARTS, DATA),
    "tasks": DATA | PARTS,
    "handlers": DATA | PARTS | {"tasks"},
    "app": DATA | PARTS | {"tasks", "handlers"},
    "__main__": DATA | PARTS | {"tasks", "handlers", "app"},
    "cli": DATA | PARTS | {"client", "app", "tasks"},
    "client": set(),
    "agent": set(),
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            pytest.fail(f"{path}: relative import; say the whole name")
        else:
            continue
        rooms |= {n.split(".")[1] for n in names if n.startswith("drydockd.")}
    return rooms - {"__version__"}


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_downwards(path):
    room = room_of(path)
    strays = imported_rooms(path) - MAY_IMPORT[room] - {room}
    assert not strays, f"{path}: {room} must not import {', '.join(sorted(strays))}"


def test_every_room_is_in_the_picture():
    assert {room_of(p) for p in SOURCES} <= set(MAY_IMPORT)


def test_the_walk_sees_imports(tmp_path):
    stray = tmp_path / "x.py"
    stray.write_text("from drydockd.handlers import base\nimport drydockd.store.tiny\n")
    assert imported_rooms(stray) == {"handlers", "store"}
