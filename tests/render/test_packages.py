"""Package lists: what is one, and what every other document is told."""

import pytest

from drydockd.errors import RenderError
from drydockd.render.packages import from_document, from_mapping


@pytest.mark.parametrize(
    ("document", "packages"),
    [
        (b"a: '1.0-1'\nb: null\nc:\nd: ''\n", {"a": "1.0-1", "b": None, "c": None, "d": None}),
        (b'{"a": "1.0-1", "b": null}', {"a": "1.0-1", "b": None}),
        (b"{}", {}),
        (b"a: 4.2-2", {"a": "4.2-2"}),
    ],
)
def test_yaml_and_json_say_the_same(document, packages):
    assert from_document(document) == packages


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"- a\n- b\n", "a mapping of package names to versions is needed, not list"),
        (b"", "needed, not nothing"),
        (b"a: [1]", "it is nested"),
        (b"a: &x '1'\nb: *x", "it has an alias"),
        (b"a: 1.5", "version 1.5 of a is not text; quote it"),
        (b"1: a", "package name 1 is not text"),
        (b"a: 'x\nb", r"neither YAML nor JSON: .*\(line"),
        (b"\xff\xfe\x00", "neither YAML nor JSON"),
        (b"a: 1\n---\nb: 2\n", "neither YAML nor JSON"),
        (b"a: !!python/object/apply:os.system ['id']", "it is nested"),
        (b"a: !!python/name:os.system x", "neither YAML nor JSON"),
        (b"[" * 500, "it is nested"),
        # PyYAML's scanner may have a limit of its own, and words of its own.
        (b"[" * 100_000, "nest"),
    ],
)
def test_anything_else_is_named(document, why):
    with pytest.raises(RenderError, match=f"^InvalidPackageListFormat: .*{why}"):
        from_document(document)


def test_an_inline_list_follows_the_same_rules():
    assert from_mapping({"a": "", "b": "2-1"}) == {"a": None, "b": "2-1"}
    with pytest.raises(RenderError, match="not nothing"):
        from_mapping(None)
