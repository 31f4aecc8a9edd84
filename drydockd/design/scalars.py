"""Plain YAML scalars: what text without quotes means, as PyYAML's safe loading has it.

PyYAML's own resolver and constructor decide (but ``=`` and ``<<``, which it refuses as values,
are texts); here is only the memory of their answers.
A design repeats its few words thousands of times, so a dictionary look-up replaces up to
five regular expressions, and equal texts become one object.
"""

from __future__ import annotations

import re

import yaml
from yaml.nodes import ScalarNode

STR = "tag:yaml.org,2002:str"
MERGE = "tag:yaml.org,2002:merge"
VALUE = "tag:yaml.org,2002:value"

# Longer numbers are nobody's design, but `1:1:1:...` and long decimals cost quadratic time.
NUMBER_LIMIT = 128
MEMO_LIMIT = 100_000  # texts kept; beyond, a stream of unique scalars would fill the memory
MEMO_TEXT = 256

_NUMBER_STARTS = frozenset("+-.0123456789")
# All that a number of YAML 1.1 may look like, and a little more. PyYAML's own expressions need
# 128 bytes for each `:1` of a long text; possessive ones need none.
_LONG_NUMBER = re.compile(
    r"[-+]?(?:0b[01_]++|0x[0-9a-fA-F_]++"
    r"|[0-9][0-9_]*+[0-9:]*+(?:\.[0-9_]*+)?(?:[eE][-+][0-9]++)?|\.[0-9_]++(?:[eE][-+][0-9]++)?)",
    re.ASCII,
)

Boxed = tuple[object] | str
"""A constructed value in a tuple of one, or a tag: written in the document, or that of a
plain text no value can be made of, whose problem is then told with its line."""


class MergeKey:
    """The type of the plain key ``<<``."""


MERGE_KEY = MergeKey()


class ScalarProblem(Exception):
    """A scalar that no value can be made of; the message says why, without the text."""


class _Constructor(yaml.constructor.SafeConstructor, yaml.resolver.Resolver):
    """PyYAML's rules for scalars, without a stream."""

    def __init__(self) -> None:
        yaml.constructor.SafeConstructor.__init__(self)
        yaml.resolver.Resolver.__init__(self)


class Scalars:
    """Turns scalar texts into values; one per compile, not shared between threads."""

    def __init__(self) -> None:
        self._rules = _Constructor()
        self._plain: dict[str, Boxed] = {}
        self._quoted: dict[str, Boxed] = {}

    def plain(self, text: str) -> Boxed:
        """Return the boxed value of unquoted `text`, its tag if there is none."""
        found = self._plain.get(text)
        if found is None:
            found = self.quoted(text) if _is_word(text) else self._resolved(text)
            self._keep(self._plain, text, found)
        return found

    def quoted(self, text: str) -> Boxed:
        """Return `text` itself, boxed, and the same object for the same text."""
        found = self._quoted.get(text)
        if found is None:
            found = (text,)
            self._keep(self._quoted, text, found)
        return found

    def memos(self) -> tuple[dict[str, Boxed], dict[str, Boxed]]:
        """The remembered plain and quoted texts, for a look-up without a call."""
        return self._plain, self._quoted

    def _resolved(self, text: str) -> Boxed:
        if len(text) > NUMBER_LIMIT:
            return NUMBER_TAGS[0] if _LONG_NUMBER.fullmatch(text) else self.quoted(text)
        tag = self._rules.resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        if tag in (STR, VALUE):
            return self.quoted(text)
        try:
            return (self.tagged(tag, text),)
        except ScalarProblem:
            return str(tag)

    def tagged(self, tag: str, text: str) -> object:
        """Return the value of `text` under an explicit or resolved tag. Raises ScalarProblem."""
        if tag == MERGE:
            return MERGE_KEY
        construct = SCALAR_TAGS.get(tag)
        if construct is None:
            raise ScalarProblem(f"the tag {shown_tag(tag)} is not allowed in a design")
        if tag in NUMBER_TAGS and len(text) > NUMBER_LIMIT:
            raise ScalarProblem(f"a number of {len(text)} characters; quote it if it is text")
        try:
            return construct(self._rules, ScalarNode(tag, text))
        except (ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
            raise ScalarProblem(f"not a value of {shown_tag(tag)}: {error}") from error
        except yaml.constructor.ConstructorError as error:
            raise ScalarProblem(f"not a value of {shown_tag(tag)}: {error.problem}") from error

    @staticmethod
    def _keep(memo: dict[str, Boxed], text: str, value: Boxed) -> None:
        if len(text) <= MEMO_TEXT:
            if len(memo) >= MEMO_LIMIT:
                memo.clear()
            memo[text] = value


def _is_word(text: str) -> bool:
    """Whether `text` is a string beyond doubt: spares most new texts the regular expressions.

    A number or timestamp begins with a digit, sign or point and has at most one point;
    everything else with a meaning (booleans, null, ``~``, ``<<``, ``=``) is at most five long.
    """
    if text[:1] in _NUMBER_STARTS:
        return text.count(".") > 1
    return len(text) > 5


def shown_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)[:80]


_rules = yaml.constructor.SafeConstructor
SCALAR_TAGS = {
    STR: _rules.construct_yaml_str,
    "tag:yaml.org,2002:null": _rules.construct_yaml_null,
    "tag:yaml.org,2002:bool": _rules.construct_yaml_bool,
    "tag:yaml.org,2002:int": _rules.construct_yaml_int,
    "tag:yaml.org,2002:float": _rules.construct_yaml_float,
    "tag:yaml.org,2002:binary": _rules.construct_yaml_binary,
    "tag:yaml.org,2002:timestamp": _rules.construct_yaml_timestamp,
}
NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
