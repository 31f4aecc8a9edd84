"""What a store shows, and what may be said of several that should show the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drydockd.store.postgres import PostgresBackend
from tests.store.helpers import everything

SHARED, COUNTER = "shared", "counter"  # tasks that all speak in, and that all count in
Replica = dict[str, Any]


def replica_of(store: Any, **more: Any) -> Replica:
    """All documents of a store with the number of its newest write, and that write's chain."""
    chain = ""
    if isinstance(store.backend, PostgresBackend):
        seq, known = store.backend._replica.known
        assert seq == store.seq, "nobody writes, and the chain of the newest write is not known"
        chain = known.hex()
    return {"seq": store.seq, "chain": chain, "documents": everything(store), **more}


def marks(replica: Replica) -> Counter[str]:
    """How often each write is there: see writer."""
    messages = replica["documents"]["messages"]
    return Counter(message["message"].split()[0] for message in messages)


@dataclass
class Verdict:
    """What became of the writes. Each list is empty when all is well."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    refused_but_there: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = {name: len(value) for name, value in vars(self).items() if name != "acknowledged"}
        said = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
        return f"acknowledged {self.acknowledged}, {said}"

    def faults(self) -> dict[str, list[str]]:
        """What is not well: the first few of each kind."""
        return {
            name: value[:5]
            for name, value in vars(self).items()
            if name != "acknowledged" and value
        }


def judge(
    wrote: Mapping[str, str], refused: Iterable[str], replicas: Mapping[str, Replica]
) -> Verdict:
    """Hold what was told (mark -> kind of the write) against what each replica shows now."""
    verdict = Verdict(len(wrote))
    refused = set(refused)
    for name, replica in replicas.items():
        found = marks(replica)
        verdict.lost += [f"{mark} in {name}" for mark in wrote if mark not in found]
        verdict.twice += [f"{mark} in {name}" for mark, times in found.items() if times > 1]
        verdict.refused_but_there += [f"{mark} in {name}" for mark in refused & found.keys()]
        verdict.half += [f"{what} in {name}" for what in _half(replica)]
    (first, expected), *others = replicas.items()
    for name, replica in others:
        for what in _differences(expected, replica):
            verdict.different.append(f"{what}: {first} and {name}")
    return verdict


def _half(replica: Replica) -> list[str]:
    """Writes of which a part is missing: a task without its message, a count without its."""
    documents = replica["documents"]
    said = {(m["task_id"], m["message"].split()[0]) for m in documents["messages"]}
    tasks = {task["task_id"]: task for task in documents["tasks"]}
    alone = [f"task {key}" for key in tasks if "/" in key and (key, key) not in said]
    alone += [f"message of {key}" for key, _ in said if key not in tasks]
    counted, told = tasks[COUNTER]["retry"], sum(key == COUNTER for key, _ in said)
    alone += [f"counter {counted}, told {told}"] if counted != told else []
    numbers: dict[str, list[int]] = {}
    for message in documents["messages"]:
        numbers.setdefault(message["task_id"], []).append(message["seq"])
    return alone + [
        f"numbers of messages of {key}"
        for key, found in numbers.items()
        if sorted(found) != list(range(1, len(found) + 1))
    ]


def _differences(one: Replica, other: Replica) -> list[str]:
    """Where the contents differ; the same count of other documents is not the same."""
    found = [key for key in ("seq", "chain") if one[key] != other[key]]
    for table, documents in one["documents"].items():
        if documents != other["documents"][table]:
            odd = _texts(documents) ^ _texts(other["documents"][table])
            found.append(f"{table} {min(odd, default='')[:500]}")
    return found


def _texts(documents: list[Any]) -> set[str]:
    return {json.dumps(document, sort_keys=True) for document in documents}
