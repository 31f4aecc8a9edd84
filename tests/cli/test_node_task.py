from drydockd.api.builddata import BuildData
from drydockd.cli.node_task import is_a, listed, printable
from tests.api.examples import BUILD_DATA


def test_build_data_is_known_by_the_kind_of_its_element():
    def record(text, data_format="application/json"):
        return BuildData(**BUILD_DATA | {"data_format": data_format, "data_element": text})

    assert is_a(record('{"kind": "Drift"}'), "Drift")
    assert not is_a(record('{"kind": "BmcFacts"}'), "Drift")
    assert not is_a(record('["Drift"]'), "Drift")
    assert not is_a(record("{"), "Drift")
    assert not is_a(record('{"kind": "Drift"}', "text/plain"), "Drift")


def test_many_names_are_counted_and_nothing_moves_the_cursor():
    assert listed([f"n{i}" for i in range(12)]).endswith("n9 and 2 more")
    assert printable("a\x1b[2Jb\n") == "a?[2Jb?"
