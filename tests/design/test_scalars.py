"""Plain texts mean what PyYAML's safe loading makes of them."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from drydockd.design.scalars import MEMO_LIMIT, ScalarProblem, Scalars, shown_tag

TEXTS = [
    "", "~", "null", "Null", "NULL", "yes", "No", "on", "OFF", "true", "False", "y", "n", "1", "-1",
    "+7", "0", "00", "010", "0o10", "0x1F", "0b101", "1_000", "1.5", ".5", "5.", "-.5", "1e3",
    "1.0e+3", "1.0e3", ".inf", "-.INF", ".nan", "190:20:30", "1:30", "0000:00:03.0", "12:34:56.7",
    "2001-01-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "10.9.0.1", "1.2.3", "=",
    "a", "abcdef", "+", ".", "..", "0_", "09", "0:0", "60:99", "+.inf", "tRuE", "truely",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_plain_text_is_what_pyyaml_says(text):
    ours, theirs = (
        Scalars().plain(text)[0],
        yaml.safe_load(f"k: {text}")["k"] if text != "=" else "=",
    )
    assert type(ours) is type(theirs)
    assert ours == theirs or (math.isnan(ours) and math.isnan(theirs))


@given(st.text(alphabet="0123456789.:+-_xobeEtTzZ inf", min_size=1, max_size=14))
def test_whatever_looks_like_a_number_agrees_with_pyyaml(text):
    resolver = yaml.CSafeLoader("")
    node = yaml.ScalarNode(resolver.resolve(yaml.ScalarNode, text, (True, False)), text)
    try:
        theirs = resolver.construct_object(node)
    except (ValueError, IndexError):
        assert isinstance(Scalars().plain(text), str)
        return
    ours = Scalars().plain(text)[0]
    assert type(ours) is type(theirs)
    assert ours == theirs or math.isnan(ours)


def test_equal_texts_become_one_object():
    scalars = Scalars()
    one, other = "".join(["10.9", ".0.1"]), "".join(["10.9.", "0.1"])
    assert one is not other
    assert scalars.plain(one)[0] is scalars.plain(other)[0] is scalars.quoted(other)[0]


def test_a_number_too_long_to_read_has_no_value():
    scalars = Scalars()
    text = "1" + ":1" * 100_000
    tag = scalars.plain(text)
    assert tag == "tag:yaml.org,2002:int"
    with pytest.raises(ScalarProblem, match="a number of 200001 characters"):
        scalars.tagged(tag, text)


@pytest.mark.parametrize(
    "text", ["0x" + "f" * 200, "0b" + "1" * 200, "1." + "0" * 200, "." + "0" * 200, "-" + "7" * 200]
)
def test_long_numbers_of_every_kind_are_known(text):
    assert Scalars().plain(text) == "tag:yaml.org,2002:int"


@pytest.mark.parametrize(
    "text", ["0f" * 200, "1" * 200 + "x", "1.2" * 100, "-" * 200, "2001-" * 50]
)
def test_long_texts_that_are_no_numbers_are_texts(text):
    assert Scalars().plain(text) == (text,)


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [("str", "1", "1"), ("int", "1", 1), ("binary", "aGk=", b"hi"), ("null", "", None)],
)
def test_the_plain_tags_are_known(tag, text, value):
    assert Scalars().tagged(f"tag:yaml.org,2002:{tag}", text) == value


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("tag:yaml.org,2002:python/object", "x"),
        ("!vault", "x"),
        ("tag:yaml.org,2002:int", "x"),
        ("tag:yaml.org,2002:int", ""),
        ("tag:yaml.org,2002:bool", "maybe"),
        ("tag:yaml.org,2002:timestamp", "now"),
        ("tag:yaml.org,2002:timestamp", "2001-99-99"),
        ("tag:yaml.org,2002:binary", "é"),
    ],
)
def test_other_tags_and_texts_have_no_value(tag, text):
    with pytest.raises(ScalarProblem):
        Scalars().tagged(tag, text)


def test_the_memory_of_texts_is_bounded():
    scalars = Scalars()
    for i in range(MEMO_LIMIT + 10):
        scalars.quoted(f"text {i}")
    scalars.quoted("x" * 10_000)
    _, quoted = scalars.memos()
    assert len(quoted) <= MEMO_LIMIT
    assert "x" * 10_000 not in quoted


def test_tags_are_shown_short():
    assert shown_tag("tag:yaml.org,2002:set") == "!!set"
    assert len(shown_tag("!" + "x" * 1000)) == 80
