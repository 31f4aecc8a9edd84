"""Streams are read as PyYAML reads them, but hostile ones in bounded time and memory."""

import sys
import tracemalloc
from contextlib import contextmanager

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from drydockd.design import yamlstream
from drydockd.design.yamlstream import Repeated, YamlProblem, documents
from tests.designs import on_designs
from tests.sites.folder import on_site_files


def built(text: str | bytes, **limits: int) -> list:
    content = text.encode() if isinstance(text, str) else text
    return [document.build() for document in documents(content, **limits)]


def problem(text: str | bytes, **limits: int) -> YamlProblem:
    with pytest.raises(YamlProblem) as caught:
        built(text, **limits)
    return caught.value


@pytest.mark.parametrize("path", [*on_designs(), *on_site_files()])
def test_a_whole_design_is_what_pyyaml_reads(path):
    content = path.read_bytes()
    assert built(content) == [d for d in yaml.safe_load_all(content) if not is_foreign(d)]


def is_foreign(document):
    """Of another namespace, so that it is not built."""
    schema = document.get("schema", "drydock/") if isinstance(document, dict) else "drydock/"
    return not schema.startswith("drydock/")


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n---\nb: 2\n...\n---\n- 1\n",
        "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\n",
        "a: &a {x: 1}\nb: &b {x: 2, z: 1}\nc: {<<: [*a, *b], q: 1}\n",
        "a: &x [1, 2]\nb: *x\n",
        "? 5\n: 6\n? 2001-01-01\n: x\n",
        "!!map {a: !!str 5, b: !!seq [!!int '7']}\n",
        "=: 1\n",
        "a: |\n  ---\n  text\n",
        "%YAML 1.1\n---\na: 1\n",
        "a: 1\r\n---\r\nb: 2\r\n",
        "\ufeffa: 1\n",
        "'quoted': \"\\u0041\"\n",
        "--- text\n--- |\n block\n--- {a: 1}\n",
        "",
        "# nothing\n",
    ],
)
def test_a_stream_is_what_pyyaml_reads(text):
    assert built(text) == list(yaml.safe_load_all(text))


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
KEYS = st.text(max_size=5) | st.integers() | st.booleans()
VALUES = st.recursive(
    PLAIN, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=8
)


@given(st.lists(VALUES, max_size=3), st.booleans())
def test_whatever_pyyaml_writes_is_read_back(values, flow):
    text = yaml.safe_dump_all(values, explicit_start=True, default_flow_style=flow)
    assert built(text) == list(yaml.safe_load_all(text))


def test_documents_of_other_namespaces_are_skipped_but_their_syntax_is_read():
    foreign = "---\nschema: promenade/Docker/v1\ndata: {a: [1, 2]}\n"
    ours = "---\nschema: drydock/Rack/v1\nmetadata: {name: r}\n"
    assert [d["schema"] for d in built(foreign * 3 + ours + foreign + ours)] == [
        "drydock/Rack/v1",
        "drydock/Rack/v1",
    ]
    broken = problem(foreign + ours + "---\nschema: promenade/X/v1\na: [\n---\n" + ours)
    assert broken.line == 10


@pytest.mark.parametrize(
    "text",
    [
        "---\nschema: a/b/v1\ndata: drydock/x\n",
        "---\n{schema: a/b/v1}\n",
        "---\n'schema': a/b/v1\n",
        "---\nschema: 'a/b/v1'\n",
        "---\nschema: a/b/v1\nschema: a/c/v1\n",
        "---\nschema: a/b/v1\napiVersion: x\n",
        "%YAML 1.1\n---\nschema: a/b/v1\n",
        "schema: a/b/v1 \x85\n",
    ],
)
def test_a_document_in_doubt_is_composed(text):
    assert len(list(documents(text.encode()))) == 1


def test_lines_count_through_what_was_skipped():
    text = "---\nschema: a/b/v1\nx: 1\n" * 200 + "---\nschema: drydock/Rack/v1\nx:\n- y: {z: 1}\n"
    (document,) = documents(text.encode())
    assert document.line == 602
    assert document.line_of(("x", 0, "y", "z")) == 604
    assert document.line_of(("x", 5)) == 603
    assert document.line_of(()) == 602


def test_the_head_is_read_without_building():
    (document,) = documents(b"metadata: {name: 5, x: [1]}\nschema: s\n")
    assert document.head("schema") == "s"
    assert document.head("metadata", "name") == 5
    assert document.head("metadata", "x") is None
    assert document.head("metadata", "name", "deeper") is None
    assert document.has("schema")
    assert not document.has("apiVersion")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: [1\nc: 2\n", 3, "column"),
        ("a: 1\n\tb: 2\n", 2, "column 1"),
        ("a: *missing\n", 1, "column 4"),
        ("a: &x 1\nb: &x 2\n", 2, "column 4"),
        ("a: !vault x\n", 1, "tag !vault is not allowed"),
        ("a: 1\nb: !!python/object:os.system {}\n", 2, "python/object:os.system is not allowed"),
        ("a: !!set {x: null}\n", 1, "!!set is not allowed"),
        ("? [1]\n: 2\n", 1, "a key must be a plain value"),
        ("a:\n  b: &x [*x]\n", 2, "alias to the value it stands in"),
        ("a: &x {<<: *x}\n", 1, "alias to the value"),
        ("a: {<<: 5}\n", 1, "<< takes a mapping"),
        ("a: {<<: [5]}\n", 1, "<< takes a mapping"),
        ("a: !!int x\n", 1, "not a value of !!int"),
        ("a: " + "9" * 200 + "\n", 1, "a number of 200 characters"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, line, what):
    found = problem(text)
    assert what in str(found)
    assert found.line == line


def test_bytes_that_are_no_utf8_are_told_with_their_place():
    found = problem(b"a: 1\nb: \xff\n")
    assert found.line == 2
    assert "byte 8" in str(found)


def test_a_control_character_is_told():
    assert "at byte " in str(problem("a: \x01\n"))


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(15)
)


@contextmanager
def steps():
    """Collect a sign for every call and return: work as a number that no machine changes."""
    taken = bytearray()
    sys.setprofile(lambda *_: taken.append(0))
    try:
        yield taken
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param(BOMB, "expand to more than 20000 values", id="alias bomb"),
        pytest.param("[" * 500, "nested more than", id="deep flow"),
        # PyYAML's scanner may have a limit of its own, and words of its own.
        pytest.param("[" * 100_000, "nest", id="very deep flow"),
        pytest.param("{a: " * 100_000, "nest", id="very deep mappings"),
        pytest.param("- " * 100_000, "nested more than", id="deep block"),
        pytest.param("? " * 100_000, "nested more than", id="deep keys"),
        pytest.param("[" + "a," * 300_000 + "]", "more than 20000 values", id="many"),
        pytest.param("a: 1" + ":1" * 500_000, "a number of", id="sexagesimal"),
        pytest.param("a: " + "1" * 1_000_000, "a number of", id="long decimal"),
        pytest.param("a: 0x" + "f" * 1_000_000, "a number of", id="long hexadecimal"),
        pytest.param("a: {" + "<<: {a: 1}, " * 60_000 + "}", "more than", id="merges"),
    ],
)
def test_hostile_yaml_is_refused_in_few_steps_and_small(text, what, monkeypatch):
    # A tenth of the real limits, because tracing makes everything ten times slower.
    monkeypatch.setattr(yamlstream, "NODE_LIMIT", 20_000)
    tracemalloc.start()
    try:
        with steps() as taken:
            found = str(problem(text, expansion=20_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert what in found
    assert len(taken) < 1_000_000
    assert peak < 40 * 1024 * 1024


def test_the_number_of_documents_is_limited(monkeypatch):
    monkeypatch.setattr(yamlstream, "DOCUMENT_LIMIT", 10)
    assert len(built("--- a\n" * 10)) == 10
    assert "more than 10 documents" in str(problem("--- a\n" * 11))


def test_signs_pyyaml_has_no_value_for_are_texts():
    assert built("a: <<\nb: [<<]\nc: =\n") == [{"a": "<<", "b": ["<<"], "c": "="}]


def test_a_huge_scalar_is_no_problem():
    assert built("a: " + "x" * 3_000_000) == [{"a": "x" * 3_000_000}]


def test_shared_aliases_within_the_limit_are_shared():
    (value,) = built("a: &a [1]\nb: [*a, *a]\n")
    assert value["b"][0] is value["a"]


def test_the_aliases_of_all_documents_count_together():
    """312 KiB of documents, each below every limit, took 1.2 GiB and 17 s."""
    one = "---\na: &a [1, 2, 3]\nb: [*a, *a]\n"
    assert len(built(one * 5, expansion=40)) == 5
    found = problem(one * 6, expansion=40)
    assert "the aliases of the stream expand to more than 40 values" in str(found)
    assert "limits.design_expansion" in str(found)
    assert found.line == 17  # where the value is that is written out


def test_what_is_merged_counts_as_well():
    one = "---\na: &a {b: 1, c: 2}\nd: {<<: [*a, *a]}\n"
    assert len(built(one * 3, expansion=18)) == 3
    assert "more than 18 values" in str(problem(one * 4, expansion=18))


def test_of_a_key_that_stands_twice_the_last_counts_and_both_lines_are_remembered():
    (document,) = documents(b"b: 1\nx: {y: 1, y: 2}\nb: 3\n")

    assert document.build() == {"b": 3, "x": {"y": 2}}
    assert document.builder.repeated == [Repeated("y", 2, 2), Repeated("b", 1, 3)]
    assert document.head("b") == 3


def test_files_joined_each_with_its_own_byte_order_mark_are_read():
    mark = "\ufeff".encode()
    content = mark + b"---\na: 1\n" + mark + b"---\na: 2\n...\n" + mark + b"--- # x\na: 3\n"

    assert [d.build() for d in documents(content)] == [{"a": 1}, {"a": 2}, {"a": 3}]
