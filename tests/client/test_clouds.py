"""clouds.yaml and secure.yaml: found where other clients find them, and read as they do."""

import pytest
import yaml

from drydockd.client.clouds import read_cloud

SECRET = "cloud-secret-55"
AUTH = {"auth_url": "https://k/v3", "username": "ops", "password": SECRET}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write clouds in ~/.config/openstack; the current folder is another, and empty."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("drydockd.client.clouds.SYSTEM", tmp_path / "etc")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def written(cloud, name="clouds.yaml", folder=tmp_path / "home/.config/openstack"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump({"clouds": {"site": cloud}}))
        return folder / name

    return written


def test_a_cloud_says_who_one_is_and_where(write):
    write(
        {
            "auth": AUTH | {"project_name": "p", "project_domain_id": "default"},
            "region_name": "north",
            "interface": "public",
            "identity_api_version": 3,
        }
    )
    cloud = read_cloud("site")
    assert cloud.auth == AUTH | {"project_name": "p", "project_domain_id": "default"}
    assert (cloud.region_name, cloud.interface, cloud.verify) == ("north", "public", None)
    assert SECRET not in repr(cloud)


def test_secure_yaml_completes_it(write):
    write({"auth": {"auth_url": "https://k/v3", "username": "ops", "password": "old"}})
    write({"auth": {"password": SECRET}}, "secure.yaml")
    assert read_cloud("site").auth == AUTH


def test_the_current_folder_goes_before_the_home_and_that_before_the_system(write, tmp_path):
    for username, folder in (
        ("system", tmp_path / "etc"),
        ("home", tmp_path / "home/.config/openstack"),
        ("here", tmp_path / "here"),
    ):
        write({"auth": AUTH | {"username": username}}, "clouds.yml", folder)
        assert read_cloud("site").auth["username"] == username


def test_a_variable_names_the_file(write, tmp_path, monkeypatch):
    write({"auth": AUTH})
    other = write({"auth": AUTH | {"username": "other"}}, "mine.json", tmp_path / "x")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(other))
    assert read_cloud("site").auth["username"] == "other"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "/no/clouds.yaml")
    with pytest.raises(ValueError, match=r"/no/clouds\.yaml: No such file"):
        read_cloud("site")


def test_xdg_says_where_settings_are(write, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    write({"auth": AUTH}, folder=tmp_path / "xdg/openstack")
    assert read_cloud("site").auth == AUTH


def test_without_a_file_the_places_are_told(write, tmp_path):
    with pytest.raises(ValueError, match=f"cloud site: .* looked for {tmp_path}/here/clouds.yaml"):
        read_cloud("site")


@pytest.mark.parametrize(
    ("cloud", "said"),
    [
        ({}, r"clouds\.site\.auth is missing"),
        ([], r"clouds\.site is no mapping"),
        ({"auth": {}}, r"auth\.auth_url is missing"),
        ({"auth": {"auth_url": "x", "username": "u"}}, r"auth\.password is missing"),
        ({"auth": AUTH | {"password": 4711}}, r"auth\.password is no text; put it in quotes"),
        ({"auth": AUTH | {"trust_id": "x"}}, r"auth\.trust_id: not known here"),
        ({"auth": AUTH, "auth_type": "v3kerberos"}, "auth_type: v3kerberos is none of password"),
        ({"auth": AUTH, "auth_type": "v3token"}, r"auth\.token is missing"),
        ({"auth": AUTH, "region_name": 1}, r"region_name is no text"),
        ({"auth": AUTH, "verify": "no"}, "verify is neither true nor false"),
        ({"auth": AUTH, "cacert": "/no/ca"}, "cacert /no/ca: there is no such file"),
        ({"auth": AUTH, "profile": "ovh"}, "profile: profiles are not read"),
    ],
)
def test_a_mistake_is_told_with_file_and_key_and_without_values(write, cloud, said):
    file = write(cloud)
    with pytest.raises(ValueError, match=said) as raised:
        read_cloud("site")
    assert str(file) in str(raised.value)
    assert SECRET not in str(raised.value)
    assert "4711" not in str(raised.value)


def test_another_name_is_told_with_those_there_are(write):
    write({"auth": AUTH})
    with pytest.raises(ValueError, match="clouds has no other; there are: site"):
        read_cloud("other")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clouds: [" + SECRET, "not YAML at line 1"),
        ("[]", "no mapping `clouds`"),
        ("\x00", "not YAML"),
    ],
)
def test_what_is_no_clouds_yaml_is_told_without_showing_it(write, text, said):
    file = write({"auth": AUTH})
    file.write_text(text)
    with pytest.raises(ValueError, match=said) as raised:
        read_cloud("site")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("more", "verify"),
    [({"verify": False}, False), ({"insecure": True}, False), ({"verify": True}, None)],
)
def test_certificates_may_be_left_unchecked(write, more, verify):
    write({"auth": AUTH, **more})
    assert read_cloud("site").verify is verify


def test_a_cas_file_may_be_in_the_home(write, tmp_path):
    write({"auth": AUTH, "cacert": "~/ca.pem"})
    (tmp_path / "home/ca.pem").touch()
    assert read_cloud("site").verify == str(tmp_path / "home/ca.pem")


@pytest.mark.parametrize(
    ("kind", "auth"),
    [
        ("v3token", {"auth_url": "x", "token": SECRET}),
        (
            "v3applicationcredential",
            {
                "auth_url": "x",
                "application_credential_id": "i",
                "application_credential_secret": SECRET,
            },
        ),
    ],
)
def test_other_ways_to_log_in_have_their_own_keys(write, kind, auth):
    write({"auth_type": kind, "auth": auth | {"password": "left over"}})
    assert read_cloud("site").auth == auth
