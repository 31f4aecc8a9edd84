"""What the settings become."""

from pathlib import Path

import pytest

from drydockd import parts
from drydockd.config import Settings, load
from drydockd.config.options import DEFAULT_REPORT_URL
from drydockd.drivers import shipped
from drydockd.drivers.oob.manual import ManualOob
from drydockd.errors import InvalidConfig, StoreRefused
from tests.handlers.helpers import settings


def test_times_and_addresses_reach_the_scheduler(tmp_path):
    chosen = settings(
        tmp_path,
        timeouts={"deploy_node": 7},
        limits={"fan_out": 3, "retries": 1},
        api={"public_url": "https://drydock.example/"},
        networkconfig={"max_retries": 4},
    )
    scheduler = parts.task_settings(chosen)
    assert scheduler.deploy_node == 420
    assert (scheduler.fan_out, scheduler.deploy_retries) == (3, 1)
    assert scheduler.network_max_retries == 4
    assert scheduler.boot_url == "https://drydock.example/api/v1.0"


def test_nodes_fetch_from_where_they_report_to_unless_told_otherwise(tmp_path):
    assert parts.task_settings(settings(tmp_path)).boot_url == "http://localhost:9000/api/v1.0"
    assert settings(tmp_path).bootactions.report_url == DEFAULT_REPORT_URL


def test_every_default_reaches_the_scheduler_as_the_contract_has_it():
    defaults = load([], {"DRYDOCKD_AUTH__STRATEGY": "jwt"}).settings
    scheduler = parts.task_settings(defaults)
    assert scheduler.drydock_timeout == 300
    assert scheduler.bootaction_final_status == 900
    assert scheduler.retention_days is None


def test_drivers_are_enabled_in_the_order_given(tmp_path):
    chosen = settings(tmp_path, plugins={"oob_driver": ("manual", "fake")})
    assert list(parts.enabled(chosen)) == [
        ("oob", "manual"),
        ("oob", "fake"),
        ("node", "fake"),
        ("kubernetes", "fake"),
    ]


def test_a_driver_gets_the_options_of_its_section_or_those_of_its_path(tmp_path):
    path = "drydockd.drivers.oob.manual:DRIVER"
    chosen = settings(tmp_path, manual_driver={"wait": 3}, plugins={"options": {path: {"wait": 4}}})
    manual = parts.driver(chosen, "oob", "manual")
    assert isinstance(manual, ManualOob)
    assert manual.worst_case_seconds == 9
    assert parts.driver(chosen, "oob", path).worst_case_seconds == 12
    other = settings(tmp_path, plugins={"options": {path: {"wait": -1}}})
    with pytest.raises(InvalidConfig, match="option wait: input should be"):
        parts.driver(other, "oob", path)


def test_looking_at_keys_makes_none(tmp_path):
    assert parts.jwt_keys(settings(tmp_path), create=False) == []
    assert not list(tmp_path.iterdir())
    made = parts.jwt_keys(settings(tmp_path))
    assert parts.jwt_keys(settings(tmp_path), create=False) == made


@pytest.mark.parametrize(("name", "says"), [("fake", "is fake"), (None, "is not set")])
def test_without_a_real_provisioner_there_are_virtual_machines_only(name, says):
    limited = parts.virtual_only(Settings.model_validate({"plugins": {"node_driver": name}}))
    assert limited.startswith("virtual machines only: plugins.node_driver ")
    assert says in limited


def test_a_provisioner_that_is_not_stated_virtual_is_real():
    real = {"plugins": {"node_driver": "drydockd.drivers.oob.manual:DRIVER"}}
    assert parts.virtual_only(Settings.model_validate(real)) is None


def test_the_readme_says_whether_this_version_deploys_real_machines():
    real = [d.name for d in shipped() if d.kind == "node" and not d.offer.is_virtual]
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert (parts.VIRTUAL_ONLY in readme.casefold()) == (not real), real


# -- secrets -----------------------------------------------------------------------------

SHARED = {"backend": "postgres", "url": "postgresql://drydock@db.example/drydock"}


def hex_file(path, digit="a"):
    path.write_text(digit * 64)
    path.chmod(0o600)
    return path


def test_the_secrets_are_where_the_options_say(tmp_path):
    chosen = settings(
        tmp_path,
        auth={
            "secret_file": hex_file(tmp_path / "mine", "b"),
            "jwt_secret_file": hex_file(tmp_path / "tokens"),
        },
    )
    assert parts.server_secret(chosen) == bytes.fromhex("b" * 64)
    assert parts.jwt_keys(chosen)[0].source == str(tmp_path / "tokens")
    assert not (tmp_path / "secret").exists()
    assert not (tmp_path / "jwt.secret").exists()


def test_a_named_secret_is_made_unless_keys_of_nodes_need_the_old_one(tmp_path):
    chosen = settings(tmp_path, auth={"secret_file": tmp_path / "mine"})
    with pytest.raises(StoreRefused, match=r"auth.secret_file .*/mine is missing, .* 3 nodes"):
        parts.server_secret(chosen, contexts=3)
    assert parts.server_secret(chosen) == parts.server_secret(chosen, contexts=3)


@pytest.mark.parametrize("is_named", [False, True])
def test_daemons_that_share_a_store_never_make_a_secret(tmp_path, is_named):
    named = {"secret_file": tmp_path / "s", "jwt_secret_file": tmp_path / "j"} if is_named else {}
    chosen = settings(tmp_path, store=SHARED, auth=named)
    secret, jwt = ("s", "j") if is_named else ("secret", "jwt.secret")
    with pytest.raises(InvalidConfig, match=rf"auth.secret_file: .*/{secret} is missing; all "):
        parts.server_secret(chosen)
    with pytest.raises(InvalidConfig, match=rf"auth.jwt_secret_file: .*/{jwt} is missing; all "):
        parts.jwt_keys(chosen)
    assert list(tmp_path.iterdir()) == []
    hex_file(tmp_path / secret), hex_file(tmp_path / jwt)
    assert parts.server_secret(chosen) == bytes.fromhex("a" * 64)
    assert parts.jwt_keys(chosen)
