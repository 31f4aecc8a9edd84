from pathlib import Path

import pytest
from pydantic import SecretStr

from drydockd.config import ConfigError, DriverSection, Schema, dump, load, secret_values
from drydockd.config.fields import Section, opt

LAB = "auth: {strategy: jwt}\n"


class RackOptions(Section):
    address: str = opt(..., "Where the rack controller is")
    key: SecretStr | None = opt(None, "Its key", env="RACK_KEY")
    seconds: int = opt(10, "Seconds between looks", ge=1, le=60)


RACK = Schema({"rack_driver": DriverSection(RackOptions)})


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "drydockd.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def mistakes(*files, environ=None, schema=None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(files, environ, schema)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_an_empty_file_gives_the_defaults_and_wants_a_keystone(write):
    assert mistakes(write("")) == [
        "configuration: keystone_authtoken.auth_url: is required by auth.strategy keystone"
    ]


def test_all_mistakes_are_reported_at_once_with_line_value_and_suggestion(write):
    path = write(
        "api: {listn: 'a:1'}\n"
        "timeout: {deploy_node: 3}\n"
        "timeouts:\n"
        "  deploy_node: 0\n"
        "  relabel_node: soon\n"
        "networkconfig: {retry_min_delay: 100}\n"
    )
    told = sorted(mistakes(path))
    # What a value should be is told in the words of pydantic.
    below, no_number = told.pop(2), told.pop(2)
    assert below.startswith(f"{path}:4: timeouts.deploy_node: ")
    assert below.endswith(" (got 0)")
    assert no_number.startswith(f"{path}:5: timeouts.relabel_node: ")
    assert no_number.endswith(" (got 'soon')")
    assert told == [
        f"{path}:1: api.listn: no such option; did you mean listen?",
        f"{path}:2: timeout: no such section; did you mean timeouts?",
        f"{path}:6: networkconfig: retry_min_delay is above retry_max_delay",
    ]


def test_an_option_in_the_wrong_section_is_pointed_to_the_right_one(write):
    assert (
        "did you mean network.http_client_retries?"
        in mistakes(write("plugins: {http_client_retries: 3}"))[0]
    )


def test_the_value_of_a_secret_is_never_shown(write):
    text = mistakes(write("keystone_authtoken: {password: [hunter2]}"))[0]
    assert "keystone_authtoken.password" in text
    assert "hunter2" not in text


def test_a_password_in_a_wrong_uri_is_masked(write):
    text = mistakes(write("api: {public_url: 'ftp://joe:hunter2@x'}"))[0]
    assert "hunter2" not in text


def test_the_environment_wins_over_the_file(write):
    path = write(LAB + "limits: {fan_out: 5}\n")
    settings = load([path], {"DRYDOCKD_LIMITS__FAN_OUT": "7"}).settings
    assert settings.limits.fan_out == 7


def test_the_later_file_wins_option_by_option(write):
    one = write(LAB + "limits: {fan_out: 5, retries: 1}\n", "1.yaml")
    two = write("limits: {fan_out: 6}\n", "2.yaml")
    limits = load([one, two]).settings.limits
    assert (limits.fan_out, limits.retries) == (6, 1)


def test_lists_come_from_the_environment_as_words_or_as_yaml():
    for text in ("jwt,keystone", "[jwt, keystone]"):
        environ = {
            "DRYDOCKD_AUTH__STRATEGY": text,
            "DRYDOCKD_KEYSTONE_AUTHTOKEN__AUTH_URL": "http://k",
        }
        assert load([], environ).settings.auth.strategy == ("jwt", "keystone")


def test_a_variable_with_one_underscore_is_a_mistake():
    assert mistakes(environ={"DRYDOCKD_API_LISTEN": "x"})[0] == (
        "DRYDOCKD_API_LISTEN: no such variable; did you mean DRYDOCKD_API__LISTEN?"
    )


def test_secrets_come_from_systemd_credentials_and_the_environment_wins(write, tmp_path):
    (tmp_path / "creds").mkdir()
    (tmp_path / "creds" / "keystone_authtoken.password").write_text("from-credential\n")
    (tmp_path / "creds" / "tls.key").write_text("not ours")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")}
    path = write(LAB + "keystone_authtoken: {password: from-file}\n")

    def password(**more):
        return load([path], environ | more).settings.keystone_authtoken.password.get_secret_value()

    assert password() == "from-credential"
    assert password(DRYDOCKD_KEYSTONE_AUTHTOKEN__PASSWORD="from-env") == "from-env"


def test_a_credential_for_an_option_that_is_no_secret_is_a_mistake(tmp_path):
    (tmp_path / "api.listen").write_text("x")
    assert "credential api.listen: api.listen: is not a secret option" in mistakes(
        environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}
    )


def test_an_environment_variable_that_an_option_names_wins(write):
    path = write(LAB + "rack_driver: {key: 'a:b:c'}\n")
    given = load([path], {"RACK_KEY": "x:y:z"}, RACK).settings.drivers["rack_driver"]
    assert given["key"].get_secret_value() == "x:y:z"


def test_options_of_drivers_are_checked_like_all_others(write):
    path = write("rack_driver:\n  second: 5\n  seconds: 0\n  key: [hunter2]\n" + LAB)
    found = sorted(mistakes(path, environ={"DRYDOCKD_RACK_DRIVER__ADDRESS": "x"}, schema=RACK))
    assert found[0] == f"{path}:2: rack_driver.second: no such option; did you mean seconds?"
    assert "rack_driver.seconds: input should be greater than or equal to 1 (got 0)" in found[1]
    assert "rack_driver.key: " in found[2]
    assert not any("hunter2" in text for text in found)


def test_an_option_that_must_be_given_is_asked_for_by_its_driver_only(write):
    given = load([write(LAB + "rack_driver: {seconds: 5}\n")], schema=RACK).settings.drivers
    assert given == {"rack_driver": {"seconds": 5}}


def test_sections_of_drivers_that_are_not_here_are_ignored_with_a_warning(write):
    loaded = load([write(LAB + "maasdriver: {maas_api_key: hunter2}\n")])
    assert [w for w in loaded.warnings if "ignored" in w] == [
        "options of drivers that are not part of this version are ignored: maasdriver.maas_api_key"
    ]
    assert "hunter2" not in "\n".join((*dump(loaded.settings), *loaded.warnings))


def test_secrets_of_drivers_are_masked_and_known_to_the_log(write):
    settings = load([write(LAB + "rack_driver: {key: hunter2}\n")], schema=RACK).settings
    text = dump(settings, RACK)
    assert "rack_driver.key = ****" in text
    assert "rack_driver.seconds = 10" in text
    assert secret_values(settings) == ["hunter2"]


def test_it_is_remembered_where_each_option_was_written(write):
    path = write(LAB + "api:\n  listen: 127.0.0.1:1\n")
    origins = load([path], {"DRYDOCKD_LIMITS__FAN_OUT": "7"}).origins
    assert origins["api", "listen"] == f"{path}:3"
    assert origins["limits", "fan_out"] == "DRYDOCKD_LIMITS__FAN_OUT"


def test_options_without_a_meaning_are_named_in_one_warning(write):
    path = write(LAB + "database: {pool_size: 3}\nDEFAULT: {leader_grace_period: 5}\n")
    warnings = [w for w in load([path]).warnings if "ignored" in w]
    assert warnings == [
        "options without a meaning here are ignored: "
        "database.pool_size, default.leader_grace_period"
    ]


def test_old_spellings_of_keystone_options_are_understood(write):
    path = write(LAB + "keystone_authtoken: {user_name: joe, auth_uri: 'http://k'}\n")
    keystone = load([path]).settings.keystone_authtoken
    assert (keystone.username, keystone.www_authenticate_uri) == ("joe", "http://k")


def test_the_report_url_follows_the_public_url(write):
    path = write(LAB + "api: {public_url: 'https://drydock.example:9000'}\n")
    loaded = load([path])
    assert loaded.settings.bootactions.report_url == (
        "https://drydock.example:9000/api/v1.0/bootactions/"
    )
    assert not [w for w in loaded.warnings if "report_url" in w]


def test_the_default_report_url_is_warned_about(write):
    assert [w for w in load([write(LAB)]).warnings if "every node reports to itself" in w]


def test_noauth_beyond_loopback_needs_force(write):
    text = mistakes(write("auth: {strategy: noauth}"))[0]
    assert "0.0.0.0:9000" in text
    assert load([write("auth: {strategy: noauth, noauth_force: true}")]).settings
    assert load([write("auth: {strategy: noauth}\napi: {listen: '[::1]:9000'}")]).settings


def test_logger_names_follow_the_global_one(write):
    logging = load([write(LAB + "logging: {global_logger_name: dd}\n")]).settings.logging
    assert logging.oobdriver_logger_name == "dd.oobdriver"


def test_the_dump_masks_every_secret(write):
    path = write(
        LAB + "keystone_authtoken: {password: hunter2, auth_url: 'http://joe:hunter3@k'}\n"
    )
    settings = load([path]).settings
    text = "\n".join(dump(settings))
    assert "keystone_authtoken.password = ****" in text
    assert "hunter" not in text
    assert sorted(secret_values(settings)) == ["hunter2", "hunter3"]


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path):
    path = tmp_path / "no.yaml"
    assert mistakes(path)[0].startswith(f"{path}: cannot be read: ")


def test_an_unknown_section_is_a_mistake_without_options_too(write):
    path = write(LAB + "timeout: {}\nstore:\n")
    assert mistakes(path) == [f"{path}:2: timeout: no such section; did you mean timeouts?"]


def test_mistakes_over_several_options_come_with_what_was_read(write):
    with pytest.raises(ConfigError) as error:
        load([write("limits: {fan_out: 7}\n")])
    assert error.value.loaded.settings.limits.fan_out == 7
