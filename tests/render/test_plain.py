"""Which templates are cheap beyond doubt, by their tree alone."""

import pytest
from jinja2 import Environment

from drydockd.render.plain import PLAIN_DEPTH, PLAIN_LOOP_DEPTH, is_plain


def judged(source):
    return all(is_plain(child) for child in Environment().parse(source).body)


@pytest.mark.parametrize(
    "source",
    [
        "{{ node.hostname|lower }}",
        "{% if node.tags is defined %}{{ node.tags|sort|join(', ') }}{% endif %}",
        "{% for key, value in node.labels.items() %}{{ key }}{% endfor %}",
        "{{ node.role|default('none') }}",
    ],
)
def test_look_ups_filters_conditions_and_loops_are_plain(source):
    assert judged(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ node.__class__ }}",
        "{{ _secret }}",
        "{{ node[other] }}",
        "{{ 'x' * 9 }}",
        "{{ range(9) }}",
        "{{ node.tags|map('upper') }}",
        "{% set x = 1 %}",
        "{% for a in b recursive %}{% endfor %}",
        "{% for a in b %}" * (PLAIN_LOOP_DEPTH + 1) + "{% endfor %}" * (PLAIN_LOOP_DEPTH + 1),
        "{% if a %}" * (PLAIN_DEPTH + 1) + "{% endif %}" * (PLAIN_DEPTH + 1),
        "{{ a|tojson|tojson|tojson|tojson }}",
    ],
)
def test_what_could_make_more_than_it_is_given_is_not(source):
    assert not judged(source)
