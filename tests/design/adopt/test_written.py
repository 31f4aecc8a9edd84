import yaml

from drydockd.design.adopt.draft import Draft
from drydockd.design.adopt.written import written


def test_a_note_stays_on_its_line():
    [document] = yaml.safe_load_all(written([Draft("Rack", "r1", {}, ("a\nb: c\x85d",))]))
    assert set(document) == {"schema", "metadata", "data"}


def test_nothing_to_say_is_no_text():
    assert written([]) == ""
