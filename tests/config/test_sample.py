import re
from enum import StrEnum
from pathlib import Path

import yaml
from pydantic import SecretStr

from drydockd import parts
from drydockd.config import DriverSection, Schema, Settings
from drydockd.config.fields import Section, opt
from drydockd.config.sample import inline, render, sample

SCHEMA = parts.schema()
CONF = Path(__file__).parents[2] / "conf" / "drydockd.yaml"


def test_the_shipped_file_is_the_sample():
    assert CONF.read_text(encoding="utf-8") == sample(SCHEMA), (
        "regenerate it: drydock config sample > conf/drydockd.yaml"
    )


def test_every_option_of_the_shipped_file_has_its_default():
    # Given the file as shipped, when every option is uncommented ...
    text = re.sub(r"^  #(\w+:)", r"  \1", CONF.read_text(encoding="utf-8"), flags=re.MULTILINE)
    values = {name.lower(): options for name, options in yaml.safe_load(text).items()}

    # ... then all options are there, and nothing changes.
    assert {s: set(o) for s, o in values.items()} == {
        name: set(options) for name, options in SCHEMA.sections.items()
    }
    for section, driver in SCHEMA.drivers.items():
        shown = values.pop(section)
        for option in driver.model.model_fields:
            assert shown[option] == yaml.safe_load(inline(SCHEMA.default(section, option)))
    assert Settings.model_validate(values) == Settings()


def test_a_drivers_section_says_whose_it_is_and_what_must_be_given():
    class RackOptions(Section):
        address: str = opt(..., "Where the rack controller is")

    schema = Schema({"rack_driver": DriverSection(RackOptions, ("node driver rack: racks",))})
    assert sample(schema).endswith(
        "rack_driver:\n"
        "  # node driver rack: racks\n"
        "  #\n"
        "  # Where the rack controller is (must be given)\n"
        "  #address: null\n"
    )


def test_rendered_values_read_back_as_they_were():
    values = {"api": {"listen": "a:1"}, "default": {"poll_interval": 3}, "plugins": {"x": ["a"]}}
    assert yaml.safe_load(render(values, Schema())) == {
        "DEFAULT": {"poll_interval": 3},
        "api": {"listen": "a:1"},
        "plugins": {"x": ["a"]},
    }


def test_a_value_stays_on_one_line():
    for value in ("a\nb", "x" * 500, "# no comment", None, True, {"a": [1, "b"]}, "12:30"):
        assert "\n" not in inline(value)
        assert yaml.safe_load(inline(value)) == value


class Colour(StrEnum):
    RED = "red"


def test_values_of_every_type_that_options_have_are_written():
    assert inline({"a": (Colour.RED, Path("/x")), "b": [SecretStr("s")]}) == (
        "{a: [red, /x], b: [s]}"
    )
