"""Templates of strangers: every one ends, in bounded time and memory, as text or an error."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from drydockd.errors import Busy, RenderError
from drydockd.render import Limits, Templates

pytestmark = pytest.mark.slow

CONTEXT = {"node": {"hostname": "n1", "tags": ["x"] * 300, "labels": {"a": "1"}}}
LIMITS = Limits(template_seconds=0.5, asset_bytes=1 << 20, template_memory_bytes=64 << 20)

DOUBLE = "{% set a = a ~ a %}" * 60
NEST = "{% set a = [a, a, a, a] %}" * 40
HOSTILE = {
    "nested ranges": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "nested loops over data": "{% for a in node.tags %}{% for b in node.tags %}"
    "{% for c in node.tags %}{{ c }}{% endfor %}{% endfor %}{% endfor %}",
    "much literal text in a loop": "{% for a in node.tags %}" + "x" * 9000 + "{% endfor %}",
    "a long product": "{{ 'a' * 10**9 }}",
    "a long list": "{{ [1] * 10**9 }}",
    "a long range": "{{ range(10**9)|list }}",
    "a huge power": "{{ 10**(10**9) }}",
    "a power tower": "{% set n = namespace(a=3) %}{% for i in range(99) %}"
    "{% set n.a = n.a ** n.a %}{% endfor %}",
    "a long number": "{{ (2**99999999)|string }}",
    "a macro calling itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a macro calling itself twice": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}"
    "{% endif %}{% endmacro %}{{ f(99) }}",
    "a loop calling itself": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "a call block in circles": "{% macro f() %}{{ caller() }}{{ f() }}{% endmacro %}"
    "{% call f() %}x{% endcall %}",
    "a format width": "{{ '%1000000000d'|format(1) }}",
    "a percent width": "{{ '%1000000000d' % 1 }}",
    "a star width": "{{ '%*d' % (1000000000, 1) }}",
    "a brace width": "{{ '{:1000000000}'.format(1) }}",
    "a format_map width": "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
    "centering": "{{ 'a'|center(10**9) }}",
    "indenting": "{{ 'a'|indent(10**9, true) }}",
    "zero filling": "{{ '1'.zfill(10**9) }}",
    "justifying": "{{ '1'.ljust(10**9) }}",
    "expanding tabs": "{{ '\t'.expandtabs(10**9) }}",
    "bytes of a number": "{{ (1).to_bytes(10**9, 'big')|length }}",
    "replacing": "{{ ('a' * 10000).replace('a', 'b' * 100000) }}",
    "joining": "{{ range(99999)|join('a' * 99999) }}",
    "batching": "{{ [1]|batch(10**9, 'x')|list }}",
    "slicing": "{{ [1]|slice(10**9)|list }}",
    "doubling a variable": "{% set a = 'x' %}" + DOUBLE + "{{ a }}",
    "doubling a block": "{% set a %}xx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60,
    "a billion laughs": "{% set a = [1] %}" + NEST + "{{ a }}",
    "a billion laughs as JSON": "{% set a = [1] %}" + NEST + "{{ a|tojson }}",
    "a billion laughs flattened": "{% set a = [1] %}" + NEST + "{{ a|pprint }}",
    "sorting for ever": "{% for i in range(99999) %}{{ range(99999)|sort|length }}{% endfor %}",
    "parentheses": "{{ " + "(" * 20_000 + ")" * 20_000 + " }}",
    "brackets": "{{ " + "[" * 20_000 + "]" * 20_000 + " }}",
    "a long sum": "{{ 1" + "+1" * 20_000 + " }}",
    "a chain of not": "{{ " + "not " * 20_000 + "1 }}",
    "a chain of minus": "{{ " + "-" * 20_000 + "1 }}",
    "nested blocks": "{% if 1 %}" * 5000 + "{% endif %}" * 5000,
    "a long literal": "{{ " + "9" * 5000 + " }}",
    "an attribute chain": "{{ node" + ".b" * 20_000 + " }}",
    "a filter chain": "{{ node" + "|string" * 20_000 + " }}",
}
ESCAPES = {
    "the class of text": "{{ ''.__class__ }}",
    "all classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a class by item": "{{ ''['__class__'] }}",
    "a class by attr": "{{ ''|attr('__class__') }}",
    "a class by map": "{{ ['']|map(attribute='__class__')|map('upper')|list }}",
    "a class by format": "{{ '{0.__class__.__mro__}'.format(1) }}",
    "a class by format_map": "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "a class by a kept format": "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "a class by attr format": "{{ ('{0.__class__}'|attr('format'))(1) }}",
    "the globals of self": "{{ self.__init__.__globals__ }}",
    "the globals of cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "the globals of joiner": "{{ joiner().__call__.__globals__ }}",
    "the globals of namespace": "{{ namespace.__init__.__globals__ }}",
    "the globals of a macro": "{% macro f() %}{% endmacro %}{{ f._func.__globals__ }}",
    "the code of a macro": "{% macro f() %}{% endmacro %}{{ f.__call__.__code__ }}",
    "our own budget": "{{ __budget.spend.__func__.__globals__ }}",
    "the frame of a loop": "{% set g = node.tags|map('upper') %}{{ g.gi_frame }}",
    "the environment": "{{ self._TemplateReference__context.environment }}",
    "a file": "{% include '/etc/passwd' %}",
    "a module": "{% import 'os' as os %}",
    "a parent": "{% extends '/etc/passwd' %}",
    "changing the context": "{% set x = node.tags.append('y') %}",
    "changing a map": "{% set x = node.labels.update({'a': 2}) %}",
}


@pytest.fixture
async def templates():
    found = Templates(LIMITS)
    yield found
    await found.close()


@pytest.fixture(scope="module")
def every_case():
    """Run all hostile templates one after the other and keep how each ended."""

    async def run():
        templates, ends = Templates(LIMITS), {}

        async def one(name, source):
            try:
                ends[name] = await templates.render(source, CONTEXT)
            except RenderError as error:
                ends[name] = error

        for name, source in (HOSTILE | ESCAPES).items():
            await one(name, source)
        await templates.close()
        return ends

    return asyncio.run(run())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_ends_as_an_error(every_case, name):
    error = every_case[name]
    assert isinstance(error, RenderError), f"{name} gave {error!r:.80}"
    assert len(str(error)) < 700


@pytest.mark.parametrize("name", ESCAPES)
def test_an_escape_is_an_error(every_case, name):
    error = every_case[name]
    assert isinstance(error, RenderError), f"{name} gave {error!r:.80}"


async def test_the_loop_goes_on_while_a_template_takes_its_time():
    templates = Templates(replace(LIMITS, template_seconds=600))
    await templates.render("{% set a = 1 %}", CONTEXT)
    (worker,) = templates.workers.idle
    os.kill(worker.pid, signal.SIGSTOP)
    slow = asyncio.ensure_future(templates.render("{% set a = 2 %}", CONTEXT))
    while worker not in templates.workers.busy:
        await asyncio.sleep(0)
    assert await templates.render("{% set a = 3 %}{{ a }}", CONTEXT) == "3"
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    await templates.close()


async def test_a_template_without_tags_needs_no_engine(templates):
    assert await templates.render("#!/bin/sh\r\necho $x\n", {}) == "#!/bin/sh\necho $x\n"


async def test_ordinary_language_beyond_the_plain_works_too(templates):
    source = (
        "{% macro line(k, v) %}{{ k }}={{ v }}\n{% endmacro %}"
        "{% set names = ['b', 'a']|sort %}"
        "{% for n in names %}{{ line(n, loop.index * 2) }}{% endfor %}"
        "{{ node.hostname ~ '.x' }} {{ '%03d'|format(7) }} {{ node.labels|tojson }}\n"
    )
    assert await templates.render(source, CONTEXT) == 'a=2\nb=4\nn1.x 007 {"a": "1"}\n'


async def test_both_ways_name_the_line_of_a_failure(templates):
    with pytest.raises(RenderError, match=r"UndefinedError: .*gone.* \(line 2\)"):
        await templates.render("a\n{{ gone }}\n", CONTEXT)
    with pytest.raises(RenderError, match=r"UndefinedError: .*gone.* \(line 2\)"):
        await templates.render("{% set a = 1 %}\n{{ gone }}\n", CONTEXT)


async def test_a_context_too_large_for_a_plain_run_goes_to_a_worker(templates):
    text = await templates.render("{{ a|length }}", {"a": "x" * 100_000})
    assert text == "100000"
    assert templates.workers.idle


async def test_nothing_survives_from_one_template_to_the_next(templates):
    with pytest.raises(RenderError):
        await templates.render("{% set x = namespace(a=1) %}{{ y }}", CONTEXT)
    with pytest.raises(RenderError, match=r"UndefinedError: .*x"):
        await templates.render("{% set y = 1 %}{{ x.a }}", CONTEXT)


async def test_a_worker_that_dies_is_named_and_replaced(templates):
    await templates.render("{% set a = 1 %}", CONTEXT)
    (worker,) = templates.workers.idle
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(RenderError, match="the template worker failed"):
        await templates.render("{% set a = 1 %}", CONTEXT)
    assert await templates.render("{% set a = 1 %}{{ a }}", CONTEXT) == "1"


async def test_a_cancelled_rendering_leaves_no_half_read_worker(templates):
    slow = asyncio.ensure_future(templates.render(HOSTILE["a huge power"], CONTEXT))
    while not templates.workers.busy:
        await asyncio.sleep(0)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await templates.render("{% set a = 'next' %}{{ a }}", CONTEXT) == "next"


async def test_many_at_once_share_the_workers(templates):
    sources = [f"{{% set a = {n} %}}{{{{ a }}}}" for n in range(20)]
    got = await asyncio.gather(*(templates.render(s, CONTEXT) for s in sources))
    assert got == [str(n) for n in range(20)]
    assert len(templates.workers.idle) <= LIMITS.template_workers


async def test_a_long_text_comes_through_a_worker_whole(templates):
    got = await templates.render("{% set a = 'ü😀' %}{{ a * 100000 }}", CONTEXT)
    assert got == "ü😀" * 100_000


async def test_a_template_longer_than_an_asset_is_refused():
    with pytest.raises(RenderError, match="the template is longer than 10"):
        await Templates(Limits(asset_bytes=10)).render("x" * 11, {})


async def test_closing_ends_the_workers_and_may_be_repeated():
    templates = Templates(LIMITS)
    await templates.render("{% set a = 1 %}", CONTEXT)
    (worker,) = templates.workers.idle
    await templates.close()
    await templates.close()
    assert worker.returncode is not None


async def test_a_stopping_service_does_not_take_its_workers_away(templates):
    await templates.render("{% set a = 1 %}", CONTEXT)
    (worker,) = templates.workers.idle
    os.kill(worker.pid, signal.SIGTERM)
    assert await templates.render("{% set a = 1 %}{{ a }}", CONTEXT) == "1"
    assert templates.workers.idle == [worker]


async def test_another_design_is_served_while_one_has_all_the_workers_it_may():
    templates = Templates(replace(LIMITS, template_seconds=600))
    source = HOSTILE["a huge power"]
    hostile = [asyncio.ensure_future(templates.render(source, {}, "one")) for _ in range(20)]
    while len(templates.workers.busy) < LIMITS.template_workers - 1:
        await asyncio.sleep(0)
    assert await templates.render("{% set a = 2 %}{{ a }}", CONTEXT, "another") == "2"
    assert not any(one.done() for one in hostile)
    for one in hostile:
        one.cancel()
    await asyncio.gather(*hostile, return_exceptions=True)
    await templates.close()


async def test_with_one_worker_designs_have_it_in_turn():
    templates = Templates(replace(LIMITS, template_workers=1))
    sources = [f"{{% set a = {n} %}}{{{{ a }}}}" for n in range(3)]
    ended = []

    async def render(source, owner):
        await templates.render(source, CONTEXT, owner)
        ended.append(owner)

    many = [asyncio.ensure_future(render(source, "many")) for source in sources]
    while not templates.workers.busy:
        await asyncio.sleep(0)
    await render(sources[0], "one")
    await asyncio.gather(*many)
    assert sorted(ended) == ["many", "many", "many", "one"]
    assert ended[3] == "many"
    assert len(templates.workers.idle) == 1
    await templates.close()


async def test_beyond_its_queue_a_design_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr("drydockd.render.templates.MOST_WAITING_OF_ONE", 1)
    templates = Templates(replace(LIMITS, template_seconds=600))
    source = HOSTILE["a huge power"]
    renders = [asyncio.ensure_future(templates.render(source, {}, "one")) for _ in range(4)]
    done, waiting = await asyncio.wait(renders, return_when=asyncio.FIRST_COMPLETED)
    assert [type(one.exception()) for one in done] == [Busy]
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await templates.close()
