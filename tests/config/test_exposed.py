"""Secrets that everybody can read: which option, in which file, and what helps."""

import pytest
from pydantic import SecretStr

from drydockd.config import DriverSection, Schema, load
from drydockd.config.exposed import open_mode
from drydockd.config.fields import Section, opt

LAB = "auth: {strategy: jwt}\n"
SECRET = "keystone_authtoken: {password: s3cret-93}\n"


class RackOptions(Section):
    url: str = opt("", "Where")
    key: SecretStr | None = opt(None, "Its key")


RACK = Schema({"rack_driver": DriverSection(RackOptions)})


@pytest.fixture
def write(tmp_path):
    def write(text: str, *, mode: int = 0o644, name: str = "drydockd.yaml"):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def warnings(*files, **more):
    found = load(files, more.pop("environ", {}), RACK, **more).warnings
    return [text for text in found if "can be read by everybody" in text]


def test_a_password_in_a_file_for_everybody_is_warned_about_with_its_option(write):
    path = write(LAB + SECRET)
    (said,) = warnings(path)
    assert f"{path} (mode 0644)" in said
    assert "keystone_authtoken.password" in said
    assert f"chmod o= {path}" in said
    assert "s3cret-93" not in said


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_owner_and_group_may_read(write, mode):
    assert warnings(write(LAB + SECRET, mode=mode)) == []


@pytest.mark.parametrize("text", ["", "keystone_authtoken: {password: null}\n"])
def test_without_a_secret_everybody_may_read(write, text):
    assert warnings(write(LAB + text)) == []


def test_secrets_of_drivers_and_passwords_in_addresses_count_too(write):
    (said,) = warnings(write(LAB + "rack_driver: {key: k, url: 'http://u:pw@rack/'}\n"))
    assert "rack_driver.key, rack_driver.url" in said


def test_only_the_file_that_holds_the_secret_is_named(write):
    plain, secret = write(LAB), write(SECRET, name="secret.yaml")
    (said,) = warnings(plain, secret)
    assert said.startswith(f"{secret} ")


def test_what_comes_from_the_environment_is_in_no_file(write):
    environ = {"DRYDOCKD_KEYSTONE_AUTHTOKEN__PASSWORD": "s3cret-93"}
    assert warnings(write(LAB), environ=environ) == []


@pytest.mark.parametrize(("mode", "count"), [(0o444, 1), (0o400, 0)])
def test_credentials_are_looked_at_as_well(write, tmp_path, mode, count):
    path = write(LAB, mode=0o600)
    (tmp_path / "credentials").mkdir()
    secret = write("s3cret", mode=mode, name="credentials/keystone_authtoken.password")
    found = warnings(path, environ={"CREDENTIALS_DIRECTORY": str(secret.parent)})
    assert len(found) == count
    assert all(text.startswith(f"{secret} ") for text in found)


@pytest.mark.parametrize(("mode", "count"), [(0o644, 1), (0o640, 0)])
def test_a_private_key_for_everybody_is_warned_about(write, mode, count):
    key = write("-", mode=mode, name="tls.key")
    path = write(LAB + f"api: {{tls_cert: {key}, tls_key: {key}}}\n")
    found = warnings(path)
    assert len(found) == count
    assert all(f"api.tls_key: {key}" in text for text in found)


def test_a_client_certificate_without_a_key_file_holds_the_key(write):
    both = write("-", name="client.pem")
    assert (
        "keystone_authtoken.certfile"
        in warnings(write(LAB + f"keystone_authtoken: {{certfile: {both}}}\n"))[0]
    )


def test_what_is_no_file_or_is_not_there_is_left_to_others(tmp_path):
    assert open_mode(tmp_path) is None
    assert open_mode(tmp_path / "nothing") is None
