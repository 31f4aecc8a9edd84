"""The simulated MAAS' tags."""

from __future__ import annotations

import re
from typing import Any

from tests.peers.maas import documents
from tests.peers.maas.core import Answer, Call, Refuse, Simulator, not_found, route

NAME = re.compile(r"[a-zA-Z0-9_-]+")
FIELDS = ("definition", "comment", "kernel_opts")


def document(sim: Simulator, name: str) -> dict[str, Any]:
    return {
        "name": name,
        **{field: sim.tags[name][field] for field in FIELDS},
        "resource_uri": f"/MAAS/api/2.0/tags/{name}/",
    }


def _found(sim: Simulator, call: Call) -> str:
    name = call.parts["name"]
    if name not in sim.tags:
        raise not_found("Tag")
    return name


@route("GET", "tags/")
def every(sim: Simulator, call: Call) -> Any:
    return [document(sim, name) for name in sim.tags]


@route("POST", "tags/")
def create(sim: Simulator, call: Call) -> Any:
    name = _name(sim, call, "")
    sim.tags[name] = {field: call.get(field) or "" for field in FIELDS}
    sim.done["tag", name] += 1
    return document(sim, name)


def _name(sim: Simulator, call: Call, known: str) -> str:
    name = call.get("name") or ""
    if not name:
        raise Refuse(400, {"name": ["This field is required."]})
    if not NAME.fullmatch(name) or len(name) > 256:
        raise Refuse(400, {"name": ["Enter a valid value."]})
    if name in sim.tags and name != known:
        raise Refuse(400, {"name": ["Tag with this Name already exists."]})
    return name


@route("GET", "tags/{name}/")
def one(sim: Simulator, call: Call) -> Any:
    return document(sim, _found(sim, call))


@route("PUT", "tags/{name}/")
def change(sim: Simulator, call: Call) -> Any:
    """The whole form is validated, so that the name is wanted too."""
    name = _found(sim, call)
    new = _name(sim, call, name)
    fields = sim.tags.pop(name)
    sim.tags[new] = {field: call.get(field, fields[field]) for field in FIELDS}
    for machine in sim.machines.values():
        if name in machine.tag_names:
            machine.tag_names = {*machine.tag_names - {name}, new}
    return document(sim, new)


@route("DELETE", "tags/{name}/")
def delete(sim: Simulator, call: Call) -> Any:
    name = _found(sim, call)
    del sim.tags[name]
    for machine in sim.machines.values():
        machine.tag_names.discard(name)
    return Answer(204)


@route("GET", "tags/{name}/", "nodes")
def nodes(sim: Simulator, call: Call) -> Any:
    name = _found(sim, call)
    return [documents.machine(sim, m) for m in sim.machines.values() if name in m.tag_names]


@route("POST", "tags/{name}/", "update_nodes")
def update_nodes(sim: Simulator, call: Call) -> Any:
    """Unknown machines are passed over in silence."""
    name = _found(sim, call)
    added = [sim.machines[sid] for sid in call.all("add") if sid in sim.machines]
    removed = [sim.machines[sid] for sid in call.all("remove") if sid in sim.machines]
    for machine in added:
        machine.tag_names.add(name)
    for machine in removed:
        machine.tag_names.discard(name)
    return {"added": len(added), "removed": len(removed)}
