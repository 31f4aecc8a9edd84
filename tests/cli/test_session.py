"""Access: which token, which URL, and what is said when there is none."""

import socket

import pytest
import yaml
from click.testing import CliRunner

from drydockd.cli.root import cli
from drydockd.cli.session import Access

V1 = "/api/v1.0"
PASSWORD = ("--os_username", "ops", "--os_password", "pw", "--os_project_name", "service",
            "--os_project_domain_name", "default", "--os_user_domain_name", "default")  # fmt: skip


def run(*arguments):
    return CliRunner().invoke(cli, arguments, prog_name="drydock")


@pytest.fixture
def keystone(server):
    def issue(asked):
        tokens.append(f"fresh-{len(tokens)}")
        user = {"id": "u", "name": "ops", "domain": {"id": "d", "name": "default"}}
        endpoint = {"interface": "internal", "url": f"{server.url}/api/v1.0", "id": "2",
                    "region": "r", "region_id": "r"}  # fmt: skip
        service = {"type": "physicalprovisioner", "name": "drydock", "id": "1",
                   "endpoints": [endpoint]}  # fmt: skip
        token = {"methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z",
                 "user": user, "catalog": [service]}  # fmt: skip
        return 201, {"token": token}, {"X-Subject-Token": tokens[-1]}

    tokens = []
    server.answers["POST /v3/auth/tokens"] = issue
    server.answers["GET /v3"] = (200, {"version": {"id": "v3.14", "status": "stable", "links": []}})
    server.answers[f"GET {V1}/tasks"] = (200, [])
    return f"{server.url}/v3"


def of_the_api(server):
    return [asked for asked in server.asked if asked.path.startswith("/api")]


def test_a_password_gives_a_token_and_the_catalogue_the_url(keystone, server):
    result = run("--os_auth_url", keystone, *PASSWORD, "task", "list")
    assert (result.exit_code, result.output) == (0, "[]\n")
    assert of_the_api(server)[0].headers["X-Auth-Token"] == "fresh-0"


def test_a_refused_token_is_renewed_at_keystone_once(keystone, server):
    server.answers[f"GET {V1}/tasks"] = [(401, {}), (200, [])]
    result = run("--os_auth_url", keystone, *PASSWORD, "--url", server.url, "task", "list")
    assert (result.exit_code, result.output) == (0, "[]\n")
    tokens = [a.headers["X-Auth-Token"] for a in of_the_api(server)]
    assert tokens == ["fresh-0", "fresh-1"]


def test_a_given_token_is_used_as_it_is_and_keystone_only_for_the_url(keystone, server):
    result = run("--os_token", "mine", "--os_auth_url", keystone, "task", "list")
    assert result.exit_code == 0, result.output
    assert of_the_api(server)[0].headers["X-Auth-Token"] == "mine"


def test_a_given_token_and_url_need_no_keystone(keystone, server):
    assert run("--os_token", "mine", "--url", server.url, "task", "list").exit_code == 0
    assert [asked.path for asked in server.asked] == [f"{V1}/tasks"]


@pytest.mark.parametrize("options", [(), ("--no-auth", *PASSWORD, "--os_token", "mine")])
def test_without_credentials_or_with_no_auth_no_token_is_sent(keystone, server, options):
    assert run(*options, "--url", server.url, "task", "list").exit_code == 0
    (asked,) = server.asked
    assert "X-Auth-Token" not in asked.headers


def test_a_refusing_keystone_is_a_usage_error(keystone, server):
    server.answers["POST /v3/auth/tokens"] = (401, {"error": {"message": "no", "code": 401}})
    result = run("--os_auth_url", keystone, *PASSWORD, "--url", server.url, "task", "list")
    assert result.exit_code == 2
    assert "Error: Unable to authenticate with Keystone" in result.output


def test_a_password_without_keystone_is_a_usage_error(server):
    result = run(*PASSWORD, "--url", server.url, "task", "list")
    assert result.exit_code == 2
    assert "Error: Unable to authenticate with Keystone" in result.output
    assert not server.asked


def test_no_url_anywhere_is_a_usage_error():
    result = run("--os_token", "mine", "task", "list")
    assert result.exit_code == 2
    assert "Error: Unable to discover Drydock API URL" in result.output


def test_a_catalogue_without_us_is_a_usage_error(keystone, server):
    issue = server.answers["POST /v3/auth/tokens"]

    def without(asked):
        status, body, headers = issue(asked)
        body["token"]["catalog"] = []
        return status, body, headers

    server.answers["POST /v3/auth/tokens"] = without
    result = run("--os_auth_url", keystone, *PASSWORD, "task", "list")
    assert result.exit_code == 2
    assert "Error: Unable to discover Drydock API URL" in result.output


def test_a_url_without_scheme_is_a_usage_error():
    result = run("--url", "drydock:9000", "task", "list")
    assert result.exit_code == 2
    assert "URL must specify a scheme and hostname, optionally a port" in result.output


def test_what_the_api_refuses_is_one_line_and_status_1(drydock, server):
    server.answers[f"GET {V1}/tasks"] = (403, {"message": "Forbid\nden", "type": "error"})
    result = drydock("task", "list")
    assert (result.exit_code, result.stderr) == (1, "Error: Forbid den (HTTP 403)\n")
    assert result.stdout == ""


def test_nobody_there_is_one_line_and_status_1():
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = run("--url", url, "task", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {url}/api/v1.0/tasks: ")
    assert result.stderr.count("\n") == 1


def test_access_does_not_show_its_secrets():
    assert "s3cret" not in repr(Access(os_token="s3cret", os_password="s3cret"))


@pytest.fixture
def cloud(keystone, tmp_path, monkeypatch):
    """A clouds.yaml with the cloud ``site``; ``cloud(verify=False)`` writes it anew."""

    def write(**more):
        auth = {"auth_url": keystone, "username": "ops", "password": "pw", "user_domain_id": "d",
                "project_name": "service", "project_domain_id": "d"}  # fmt: skip
        text = yaml.safe_dump({"clouds": {"site": {"auth": auth, **more}}})
        (tmp_path / "clouds.yaml").write_text(text)

    monkeypatch.chdir(tmp_path)
    write()
    return write


def test_a_cloud_is_a_login_and_a_catalogue(cloud, server, monkeypatch):
    monkeypatch.setenv("OS_CLOUD", "site")
    result = run("task", "list")
    assert (result.exit_code, result.output) == (0, "[]\n")
    assert of_the_api(server)[0].headers["X-Auth-Token"] == "fresh-0"
    [login] = [asked for asked in server.asked if asked.path == "/v3/auth/tokens"]
    password = login.json["auth"]["identity"]["password"]["user"]
    assert password == {"name": "ops", "password": "pw", "domain": {"id": "d"}}


def test_what_is_given_besides_goes_before_the_cloud(cloud, server, monkeypatch):
    monkeypatch.setenv("OS_USERNAME", "joe")
    result = run("--os-cloud", "site", "--url", server.url, "task", "list")
    assert result.exit_code == 0, result.output
    [login] = [asked for asked in server.asked if asked.path == "/v3/auth/tokens"]
    assert login.json["auth"]["identity"]["password"]["user"]["name"] == "joe"


def test_a_region_without_us_is_named(cloud):
    cloud(region_name="south")
    result = run("--os-cloud", "site", "task", "list")
    assert result.exit_code == 2
    assert "no internal endpoint for physicalprovisioner in region south" in result.output


def test_a_cloud_that_cannot_be_read_is_wrong_usage(cloud, server):
    result = run("--os-cloud", "other", "--url", server.url, "task", "list")
    assert result.exit_code == 2
    assert "clouds.yaml: clouds has no other; there are: site" in result.output
    assert server.asked == []


def test_envvars_is_the_field_s_word_for_no_cloud(server):
    server.answers[f"GET {V1}/tasks"] = (200, [])
    result = run("--os-cloud", "envvars", "--url", server.url, "task", "list")
    assert result.exit_code == 0, result.output


def test_certificates_go_by_option_then_os_cacert_then_the_cloud(cloud, tmp_path, monkeypatch):
    paths = {name: tmp_path / name for name in ("option", "variable", "cloud")}
    for path in paths.values():
        path.touch()
    cloud(cacert=str(paths["cloud"]))
    seen = []
    monkeypatch.setattr(Access, "completed", seen_completed(Access.completed, seen))
    run("--os-cloud", "site", "task", "list")
    monkeypatch.setenv("OS_CACERT", str(paths["variable"]))
    run("--os-cloud", "site", "task", "list")
    run("--os-cloud", "site", "--ca-file", str(paths["option"]), "task", "list")
    run("--os-cloud", "site", "--insecure", "--ca-file", str(paths["option"]), "task", "list")
    assert seen == [str(paths["cloud"]), str(paths["variable"]), str(paths["option"]), False]


def seen_completed(completed, seen):
    def record(self):
        access = completed(self)
        seen.append(access.verify)
        return access

    return record


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_that_is_not_there_is_wrong_usage_and_named(server, monkeypatch, name):
    monkeypatch.setenv(name, "/no/ca.pem")
    result = run("--url", server.url, "task", "list")
    assert result.exit_code == 2
    assert f"{name} /no/ca.pem: there is no such file" in result.output


def test_authorities_that_are_not_there_are_told_by_who_needs_them(server, monkeypatch):
    monkeypatch.setenv("OS_CACERT", "/no/ca.pem")
    result = run("--url", server.url, "task", "list")
    assert result.exit_code == 2
    assert "--ca-file (or OS_CACERT) /no/ca.pem: there is no such file" in result.output
    assert run("config", "drivers").exit_code == 0


@pytest.mark.parametrize("answer", [(404, b"<h1>nginx</h1>"), (404, {"message": "Not Found"})])
def test_a_url_that_is_not_the_apis_is_named(server, answer):
    server.answers[f"GET /wrong{V1}/tasks"] = answer
    result = run("--url", f"{server.url}/wrong", "task", "list")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {server.url}/wrong{V1}/tasks is not there: is that the URL of a drydockd? "
        "(HTTP 404)\n"
    )
