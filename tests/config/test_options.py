import pytest
from pydantic import ValidationError

from drydockd.config import Settings
from drydockd.config.options import Api
from drydockd.config.schema import OWN

OPTIONS = [(s, o, info) for s, options in OWN.items() for o, info in options.items()]


def test_the_defaults_are_valid():
    for section, options in OWN.items():
        model = Settings.model_fields[section].annotation
        model.model_validate({o: info.default for o, info in options.items()})


@pytest.mark.parametrize(("section", "option", "info"), OPTIONS, ids=lambda v: str(v)[:40])
def test_every_option_says_what_it_is_for(section, option, info):
    assert info.description


@pytest.mark.parametrize(("section", "option", "info"), OPTIONS, ids=lambda v: str(v)[:40])
def test_every_integer_has_a_range(section, option, info):
    if info.annotation in (int, int | None):
        kinds = {type(rule).__name__ for rule in info.metadata}
        assert {"Ge", "Le"} <= kinds, f"{section}.{option}"


def test_a_certificate_needs_its_key():
    with pytest.raises(ValidationError, match="belong together"):
        Api(tls_cert="/c.pem")


def test_settings_never_change():
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.api.listen = "x:1"
    assert settings == Settings()
