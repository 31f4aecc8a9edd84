"""The language: which templates are plain, and that plain ones stay within their budget."""

import pytest
from jinja2 import Environment, UndefinedError
from jinja2.exceptions import TemplateSyntaxError

from drydockd.render import sandbox
from tests.designs import LOADING
from tests.render.helpers import whole_site

CONTEXT = {
    "node": {
        "hostname": "n1",
        "labels": {"a b": "ä/ö", "c": "1&2"},
        "tags": ["x", "y"],
        "network": {"default": {"ip": "10.0.0.1"}},
    },
    "action": {"design_ref": "deckhand+http://h:9000/a b?x=1&y"},
}

PLAIN = [
    "{{ action.design_ref | urlencode }}&h={{ node.hostname }}"
    "{% for k, v in node.labels.items() %}&l={{ k }}={{ v }}{% endfor %}",
    "{{ node.network.default.ip }} {{ node['network']['default']['ip'] }} {{ node.tags[0] }}",
    "{% if 'x' in node.tags and node.hostname == 'n1' %}yes{% else %}no{% endif %}",
    "{% for t in node.tags if t != 'x' %}{{ loop.index }}{{ t|upper }}{% else %}none{% endfor %}",
    "{{ node.labels.zone|default('none') }}{{ node.tags|join(',') }}{{ node.labels|urlencode }}",
    "{{ 'a' if node.labels.zone is defined else 'b' }}{# comment #}{%- if 1 -%} x {% endif %}",
    "{{ node.tags|tojson }} {{ node.labels|tojson }} {{ node.tags|sort|join('+') }}",
    "{% for name in node.network|sort %}{{ name }}{% endfor %}{{ node.tags|last|string }}",
    "{% if node.hostname in ('n1', 'n2') or 'x' in ['x'] %}{{ node.tags|count }}{% endif %}",
    "{% raw %}{{ not a tag }}{% endraw %}\nlast line\n",
    "{% for k in node.labels.keys() %}{% for v in node.labels.values() %}{{ v }}{% endfor %}"
    "{% endfor %}",
]

NOT_PLAIN = [
    "{{ 'a' * 9 }}",
    "{{ 'a' ~ 'b' }}",
    "{{ 1 + 1 }}",
    "{{ '%9d' % 1 }}",
    "{{ '%9d'|format(1) }}",
    "{{ node.hostname.center(9) }}",
    "{{ node.tags|join(node.hostname) }}",
    "{{ node.hostname|upper|join('-') }}",
    "{{ node.hostname|trim|lower|upper|trim }}",
    "{{ node.labels.get('a') }}",
    "{{ node[node.hostname] }}",
    "{{ range(9) }}",
    "{{ node._x }}",
    "{{ node['x']|attr('y') }}",
    "{{ __budget }}",
    "{% set a = 1 %}",
    "{% macro f() %}{% endmacro %}",
    "{% filter upper %}{% endfilter %}",
    "{% include 'x' %}",
    "{% for a in node.tags recursive %}{% endfor %}",
    "{% for a in node.tags %}{% for b in node.tags %}{% for c in node.tags %}{% endfor %}"
    "{% endfor %}{% endfor %}",
    "{{ [node, node] }}",
    "{% for a in (node.tags|tojson, node) %}{% endfor %}",
    "{{ (node.tags|tojson|tojson if 1)|tojson|tojson }}",
    "{{ (node.hostname|tojson)|join('-') }}",
    "{{ node.tags|join('-', 'attribute') }}",
    "{{ {'a': node} }}",
    "{% if 1 %}" * 40 + "{% endif %}" * 40,
    "{{ node.hostname }}" * 400,
    "{{ node.hostname }}" + "x" * 70_000,
]


@pytest.mark.parametrize("source", PLAIN)
def test_a_plain_template_gives_what_jinja2_gives(source):
    template = sandbox.compile_plain(source)
    assert template is not None
    plain = sandbox.render_plain(template, CONTEXT, 10_000)
    assert plain == sandbox.render_any(source, CONTEXT, 10_000)
    assert plain == Environment(keep_trailing_newline=True).from_string(source).render(CONTEXT)


@pytest.mark.parametrize("source", NOT_PLAIN)
def test_whatever_could_grow_is_not_plain(source):
    assert sandbox.compile_plain(source) is None


@pytest.mark.parametrize("name", LOADING)
def test_every_location_of_the_designs_is_plain(name):
    for spec in whole_site(name).bootactions.values():
        for asset in spec.assets:
            if asset.location_pipeline:
                assert sandbox.compile_plain(asset.location) is not None


@pytest.mark.parametrize(
    "value",
    [
        "deckhand+http://h:9000/a b?x=1&y",
        "ä€😀 %~-_.",
        {"a/b": "c d", "e": 1},
        [("a/b", "c d"), ("e", "ü")],
        12,
    ],
)
def test_urlencode_is_jinja2s_own(value):
    source = "{{ v | urlencode }}"
    template = sandbox.compile_plain(source)
    assert sandbox.render_plain(template, {"v": value}, 1000) == Environment().from_string(
        source
    ).render(v=value)


def test_urlencode_of_a_design_reference_is_as_documented():
    template = sandbox.compile_plain("{{ action.design_ref | urlencode }}")
    assert sandbox.render_plain(template, CONTEXT, 1000) == (
        "deckhand%2Bhttp%3A//h%3A9000/a%20b%3Fx%3D1%26y"
    )


@pytest.mark.parametrize(
    "source",
    [
        *("{{ gone }}", "{{ node.gone }}", "{{ gone.x }}", "{{ gone['x'] }}"),
        *("{% for x in gone %}{% endfor %}", "{{ gone | lower }}", "{% if gone.x %}{% endif %}"),
        "{% if 'a' in gone %}{% endif %}",
    ],
)
def test_an_undefined_name_is_an_error(source):
    with pytest.raises(UndefinedError):
        sandbox.render_plain(sandbox.compile_plain(source), CONTEXT, 1000)


@pytest.mark.parametrize(
    "source",
    [
        *("{% if gone %}x{% endif %}", "{% if not gone %}{% else %}x{% endif %}"),
        *("{{ 'x' if node.gone else '' }}", "{{ gone or '' }}", "{{ gone | default('') }}"),
        *("{% if gone == 'x' %}x{% endif %}", "{% if gone != 'x' %}{% else %}x{% endif %}"),
        *("{% if gone is defined %}x{% endif %}", "{% if gone and gone.x %}x{% endif %}"),
    ],
)
def test_testing_what_is_undefined_is_false(source):
    for render in (rendered_here, rendered_apart):
        assert render(source) == ""


def rendered_here(source):
    return sandbox.render_plain(sandbox.compile_plain(source), {"node": {}}, 100)


def rendered_apart(source):
    return sandbox.render_any(source, {"node": {}}, 100)


def test_markup_is_not_escaped():
    template = sandbox.compile_plain("{{ v }}")
    assert sandbox.render_plain(template, {"v": "<a & 'b'>"}, 100) == "<a & 'b'>"


def test_the_final_newline_stays_and_every_newline_becomes_one_kind():
    template = sandbox.compile_plain("a\r\n{{ 1 }}\rb\n")
    assert sandbox.render_plain(template, {}, 100) == "a\n1\nb\n"
    assert sandbox.literal("a\r\nb\rc\n") == "a\nb\nc\n"


def test_output_is_bounded_to_the_character():
    template = sandbox.compile_plain("{% for t in node.tags %}12345{% endfor %}")
    assert len(sandbox.render_plain(template, CONTEXT, 10)) == 10
    with pytest.raises(sandbox.TooLong, match="longer than 9 characters"):
        sandbox.render_plain(template, CONTEXT, 9)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "{{ b|urlencode }}",
        "{% if a|urlencode|urlencode == b %}{% endif %}" * 50,
        "{% if v|sort == v|tojson %}{% endif %}" * 50,
    ],
)
def test_a_costly_plain_template_gives_up_over_its_budget(body):
    """Characters of a long value are items too: an idle double loop is 64 million rounds."""
    source = "{% for a in v %}{% for b in v %}" + body + "{% endfor %}{% endfor %}"
    template = sandbox.compile_plain(source)
    context = {"v": "ü" * 8000}
    with pytest.raises((sandbox.OverBudget, sandbox.TooLong)):
        sandbox.render_plain(template, context, 1 << 20)


def test_a_context_is_small_up_to_16_kib():
    assert sandbox.is_small(CONTEXT)
    assert not sandbox.is_small({"node": {"labels": {"a": "x" * 20_000}}})
    assert not sandbox.is_small({"node": {"labels": {str(n): "x" for n in range(5000)}}})


def test_a_description_has_type_text_and_line():
    with pytest.raises(TemplateSyntaxError) as error:
        sandbox.compile_plain("a\nb\n{% if %}")
    assert sandbox.describe(error.value).startswith("TemplateSyntaxError: ")
    assert sandbox.describe(error.value).endswith("(line 3)")
    with pytest.raises(UndefinedError) as error:
        sandbox.render_plain(sandbox.compile_plain("a\n{{ x }}\n"), {}, 100)
    assert sandbox.describe(error.value) == f"UndefinedError: {error.value} (line 2)"


WRITTEN_OUT = [
    "{{ node.hostname.upper }}",
    "{{ node['hostname']['upper'] }}",
    "{{ node.hostname|attr('upper') }}",
    "{{ node.hostname.upper|string }}",
    "{{ node.hostname.upper|upper }}",
    "{{ node.hostname.upper ~ '' }}",
    "{{ [node.hostname.upper] }}",
    "{{ {'a': node.hostname.upper} }}",
    "{{ [node.hostname.upper]|join }}",
    "{{ '%s' % node.hostname.upper }}",
    "{{ '{}'.format(node.hostname.upper) }}",
    "{{ node.hostname.upper|pprint }}",
    "{{ node.labels.items }}",
    "{% for t in node.tags %}{{ loop.cycle }}{% endfor %}",
    "{% block b %}{% endblock %}{{ self.b }}",
    "{{ cycler('a').next }}",
    "{{ range }}",
    "{{ [range] }}",
    "{{ dict }}",
    "{% macro m() %}{% endmacro %}{{ m }}",
]


def rendered_both_ways(source):
    """Yield the text or the error of each way that takes the template."""
    for render in (sandbox.render_any, render_plain):
        try:
            text = render(source, CONTEXT, 1000)
        except Exception as error:
            text = sandbox.describe(error)
        if text is not None:
            yield text


def render_plain(source, context, chars):
    template = sandbox.compile_plain(source)
    return None if template is None else sandbox.render_plain(template, context, chars)


@pytest.mark.parametrize("source", WRITTEN_OUT)
def test_a_method_written_out_is_an_error_that_says_call_it(source):
    for text in rendered_both_ways(source):
        assert ": call it, as in " in text
        assert "0x" not in text


@pytest.mark.parametrize(
    "source",
    [
        *("{{ node.tags|map('upper') }}", "{{ [node.tags|select] }}", "{{ node.tags|batch(1) }}"),
        *("{{ node.tags|reverse ~ '' }}", "{{ node.tags|unique|string }}"),
        *("{{ node.labels|items }}", "{{ cycler('a') }}", "{{ [joiner()] }}", "{{ namespace() }}"),
        *("{{ self }}", "{{ node.labels.items() }}", "{{ node.tags|groupby(0) }}"),
    ],
)
def test_nothing_that_is_written_out_names_an_address_of_memory(source):
    for text in rendered_both_ways(source):
        assert " at 0x" not in text
        assert "rror" not in text


def test_methods_are_called_as_ever():
    source = "{{ node.hostname.upper() }}{{ ('%s' % 1).zfill(2) }}{% for i in range(2) %}{{ i }}"
    source += "{{ loop.cycle('p', 'q') }}{% endfor %}{{ node.tags|map('upper')|join }}"
    assert sandbox.render_any(source, CONTEXT, 1000) == "N1010p1qXY"


@pytest.mark.parametrize("source", ["{{ 'a'|striptags }}", "{{ ('a'|escape).striptags() }}"])
def test_there_is_no_striptags(source):
    (text,) = rendered_both_ways(source)
    assert "striptags" in text
    assert "rror" in text
