"""The API as an OpenAPI 3.1 document, from the table of routes, their handlers and the models.

Source of the format: OpenAPI Specification 3.1.1; schemas are JSON Schema 2020-12.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

import drydockd
from drydockd.api.base import Request
from drydockd.api.error import Error
from drydockd.auth.bootkey import HEADER as BOOT_KEY
from drydockd.auth.rules import full_name
from drydockd.auth.strategy import END_USER, MARKER, SERVICE_TOKEN, USER_TOKEN
from drydockd.handlers import wording
from drydockd.handlers.barrier import HEADER as STALE
from drydockd.handlers.barrier import Reads
from drydockd.handlers.base import NODE_KEY, OPEN, BaseHandler, Media
from drydockd.handlers.parameters import Parameter
from drydockd.handlers.routing import Route

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/{model}"
VARIABLE = re.compile(r"\{(\w+)\}")
# What is refused on every route; on one that asks for an identity, for a node's key, for a body.
ALWAYS = (413, 421, 431, 500, 503)
IDENTITY = (400, 401, 403, 429)
KEY = (401, 403, 404, 429)
BODY = (400,)
# Status -> headers that it may have besides.
OF_REFUSAL = {
    401: ["WWW-Authenticate"],
    404: [STALE],
    409: [STALE],
    429: ["Retry-After"],
    503: ["Retry-After"],
}
# Where tools get the values for a variable of a path: the model of an answer, and the place in it.
LINKS = {
    "Task": ("task_id", "$response.body#/task_id"),
    "Node": ("host", "$response.body#/0/hostname"),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route; `twin` when an earlier route of the same handler says the same."""

    method: str
    route: Route
    handler: type[BaseHandler]
    name: str
    is_twin: bool

    @property
    def rule(self) -> str:
        return self.handler.policy[self.method]

    @property
    def variables(self) -> list[str]:
        return VARIABLE.findall(self.route.pattern)

    @property
    def parameters(self) -> Iterable[str]:
        return self.handler.parameters.get(self.method, ())

    @property
    def answers(self) -> dict[int, object]:
        """Status -> model, Media or None: those of the handler."""
        said = self.handler.answers.items()
        return {status: kind for (method, status), kind in said if method == self.method}

    @property
    def refusals(self) -> set[int]:
        """The further statuses, which come with the one error body."""
        found = {*ALWAYS}
        found |= {NODE_KEY: {*KEY}, OPEN: set()}.get(self.rule, {*IDENTITY})
        found |= {*BODY} if self.method in self.handler.bodies else set()
        found |= {404} if self.variables else set()
        return found - self.answers.keys()

    @property
    def is_behind_barrier(self) -> bool:
        """Whether people are told of records, and by how much these may be behind."""
        return self.rule not in (OPEN, NODE_KEY) and self.handler.reads is Reads.RECORDS

    @property
    def is_deprecated(self) -> bool:
        """Whether there is another path for it, or nothing behind it any more."""
        return self.is_twin or all(status >= 400 for status in self.answers)


def operations(routes: Iterable[Route]) -> list[Operation]:
    """Return every method of every route, in their order; each has a name of its own."""
    found: list[Operation] = []
    first: dict[tuple[str, type], list[str]] = {}
    for route in routes:
        handler: type[BaseHandler] = route.handler  # type: ignore[assignment]
        variables = VARIABLE.findall(route.pattern)
        for method in handler.policy:
            name = handler.names[method]
            known = first.setdefault((method, handler), variables)
            more = variables[len(known) :]
            is_twin = known is not variables and not more
            name = "_".join((name, *more, *(["twin"] if is_twin else [])))
            found.append(Operation(method, route, handler, name, is_twin))
    return found


def document(routes: Iterable[Route], said: Callable[[str], str] = wording.plain) -> Json:
    """Return the document; `said` makes the text for it of a handler's line of Markdown."""
    found = operations(routes)
    kinds, schemas = _schemas(found)
    paths: Json = {}
    for one in found:
        paths.setdefault(one.route.pattern, {})[one.method.lower()] = _operation(
            one, found, kinds, said
        )
    return {
        "openapi": "3.1.1",
        "info": wording.info(drydockd.__version__),
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in wording.TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {wording.REFUSALS[s][0]: _refusal(s) for s in _refused(found)},
            "parameters": _shared_parameters(),
            "headers": _shared_headers(),
            "securitySchemes": _security_schemes(),
        },
    }


# -- one operation


def _operation(
    one: Operation,
    others: Iterable[Operation],
    kinds: Mapping[object, Json],
    said: Callable[[str], str],
) -> Json:
    made: Json = {
        "operationId": one.name,
        "tags": [wording.tag(one.route.pattern)],
        "summary": said(one.handler.about[one.method]),
        "security": _security(one.rule),
        "parameters": [*_parameters(one)],
        "responses": {},
    }
    if one.rule not in (OPEN, NODE_KEY):
        made["x-policy"] = full_name(one.rule)
    if one.is_deprecated:
        made["deprecated"] = True
    if kind := one.handler.bodies.get(one.method):
        content = {"application/json": {"schema": kinds[kind]}}
        made["requestBody"] = {"required": kind is not Request, "content": content}
    for status, answer in one.answers.items():
        made["responses"][str(status)] = _answer(status, answer, kinds)
        if one.is_behind_barrier:
            made["responses"][str(status)]["headers"][STALE] = _header(STALE)
        if links := dict(_links(one, answer, others)):
            made["responses"][str(status)]["links"] = links
    for status in one.refusals:
        name, _ = wording.REFUSALS[status]
        made["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
    made["responses"] = dict(sorted(made["responses"].items()))
    return {key: value for key, value in made.items() if value or key == "security"}


def _parameters(one: Operation) -> Iterator[Json]:
    for name in one.variables:
        about, schema = wording.VARIABLES.get(name, ("", {"type": "string"}))
        yield {"name": name, "in": "path", "required": True, "description": about, "schema": schema}
    for parameter in one.parameters:
        if not isinstance(parameter, Parameter):
            yield {"name": parameter, "in": "query", "schema": {"type": "string"}}
            continue
        places = {"query": str(parameter), "header": parameter.header}
        for place, name in places.items():
            if name:
                yield {
                    "name": name,
                    "in": place,
                    "description": parameter.about,
                    "schema": dict(parameter.schema),
                }
    if one.rule not in (OPEN, NODE_KEY):
        yield from ({"$ref": f"#/components/parameters/{name}"} for name in (MARKER, END_USER))


def _answer(status: int, answer: object, kinds: Mapping[object, Json]) -> Json:
    headers = {"X-Drydock-Req": _header("X-Drydock-Req")}
    made: Json = {"description": http.client.responses[status], "headers": headers}
    if status == 201:
        headers["Location"] = _header("Location")
    if isinstance(answer, Media):
        for name, about in answer.headers.items():
            headers[name] = {"description": about, "required": True, "schema": {"type": "string"}}
        made["content"] = {answer.name: _media(answer, kinds)}
    elif answer is not None:
        made["content"] = {"application/json": {"schema": kinds[_key(answer)]}}
    return made


def _media(answer: Media, kinds: Mapping[object, Json]) -> Json:
    if answer.events:
        named = ", ".join(f"`{event}`" for event in answer.events)
        about = f"Server-sent events (WHATWG HTML): {named}; the data of each is JSON."
        events = {event: kinds[_key(kind)] for event, kind in answer.events.items()}
        return {"schema": {"type": "string", "description": about}, "x-events": events}
    is_text = answer.name.startswith("text/")
    # Bytes have no schema: OpenAPI 3.1.1, 4.8.14.4.
    return {"schema": {"type": "string"}} if is_text else {}


def _links(
    one: Operation, answer: object, others: Iterable[Operation]
) -> Iterator[tuple[str, Json]]:
    """Yield what can be asked next with an id that this answer tells."""
    names = [getattr(kind, "__name__", "") for kind in getattr(answer, "__args__", (answer,))]
    if one.variables or len(names) != 1 or names[0] not in LINKS:
        return
    variable, place = LINKS[names[0]]
    is_list = getattr(answer, "__origin__", None) is list
    if is_list != ("/0/" in place):
        return
    for other in others:
        if other.variables == [variable] and other.rule != NODE_KEY:
            yield other.name, {"operationId": other.name, "parameters": {variable: place}}


# -- what operations share


def _security(rule: str) -> list[Json]:
    if rule == OPEN:
        return []
    if rule == NODE_KEY:
        return [{"bootKey": []}]
    return [{"token": []}, {"serviceToken": []}, {"token": [], "serviceToken": []}]


def _security_schemes() -> Json:
    headers = {"token": USER_TOKEN, "serviceToken": SERVICE_TOKEN, "bootKey": BOOT_KEY}
    return {
        name: {"type": "apiKey", "in": "header", "name": header, "description": wording.KEYS[name]}
        for name, header in headers.items()
    }


def _shared_parameters() -> Json:
    return {
        name: {"name": name, "in": "header", "description": about, "schema": schema}
        for name, (about, schema) in {
            MARKER: wording.MARKER,
            END_USER: wording.END_USER,
        }.items()
    }


def _shared_headers() -> Json:
    return {
        name: {"description": about, "required": required, "schema": schema}
        for name, (about, required, schema) in wording.HEADERS.items()
    }


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}


def _refused(found: Iterable[Operation]) -> list[int]:
    return sorted({status for one in found for status in one.refusals})


def _refusal(status: int) -> Json:
    names = ["X-Drydock-Req"]
    names += OF_REFUSAL.get(status, [])
    return {
        "description": wording.REFUSALS[status][1],
        "headers": {name: _header(name) for name in names},
        "content": {
            "application/json": {
                "schema": {"$ref": SCHEMAS.format(model="Error")},
                "example": wording.example(status),
            }
        },
    }


# -- schemas


class _Schemas(GenerateJsonSchema):
    """Without a title for every field, which would say its name once more."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def _key(kind: object) -> object:
    """Return what stands for a model in a table; a union is no key in every Python."""
    return kind if isinstance(kind, type) else str(kind)


def _schemas(found: Iterable[Operation]) -> tuple[Mapping[object, Json], Json]:
    """Return model -> its schema, or where it is, and the schemas by name."""
    kinds: dict[object, Any] = {Error: Error}
    for one in found:
        for kind in (*one.answers.values(), one.handler.bodies.get(one.method)):
            inside = kind.events.values() if isinstance(kind, Media) else [kind]
            kinds |= {_key(model): model for model in inside if model is not None}
    inputs: Any = [(key, "validation", TypeAdapter(kind)) for key, kind in kinds.items()]
    # What is asked and what is answered are both read by somebody: hence as validation sees it,
    # where a field with a default need not be there.
    places, schemas = TypeAdapter.json_schemas(
        inputs,
        ref_template=SCHEMAS,
        schema_generator=_Schemas,
    )
    named: Json = schemas["$defs"]
    for schema in named.values():
        if "description" in schema:
            schema["description"] = wording.of_model(schema["description"])
    named = {name: _short(schema) for name, schema in sorted(named.items())}
    return {key: _short(place) for (key, _), place in places.items()}, named


def _short(schema: Any) -> Any:
    """Return a schema without what newer pydantics say and older do not: that a map is open."""
    if isinstance(schema, list):
        return [_short(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    is_said_for_nothing = schema.get("additionalProperties") is True and "properties" not in schema
    left_out = {"additionalProperties"} if is_said_for_nothing else set()
    return {key: _short(inner) for key, inner in schema.items() if key not in left_out}
