"""The API document as people read it: what is under which heading, schemas as words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

WAYS = {"token": "a token", "serviceToken": "a token", "bootKey": "the node's key"}
FORMATS = {"uuid": "a UUID", "uri-reference": "a path"}
PLAIN = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A part of what is said of a type; with `schema` it is the name of one."""

    text: str
    schema: str = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A key of a body, a parameter, an answer: its name, where it is, its type, what it means."""

    name: str
    place: str
    kind: tuple[Word, ...]
    about: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    path: str
    summary: str
    who: str
    rule: str
    is_deprecated: bool
    parameters: tuple[Row, ...]
    body: tuple[Word, ...]
    answers: tuple[Row, ...]
    refusals: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    about: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """`keys` of an object; of anything else what it is, as `kind`."""

    name: str
    about: str
    kind: tuple[Word, ...]
    keys: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """`headers` are those that every operation takes which asks for a token."""

    title: str
    version: str
    about: str
    headers: tuple[Row, ...]
    groups: tuple[Group, ...]
    schemas: tuple[Schema, ...]


def outline(document: Json) -> Outline:
    """Return the outline of an OpenAPI document as `handlers.document` makes it."""
    found = [
        (operation["tags"][0], _operation(document, path, method, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    groups = (
        Group(tag["name"], tag["description"], tuple(o for name, o in found if name == tag["name"]))
        for tag in document["tags"]
    )
    info = document["info"]
    return Outline(
        info["title"],
        info["version"],
        info["description"],
        tuple(_parameter(one) for one in document["components"]["parameters"].values()),
        tuple(groups),
        tuple(_schema(name, said) for name, said in document["components"]["schemas"].items()),
    )


def _operation(document: Json, path: str, method: str, said: Json) -> Operation:
    answers = [
        (status, _resolved(document, answer), "$ref" in answer)
        for status, answer in said["responses"].items()
    ]
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Operation(
        name=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        who=_who(said["security"]),
        rule=said.get("x-policy", ""),
        is_deprecated=said.get("deprecated", False),
        parameters=tuple(
            _parameter(one) for one in said.get("parameters", ()) if "$ref" not in one
        ),
        body=kind(body["schema"]) if body else (),
        answers=tuple(_answer(status, one) for status, one, is_shared in answers if not is_shared),
        refusals=tuple(_answer(status, one) for status, one, is_shared in answers if is_shared),
    )


def _who(security: Iterable[Json]) -> str:
    return " or ".join(dict.fromkeys(WAYS[name] for way in security for name in way)) or "nothing"


def _parameter(said: Json) -> Row:
    about, is_required = said.get("description", ""), said.get("required", False)
    return Row(said["name"], said["in"], kind(said["schema"]), about, is_required)


def _answer(status: str, said: Json) -> Row:
    for media, content in said.get("content", {}).items():
        if media == "application/json":
            return Row(status, media, kind(content.get("schema", {})), said["description"])
        events = content.get("x-events", {})
        told = tuple(w for schema in events.values() for w in (Word(", "), *kind(schema)))[1:]
        return Row(status, media, (Word(media, is_code=True), *told), said["description"])
    return Row(status, "", (Word("no body"),), said["description"])


def _schema(name: str, said: Json) -> Schema:
    required = said.get("required", ())
    keys = tuple(
        Row(key, "", kind(schema), schema.get("description", ""), key in required)
        for key, schema in said.get("properties", {}).items()
    )
    more = said.get("additionalProperties")
    if keys and isinstance(more, Mapping):
        keys += (Row("any other", "", kind(more), "", False),)
    return Schema(name, said.get("description", ""), () if keys else kind(said), keys)


def _resolved(document: Json, said: Json) -> Json:
    while "$ref" in said:
        found: Any = document
        for step in said["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        said = found
    return said


# -- types as words


def kind(schema: Json) -> tuple[Word, ...]:
    """Return what a schema takes, in words."""
    return tuple(_kind(schema))


def _kind(schema: Json) -> Iterator[Word]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield Word(name, schema=name)
    elif "const" in schema or "enum" in schema:
        yield from _either([[_code(v)] for v in schema.get("enum", [schema.get("const")])])
    elif "anyOf" in schema:
        yield from _either([[*_kind(one)] for one in schema["anyOf"]])
    elif schema.get("type") == "array":
        yield Word("a list of ")
        yield from _kind(schema.get("items", {}))
    elif schema.get("type") == "object":
        yield from _object(schema)
    else:
        yield Word(_scalar(schema))


def _object(schema: Json) -> Iterator[Word]:
    more = schema.get("additionalProperties", True)
    if isinstance(more, Mapping) and more:
        yield Word("a map of names to ")
        yield from _kind(more)
    else:
        yield Word("an object" if more else "an object without keys")


def _scalar(schema: Json) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    name = schema.get("type")
    if name is None:
        return "anything"
    text = PLAIN[name]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        text += f", {low} to {high}"
    elif low is not None:
        text += f", {low} or more"
    if "maxLength" in schema:
        text += f" of at most {schema['maxLength']} characters"
    elif schema.get("minLength") or "pattern" in schema:
        text += ", not empty" if schema.get("minLength") else f" like {schema['pattern']}"
    return text


def _either(choices: list[list[Word]]) -> Iterator[Word]:
    for number, words in enumerate(choices):
        if number:
            yield Word(" or " if number == len(choices) - 1 else ", ")
        yield from words


def _code(value: object) -> Word:
    return Word(str(value) if value != "" else '""', is_code=True)
