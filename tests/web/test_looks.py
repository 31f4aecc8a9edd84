import pytest
from jinja2 import UndefinedError

from drydockd.model import TaskStatus
from drydockd.web.assets import Assets
from drydockd.web.looks import LOOKS, breakable, look_of, make_environment, moment, state


@pytest.fixture
def looks():
    return make_environment("/ui", Assets())


def test_a_state_is_told_by_word_and_icon():
    shown = state("partial_success")
    assert "partial success" in shown
    assert LOOKS["bad"] in shown
    assert 'aria-hidden="true"' in shown  # the word says it


def test_no_two_looks_share_an_icon_and_every_status_has_one():
    assert len(set(LOOKS.values())) == len(LOOKS)
    assert all(look_of(status) in LOOKS for status in TaskStatus)
    assert look_of("Failed commissioning") == "bad"
    assert look_of("Deploying") == "busy"
    assert look_of("something new") == "none"


def test_a_time_is_utc_for_who_has_no_script():
    shown = moment("2026-01-31T10:20:30.123456+00:00")
    assert ">2026-01-31 10:20:30 UTC</time>" in shown
    assert 'datetime="2026-01-31T10:20:30.123+00:00"' in shown
    assert "–" in moment(None)
    assert moment("<soon>") == "&lt;soon&gt;"


def test_a_long_name_breaks_where_its_parts_meet_and_stays_escaped():
    assert breakable("a.b_c") == "a.<wbr>b_<wbr>c"
    assert "<b>" not in breakable("<b>.x")


def test_what_a_page_shows_is_escaped(looks):
    text = looks.from_string("{{ x }} {{ x | state }}").render(x="<script>alert(1)</script>")
    assert "<script" not in text


def test_a_misspelt_name_in_a_template_is_an_error(looks):
    with pytest.raises(UndefinedError):
        looks.from_string("{{ nodse }}").render(nodes=[])


def test_every_template_can_be_read(looks):
    # The API's has filters of its own: test_apipage reads it.
    for name in {*looks.list_templates()} - {"api.html"}:
        looks.get_template(name)
