"""The template language: what is allowed, and which templates are cheap beyond doubt.

Two ways to render, one language. A template made only of look-ups, a few filters,
conditions and shallow loops cannot grow: it is rendered in this process, under a step and
time budget (`render_plain`). Everything else is rendered by `worker`, in a process of its
own with hard limits (`render_any`), where even an escape from the sandbox finds nothing.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

import orjson
from jinja2 import StrictUndefined, Template, TemplateError, Undefined, nodes, pass_context
from jinja2.filters import do_sort, do_tojson, do_urlencode
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Cycler, Joiner

from drydockd.render.plain import is_plain

# A plain template: so few tokens and so little data that a straight run takes milliseconds.
PLAIN_SOURCE_CHARS = 64 * 1024
PLAIN_TOKENS = 1000
PLAIN_CONTEXT_BYTES = 16 * 1024
PLAIN_SECONDS = 0.02

# What these yield is yielded when it is asked for.
_LAZY_FILTERS = (
    *("map", "select", "reject", "selectattr", "rejectattr"),
    *("batch", "slice", "unique", "reverse", "items"),
)
_DATA = (str, int, float, bool, dict, list, tuple, type(None))

_NEWLINE = re.compile(r"\r\n|\r|\n")
_BUDGET = "__budget"


class TooLong(TemplateError):
    """The output passed its bound."""


class OverBudget(Exception):
    """A plain template turned out to be costly after all; a worker has to render it."""


class Budget:
    """What one rendering may still use: characters, and seconds."""

    def __init__(self, chars: int, seconds: float) -> None:
        self.chars = chars
        self.limit = chars
        self.deadline = time.monotonic() + seconds

    def tick(self) -> None:
        if time.monotonic() > self.deadline:
            raise OverBudget

    def spend(self, chars: int) -> None:
        self.chars -= chars
        if self.chars < 0:
            raise TooLong(f"the output is longer than {self.limit} characters")


class ToCall:
    """A method or function: to be called, never to be a text, which names an address."""

    def __init__(self, call: Callable[..., object], advice: str) -> None:
        self._call = call
        self._advice = advice

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        raise TemplateError(self._advice)

    def __format__(self, spec: str) -> str:
        return repr(self)


class _Environment(ImmutableSandboxedEnvironment):
    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr != "striptags" and super().is_safe_attribute(obj, attr, value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return _to_call(super().getattr(obj, attribute), attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return _to_call(super().getitem(obj, argument), argument)


def _to_call(value: object, name: object) -> object:
    if value.__class__ in _DATA or not callable(value) or isinstance(value, Undefined):
        return value
    return ToCall(value, f"{name} is a method: call it, as in x.{name}()")


def _output(value: object) -> object:
    """Refuse what is written out and is no data: its text would name an address of memory."""
    if value.__class__ in _DATA:
        return value
    if callable(value) and not isinstance(value, Undefined | ToCall):
        name = getattr(value, "name", None) or getattr(value, "__name__", "this")
        raise TemplateError(f"{name} is a function: call it, as in {name}()")
    return value


def _listed(call: Callable[..., object]) -> Callable[..., object]:
    """Make a list of what a filter would yield: written out, a generator names an address."""

    @wraps(call)
    def listed(*args: object, **kwargs: object) -> object:
        found = call(*args, **kwargs)
        return list(found) if isinstance(found, Iterator) else found

    return listed


class _Cycler(Cycler):
    def __repr__(self) -> str:
        return "<cycler>"


class _Joiner(Joiner):
    def __repr__(self) -> str:
        return "<joiner>"


@pass_context
def _counted_output(context: Context, value: object) -> object:
    """Charge every ``{{ }}``, also those that only end up in a variable."""
    text = value if isinstance(value, str) else str(_output(value))
    context[_BUDGET].spend(len(text))
    return text


@pass_context
def _counted_loop(context: Context, items: Iterable[object]) -> Iterator[object]:
    """Look at the clock in every round of a loop, so that an idle loop ends as well."""
    tick = context[_BUDGET].tick
    for item in items:
        tick()
        yield item


def _timed(call: Callable[..., object], wants: str) -> Callable[..., object]:
    """Look at the clock before a filter that is slow on long values.

    `wants` is what Jinja2 gives the filter first: an attribute of the context, or nothing.
    """

    @pass_context
    def timed(context: Context, *args: object) -> object:
        context[_BUDGET].tick()
        return call(getattr(context, wants), *args) if wants else call(*args)

    return timed


def _join(value: Iterable[object], separator: str = "") -> str:
    """Jinja2's ``join`` without autoescape and attributes, which `is_plain` lets through."""
    return str(separator).join(map(str, value))


class _Undefined(StrictUndefined):
    """Nothing: testing or comparing it is false, as the templates of sites expect; writing it out
    or looking into it is an error."""

    __slots__ = ()
    __eq__ = Undefined.__eq__  # type: ignore[assignment]
    __ne__ = Undefined.__ne__  # type: ignore[assignment]
    __hash__ = Undefined.__hash__  # type: ignore[assignment]

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


def _environment(finalize: Callable[..., object] | None) -> ImmutableSandboxedEnvironment:
    environment = _Environment(
        undefined=_Undefined,
        keep_trailing_newline=True,
        autoescape=False,
        loader=None,
        # Folding constants would compute 9**9**9 while compiling.
        optimized=False,
        cache_size=0,
        finalize=finalize,
    )
    # Random answers would make boot data differ from one fetch to the next.
    del environment.filters["random"], environment.globals["lipsum"]
    # It takes the square of its text's length, and boot data are no HTML.
    del environment.filters["striptags"]
    for name in _LAZY_FILTERS:
        environment.filters[name] = _listed(environment.filters[name])
    environment.globals |= {
        "cycler": _Cycler,
        "joiner": _Joiner,
        "range": ToCall(safe_range, "range is a function: call it, as in range(3)"),
    }
    environment.filters[_BUDGET] = _counted_loop
    return environment


# In a plain template all output leaves chunk by chunk and is counted there.
_PLAIN = _environment(_output)
_PLAIN.filters |= {
    "join": _timed(_join, ""),
    "urlencode": _timed(do_urlencode, ""),
    "sort": _timed(do_sort, "environment"),
    "tojson": _timed(do_tojson, "eval_ctx"),
}
_ANY = _environment(_counted_output)


def has_tags(source: str) -> bool:
    return "{{" in source or "{%" in source or "{#" in source


def literal(source: str) -> str:
    """Return a template without tags as Jinja2 would render it: newlines become ``\\n``."""
    return _NEWLINE.sub("\n", source) if "\r" in source else source


def compile_plain(source: str) -> Template | None:
    """Return the compiled template, or None where only a worker may render it.

    Bounded in time by the token count. Raises TemplateSyntaxError, and ValueError or
    RecursionError for sources that only pretend to be templates.
    """
    tree = parse_small(source)
    if tree is None or not all(is_plain(child) for child in tree.body):
        return None
    return _compile(_PLAIN, tree)


def parse_small(source: str) -> nodes.Template | None:
    """Return the tree of a template, None for one too long to be parsed in this process.

    Raises as `compile_plain`.
    """
    if len(source) > PLAIN_SOURCE_CHARS or not _has_few_tokens(source):
        return None
    return _PLAIN.parse(source)


def compile_any(source: str) -> Template:
    """Return the compiled template. Unbounded: for a worker process only."""
    return _compile(_ANY, _ANY.parse(source))


def _compile(environment: ImmutableSandboxedEnvironment, tree: nodes.Template) -> Template:
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _BUDGET, [], [], None, None, lineno=loop.lineno)
    code = environment.compile(tree, filename="<template>")
    return Template.from_code(environment, code, environment.globals)


def _has_few_tokens(source: str) -> bool:
    count = 0
    for _, kind, _ in _PLAIN.lexer.tokeniter(source, None):
        if kind not in ("data", "whitespace"):
            count += 1
            if count > PLAIN_TOKENS:
                return False
    return True


def is_small(context: Mapping[str, object]) -> bool:
    """Say whether the context is small enough for `render_plain`."""
    return len(orjson.dumps(context)) <= PLAIN_CONTEXT_BYTES


def render_plain(template: Template, context: Mapping[str, object], chars: int) -> str:
    """Render what `compile_plain` returned; the context must be small (`is_small`).

    Raises OverBudget after 20 ms, TooLong, and whatever the template raises.
    """
    return _run(template, context, Budget(chars, PLAIN_SECONDS))


def render_any(source: str, context: Mapping[str, object], chars: int) -> str:
    """Render any template. Bounded in output only: for a worker process with limits."""
    return _run(compile_any(source), context, Budget(chars, math.inf))


def _run(template: Template, context: Mapping[str, object], budget: Budget) -> str:
    chunks, left, deadline = [], budget.limit, budget.deadline
    for chunk in template.generate({**context, _BUDGET: budget}):
        # Counted apart from the budget: a loop repeats its literal text without asking.
        left -= len(chunk)
        if left < 0:
            raise TooLong(f"the output is longer than {budget.limit} characters")
        if time.monotonic() > deadline:
            raise OverBudget
        chunks.append(chunk)
    return "".join(chunks)


def describe(error: BaseException) -> str:
    """Return type, text and line of what a template raised, for the operator."""
    line = getattr(error, "lineno", None) or _line_of(error)
    where = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {str(error)[:500]}{where}"


def _line_of(error: BaseException) -> int | None:
    """Jinja2 rewrites tracebacks so that template frames carry the template's lines."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
