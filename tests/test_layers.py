"""Who may import whom: the picture of the architecture as a table, held against the code."""

import ast
from collections.abc import Collection
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "drydockd"

# Room -> rooms it may import besides itself. Peers of one line share only what is below them.
DATA = {
    "errors", "machines", "model", "oob", "plans", "site", "config", "log", "systemd", "garbage",
    "apart", "turns", "patterns", "tls", "installed", "acting",
}  # fmt: skip
PARTS = {"design", "store", "drivers", "render", "auth"}
MAY_IMPORT: dict[str, set[str]] = {
    "api": set(),
    "errors": set(),
    "acting": {"errors"},
    "machines": set(),
    "model": {"api"},
    "oob": set(),
    "site": set(),
    "plans": set(),
    "installed": {"machines", "plans"},
    "config": set(),
    "log": set(),
    "systemd": set(),
    "reload": {"config"},
    "garbage": set(),
    "apart": set(),
    "turns": {"errors"},
    "patterns": {"errors"},
    "tls": {"errors"},
    "images": {"errors"},
    # The room plays machines and their backends; the `fake` drivers are how drydockd reaches it.
    "room": DATA,
    **dict.fromkeys(PARTS, DATA | {"api"}),
    "drivers": DATA | {"api", "room", "images"},
    "tasks": DATA | PARTS | {"api"},
    # Who of several daemons may act. The tasks know no more of it than tasks.shared.authority.
    "cluster": DATA | {"api", "store", "auth"},
    # Reads another program's database into the store; knows no more of drydockd than that.
    "migrate": {"errors", "model", "store", "auth"},
    "webhooks": DATA | PARTS | {"api", "tasks"},
    "handlers": DATA | PARTS | {"api", "tasks", "webhooks", "cluster"},
    # The page stands on the handlers: the same services, other words. Only `app` knows it.
    "web": DATA | {"design", "store", "auth", "api", "tasks", "handlers"},
    "parts": DATA | PARTS | {"tasks", "webhooks"},
    # How a daemon comes to its store: alone, or with others.
    "membership": DATA | PARTS | {"tasks", "parts", "cluster"},
    "app": DATA | PARTS | {"tasks", "handlers", "parts", "web", "cluster", "membership"},
    "preflight": DATA | PARTS | {"tasks", "handlers", "parts", "membership"},
    "__main__": DATA
    | PARTS
    | {"tasks", "handlers", "parts", "preflight", "app", "reload", "cluster"},
    "cli": DATA
    | PARTS
    | {"api", "room", "images", "client", "app", "tasks", "parts", "preflight"}
    # What the API is, for `drydock api-schema`.
    | {"handlers"}
    | {"migrate"},
    "client": {"api"},
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


# The floors inside tasks/ -> floors they may import besides themselves. "" is tasks/__init__.
TASKS = PACKAGE / "tasks"
FLOORS: dict[str, set[str]] = {
    "words": set(),
    "shared": {"words"},
    "deployments": {"words", "shared"},
    "steps": {"words", "shared"},
    "actions": {"words", "shared", "steps", "deployments"},
    "schedule": {"words", "shared", "steps"},
    "views": {"words", "shared", "steps", "schedule", "deployments"},
    "service": {"words", "shared", "steps", "schedule", "deployments", "actions", "views"},
    "": {"words", "shared", "deployments", "views", "service"},
}
MOST_FLOORS = 8


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module: str) -> str:
    """``drydockd.tasks.steps.job`` -> ``steps``."""
    return module.split(".")[2] if module.count(".") > 1 else ""


def imported_modules(path: Path, known: Collection[str]) -> set[str]:
    """The modules among `known` that the file imports, also those for type checking only."""
    found = set()
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                inside = f"{statement.module}.{alias.name}"
                found.add(inside if inside in known else str(statement.module))
    return found & set(known)


def heights(graph: dict[str, set[str]]) -> dict[str, int]:
    """How many files stand above one another down from each, itself counted. Fails on a circle."""
    found: dict[str, int] = {}

    def height(module: str, above: tuple[str, ...]) -> int:
        if module in above:
            circle = (*above[above.index(module) :], module)
            pytest.fail(f"a circle of imports: {' -> '.join(circle)}")
        if module not in found:
            below = (height(lower, (*above, module)) for lower in graph[module])
            found[module] = 1 + max(below, default=0)
        return found[module]

    for module in graph:
        height(module, ())
    return found


TASK_FILES = {module_of(path): path for path in sorted(TASKS.rglob("*.py"))}
TASK_GRAPH = {m: imported_modules(path, TASK_FILES) - {m} for m, path in TASK_FILES.items()}


@pytest.mark.parametrize("module", TASK_FILES)
def test_a_file_of_tasks_imports_only_floors_below_its_own(module):
    floor = floor_of(module)
    strays = {m for m in TASK_GRAPH[module] if floor_of(m) not in FLOORS[floor] | {floor}}
    assert not strays, f"{module} must not import {', '.join(sorted(strays))}"


def test_the_files_of_tasks_stand_on_few_floors_and_in_no_circle():
    found = heights(TASK_GRAPH)
    highest = max(found.values())
    assert highest <= MOST_FLOORS, sorted(m for m, height in found.items() if height == highest)


def test_a_circle_is_found_also_one_for_type_checking_only(tmp_path):
    graph = {}
    for name, other in (("a", "b"), ("b", "a")):
        path = tmp_path / f"{name}.py"
        path.write_text(f"if TYPE_CHECKING:\n    from x.{other} import y\n")
        graph[f"x.{name}"] = imported_modules(path, {"x.a", "x.b"})
    with pytest.raises(pytest.fail.Exception, match=r"x\.a -> x\.b -> x\.a"):
        heights(graph)


def test_others_come_into_tasks_by_its_front_door():
    outside = [path for path in SOURCES if TASKS not in path.parents]
    known = {"drydockd.tasks", *TASK_FILES}
    strays = {
        f"{path.relative_to(PACKAGE)}: {module}"
        for path in outside
        for module in imported_modules(path, known) - {"drydockd.tasks"}
    }
    assert not strays
