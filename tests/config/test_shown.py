import pytest
import yaml

from drydockd import parts
from drydockd.config import load
from drydockd.config.sample import sample
from drydockd.config.shown import masked, shown

TEXT = """\
auth: {strategy: jwt}
api:
  public_url: https://joe:hunter2@drydock.example:9000
keystone_authtoken:
  auth_url: http://127.0.0.1:9
plugins:
  options: {'mine:DRIVER': {bmc_password: hunter3, address: 10.0.0.9}}
"""


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text(TEXT)
    (tmp_path / "keystone_authtoken.password").write_text("hunter4")
    environ = {"DRYDOCKD_LIMITS__FAN_OUT": "7", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    schema = parts.schema()
    return shown(load([path], environ, schema), schema).replace(str(path), "d.yaml")


def test_each_value_says_where_it_is_from(text):
    for line in (
        "  strategy: [jwt]  # d.yaml:1",
        "  public_url: https://joe:****@drydock.example:9000  # d.yaml:3",
        "  fan_out: 7  # environment DRYDOCKD_LIMITS__FAN_OUT",
        "  password: '****'  # credential keystone_authtoken.password",
        "  listen: 0.0.0.0:9000  # default",
    ):
        assert line in text.splitlines()
    bootactions = text[text.index("bootactions:") :]
    line = next(line for line in bootactions.splitlines() if " report_url:" in line)
    assert line.endswith("# follows api.public_url, d.yaml:3")


def test_what_must_be_given_and_is_not_is_no_value(text):
    assert "  # base_url: must be given" in text
    assert "base_url: null" not in text


def test_no_secret_is_in_it_not_even_of_a_driver_that_nobody_knows(text):
    assert "hunter" not in text
    assert "{'mine:DRIVER': {address: 10.0.0.9, bmc_password: '****'}}" in text


def test_it_is_a_configuration_itself(text, tmp_path):
    path = tmp_path / "again.yaml"
    path.write_text(text)
    again = load([path], {}, parts.schema()).settings
    assert again.limits.fan_out == 7
    assert again.keystone_authtoken.auth_url == "http://127.0.0.1:9"
    assert set(yaml.safe_load(text)) == set(yaml.safe_load(sample(parts.schema())))


def test_what_is_no_secret_is_left_alone():
    assert masked({"n": [1, "x"], "token_file": ""}) == {"n": [1, "x"], "token_file": ""}
    assert masked({"auth_token": "abc"}) == {"auth_token": "****"}
    assert masked({"tokens": ["a", ""]}) == {"tokens": ["****", ""]}
