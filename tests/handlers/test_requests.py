"""What the document says of a body is what is taken: made-up bodies are judged by both."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drydockd.api.bootaction import RESERVED
from drydockd.errors import InvalidInput
from drydockd.handlers import all_routes, body
from drydockd.handlers.openapi import described
from tests.handlers.answers import validator

DOCUMENT = described()
BODIES = sorted(
    {kind for route in all_routes(1, 1).all for kind in route.handler.bodies.values()},
    key=lambda kind: kind.__name__,
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | TEXT
NAMES = st.sampled_from(["message", "error", "surprise", *RESERVED]) | TEXT
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3)
)
# Details of a report, nearly always right.
DETAILS = st.lists(
    st.fixed_dictionaries(
        {"message": TEXT, "error": st.booleans()}, optional={"ts": TEXT, "x": ANYTHING}
    ),
    max_size=2,
)
often = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def schema_of(kind):
    return DOCUMENT["components"]["schemas"][kind.__name__]


def allowed(schema):
    """What a schema of the document allows, in its fewer words than JSON Schema has."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return st.one_of([allowed(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind is None:
        return ANYTHING
    if kind == "array":
        return st.lists(allowed(schema["items"]), max_size=3)
    if kind == "object":
        return objects(schema)
    plain = {"boolean": st.booleans(), "null": st.none(), "string": texts(schema)}
    return plain[kind]


def texts(schema):
    least = int(bool(schema.get("minLength") or "pattern" in schema))
    found = st.text(st.characters(codec="ascii"), min_size=least, max_size=12)
    return found.filter(str.strip) if "pattern" in schema else found


def objects(schema):
    keys = schema.get("properties", {})
    required = {key: allowed(keys[key]) for key in schema.get("required", ())}
    optional = {key: allowed(keys[key]) for key in keys.keys() - required.keys()}
    known = st.fixed_dictionaries(required, optional=optional)
    if schema.get("additionalProperties", True) is False:
        return known
    refused = schema.get("propertyNames", {}).get("not", {}).get("enum", ())
    names = TEXT.filter(lambda name: name not in keys and name not in refused)
    more = st.dictionaries(names, ANYTHING, max_size=2)
    return st.builds(lambda first, second: first | second, more, known)


def is_taken(kind, given_body):
    """Whether the handlers would take it, as bytes."""
    try:
        found = body.json_object(json.dumps(given_body).encode(), "application/json", 64)
        body.parsed(kind, found)
    except InvalidInput:
        return False
    return True


def is_described(kind, given_body):
    schema = json.dumps({"$ref": f"#/components/schemas/{kind.__name__}"})
    return validator(schema).is_valid(given_body)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_what_the_document_allows_is_taken(kind):
    @often
    @given(allowed(schema_of(kind)))
    def judge(given_body):
        assert is_taken(kind, given_body)

    judge()


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_what_is_spoilt_is_taken_only_if_the_document_allows_it(kind):
    keys = [*schema_of(kind).get("properties", {}), "surprise", "dryrun"]
    verdicts = set()

    @often
    @given(
        allowed(schema_of(kind)),
        st.dictionaries(st.sampled_from(keys), ANYTHING | DETAILS, max_size=2),
        st.sets(st.sampled_from(keys), max_size=1),
    )
    def judge(given_body, changed, left_out):
        spoilt = {k: v for k, v in (given_body | changed).items() if k not in left_out}
        verdicts.add(is_described(kind, spoilt))
        assert is_taken(kind, spoilt) == is_described(kind, spoilt), spoilt

    judge()
    assert verdicts == {True, False}, "both kinds have to come up"


def test_a_body_may_not_be_anything_but_an_object():
    for text in (b"[]", b"7", b"null", b'"x"'):
        with pytest.raises(InvalidInput):
            body.json_object(text, "application/json", 64)
