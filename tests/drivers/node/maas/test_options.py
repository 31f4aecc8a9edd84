"""The options of maas, those of the original among them."""

import pytest

from drydockd import drivers
from drydockd.config import Schema, load
from drydockd.drivers.node.maas.options import MaasOptions
from drydockd.drivers.node.maas.provisioner import MaasProvisioner
from drydockd.errors import InvalidConfig

GIVEN = {"maas_api_url": "http://10.0.0.2:5240/MAAS", "maas_api_key": "a:b:c"}
ORIGINAL = "drydock_provisioner.drivers.node.maasdriver.driver.MaasNodeDriver"


def test_the_originals_options_have_its_defaults():
    options = MaasOptions(**GIVEN)
    assert (options.use_node_oob_params, options.skip_bmc_config) == (False, False)
    assert options.poll_interval == 10
    assert (options.connect_seconds, options.read_seconds) == (5, 60)


@pytest.mark.parametrize(
    "url", ["http://h/MAAS/", "http://h/MAAS/api/2.0", "http://h/MAAS/api/2.0/", "http://h/MAAS"]
)
def test_the_apis_own_path_may_be_there(url):
    assert MaasOptions(**{**GIVEN, "maas_api_url": url}).maas_api_url == "http://h/MAAS"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"maas_api_url": "10.0.0.2"}, "maas_api_url"),
        ({"maas_api_url": "http://h/MAAS?x=1"}, "maas_api_url"),
        ({"maas_api_key": "a:b"}, "maas_api_key: not consumer:token:secret"),
        ({"maas_api_key": None}, "maas_api_key"),
        ({"ca_file": "/x"}, "ca_file is of no use"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"nosuch": 1}, "nosuch"),
    ],
)
def test_what_is_wrong_is_told_by_name(wrong, words):
    with pytest.raises(InvalidConfig, match=words):
        drivers.load("node", "maas", {**GIVEN, **wrong})


def test_a_bad_key_is_not_shown():
    with pytest.raises(InvalidConfig) as caught:
        drivers.load("node", "maas", {**GIVEN, "maas_api_key": "a:s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["maas", ORIGINAL])
async def test_the_short_name_and_the_originals_class_lead_here(name):
    driver = drivers.load("node", name, GIVEN)
    assert isinstance(driver, MaasProvisioner)
    await driver.close()


def test_the_originals_environment_variable_wins(tmp_path):
    file = tmp_path / "drydockd.yaml"
    section = "maasdriver: {maas_api_url: http://h/MAAS, maas_api_key: 'a:b:file'}"
    file.write_text(f"auth: {{strategy: jwt}}\n{section}\n")
    environ = {"MAAS_API_KEY": "a:b:environment"}
    settings = load([file], environ, Schema(drivers.sections())).settings
    driver = MaasOptions(**settings.drivers["maasdriver"])
    assert driver.maas_api_key.get_secret_value() == "a:b:environment"
