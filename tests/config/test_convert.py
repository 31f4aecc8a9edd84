import pytest
import yaml
from pydantic import SecretStr

from drydockd.config import DriverSection, Schema, load
from drydockd.config.convert import InvalidIni, convert
from drydockd.config.fields import Section, opt


class Redfish(Section):
    use_ssl: bool = opt(True, "https")
    poll_interval: float = opt(10.0, "Seconds")
    password: SecretStr | None = opt(None, "Of all BMCs")


SCHEMA = Schema({"redfish_driver": DriverSection(Redfish)})

ORIGINAL = """\
# A file as deployments have it.
[DEFAULT]
poll_interval = 5
leader_grace_period = 15

[database]
database_connect_string = postgresql://drydock:hunter2@pg/drydock

[logging]
log_level = DEBUG
global_logger_name = dd
oobdriver_logger_name = ${global_logger_name}.bmc

[plugins]
ingester = some.ingester.Class
oob_driver = drydock_provisioner.drivers.oob.pyghmi_driver.PyghmiDriver
oob_driver = drydock_provisioner.drivers.oob.redfish_driver.driver.RedfishDriver,
    drydock_provisioner.drivers.oob.manual_driver.driver.ManualDriver
node_driver = drydock_provisioner.drivers.node.maasdriver.driver.MaasNodeDriver
network_driver =

[keystone_authtoken]
auth_url = http://keystone/v3
user_name = drydock
password = p$$x
insecure = False
delay_auth_decision = true
service_token_roles = service, admin

[redfish_driver]
use_ssl = no

[maasdriver]
maas_api_url = http://maas/MAAS
poll_interval = 15
use_node_oob_params = true
"""


def test_a_configuration_of_the_original_loads_after_conversion(tmp_path):
    path = tmp_path / "drydockd.yaml"
    path.write_text(convert(ORIGINAL, SCHEMA).text)

    settings = load([path], schema=SCHEMA).settings

    assert settings.default.poll_interval == 5
    assert settings.logging.log_level == "DEBUG"
    assert settings.logging.oobdriver_logger_name == "dd.bmc"
    assert settings.logging.nodedriver_logger_name == "dd.nodedriver"
    assert settings.plugins.oob_driver == ("ipmi", "redfish", "manual")
    assert settings.plugins.node_driver == "maas"
    assert settings.keystone_authtoken.password.get_secret_value() == "p$x"
    assert settings.keystone_authtoken.service_token_roles == ("service", "admin")
    assert settings.keystone_authtoken.insecure is False
    assert settings.drivers["redfish_driver"] == {"use_ssl": False}


def test_a_number_of_a_driver_that_takes_fractions_stays_a_number():
    text = convert("[redfish_driver]\npoll_interval = 7\n", SCHEMA).text
    assert yaml.safe_load(text)["redfish_driver"] == {"poll_interval": 7}


def test_what_was_left_out_is_said_without_values():
    converted = convert(ORIGINAL, SCHEMA)
    assert "[database] has no meaning here and was left out" in converted.notes
    assert "default.leader_grace_period has no meaning here and was left out" in converted.notes
    assert "hunter2" not in converted.text


def test_options_of_a_driver_that_is_not_here_are_kept_for_the_version_that_has_it(tmp_path):
    converted = convert(ORIGINAL, SCHEMA)
    assert yaml.safe_load(converted.text)["maasdriver"] == {
        "maas_api_url": "http://maas/MAAS",
        "poll_interval": 15,
        "use_node_oob_params": True,
    }
    assert [note for note in converted.notes if "[maasdriver] is of a driver" in note]
    path = tmp_path / "drydockd.yaml"
    path.write_text(converted.text)
    assert any("maasdriver.maas_api_url" in w for w in load([path], schema=SCHEMA).warnings)


def test_a_secret_of_a_driver_is_noted():
    converted = convert("[redfish_driver]\npassword = hunter2\n", SCHEMA)
    assert "redfish_driver.password is a secret" in converted.notes[0]


def test_an_unknown_class_path_is_kept_and_said():
    converted = convert("[plugins]\nnode_driver = my.own.Driver\n", SCHEMA)
    assert "node_driver: my.own.Driver" in converted.text
    assert "my.own.Driver has no counterpart" in converted.notes[0]


def test_a_line_that_is_none_of_the_format_is_named():
    with pytest.raises(InvalidIni, match="line 2"):
        convert("[api]\nwhat is this\n", SCHEMA)


def test_what_the_original_allowed_silently_stands_in_its_section_commented_out(tmp_path):
    used = ["deckhand+http://deckhand.site:9000/api/v1.0/x", "file:///srv/site/site.yaml"]
    text = convert("[keystone_authtoken]\nauth_url = http://k/v3\n", SCHEMA, used).text
    assert "  #service_hosts: ['deckhand.site:9000']\n" in text
    assert "  #allowed_roots: [/srv/site]\n" in text
    assert "  #key_lifetime: null\n" in text
    # Commented out, it changes nothing; taken in, it is good.
    path = tmp_path / "drydockd.yaml"
    path.write_text(text)
    assert load([path], schema=SCHEMA).settings.auth.service_hosts == ()
    options = ("service_hosts", "allowed_hosts", "allowed_roots", "key_lifetime", "retention_days")
    for option in options:
        text = text.replace(f"  #{option}:", f"  {option}:")
    path.write_text(text)
    settings = load([path], schema=SCHEMA).settings
    assert settings.auth.service_hosts == ("deckhand.site:9000",)
    assert settings.network.allowed_hosts == ("deckhand.site:9000",)
    assert settings.bootactions.key_lifetime is None


def test_what_is_given_is_not_commented_out_once_more():
    text = convert("[store]\nretention_days = 30\n", SCHEMA).text
    assert yaml.safe_load(text)["store"] == {"retention_days": 30}
    assert "#retention_days" not in text
