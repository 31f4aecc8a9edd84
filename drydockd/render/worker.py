"""Render one template in a process of its own; the worker's side (see `drydockd.apart`).

Jobs and answers are JSON: what a template did to its process shall reach nobody as more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import TypedDict

from jinja2 import UndefinedError

from drydockd import apart
from drydockd.render import sandbox


class Job(TypedDict):
    """What to render, and within what; `chars` bounds the text."""

    source: str
    context: Mapping[str, object]
    chars: int
    seconds: float
    memory_bytes: int


class Answer(TypedDict, total=False):
    """Either the text or what went wrong."""

    text: str
    error: str


def encoded(message: Job | Answer) -> bytes:
    return json.dumps(message).encode("ascii")


def answer(body: bytes) -> bytes:
    """Return the encoded `Answer` to an encoded `Job`, rendered by a child."""
    job: Job = json.loads(body)
    # JSON may write a character as twelve bytes: a pair of escapes.
    limits = apart.Limits(job["seconds"], job["memory_bytes"], 12 * job["chars"] + 4096)
    found = apart.run(partial(_rendered, job), limits)
    return encoded({"error": found.text}) if isinstance(found, apart.Ended) else found


def _rendered(job: Job) -> bytes:
    try:
        text = sandbox.render_any(job["source"], job["context"], job["chars"])
        return encoded({"text": text})
    except MemoryError:
        raise  # told by whoever gave it
    except OSError:
        # Its text would name a file of this machine.
        return encoded({"error": "tries to open a file"})
    except Exception as error:
        return encoded({"error": sandbox.describe(error)})


def warm_up() -> None:
    """Have everything loaded that Jinja2 loads late: a child may open no file."""
    sandbox.render_any("{{ 'a'|pprint }}{{ 1|tojson }}{{ 'http://a'|urlize }}", {}, 4096)
    try:
        sandbox.render_any("{{ nothing }}", {}, 1)
    except UndefinedError as error:
        sandbox.describe(error)


def main() -> None:
    warm_up()
    apart.main(answer)
