import pytest
from pydantic import SecretStr

from drydockd import parts
from drydockd.config.fields import Section, opt
from drydockd.config.schema import OWN, DriverSection, Schema


class RackOptions(Section):
    key: SecretStr = opt(..., "A key", env="RACK_KEY")
    names: tuple[str, ...] = opt(("a",), "Names")


RACK = Schema({"rack_driver": DriverSection(RackOptions)})


def test_secret_options_are_known():
    assert Schema().is_secret("keystone_authtoken", "password")
    assert RACK.is_secret("rack_driver", "key")
    assert not RACK.is_secret("rack_driver", "names")
    assert not RACK.is_secret("api", "listen")
    assert not RACK.is_secret("api", "no such option")


def test_an_option_that_must_be_given_has_no_default():
    assert RACK.default("rack_driver", "key") is None
    assert RACK.default("rack_driver", "names") == ("a",)


def test_options_may_name_a_variable_of_the_environment():
    assert RACK.variables() == {"RACK_KEY": ("rack_driver", "key")}


def test_what_drivers_brought_is_no_section_of_the_daemons_own():
    assert "drivers" not in OWN
    assert set(RACK.sections) == {*OWN, "rack_driver"}


SHIPPED = parts.schema()
OPTIONS = [(s, o, i) for s, d in SHIPPED.drivers.items() for o, i in d.model.model_fields.items()]


@pytest.mark.parametrize(("section", "option", "info"), OPTIONS, ids=lambda v: str(v)[:40])
def test_every_option_of_a_shipped_driver_has_help_and_every_number_bounds(section, option, info):
    assert info.description
    if info.annotation in (int, float, int | None, float | None):
        kinds = {type(rule).__name__ for rule in info.metadata}
        assert kinds & {"Ge", "Gt"}, f"{section}.{option}"
        assert kinds & {"Le", "Lt"}, f"{section}.{option}"
