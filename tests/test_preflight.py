"""What `drydock config check` passes, the daemon starts; what it refuses, so does the daemon."""

import os

import pytest
import yaml
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drydockd import __main__, app, preflight
from drydockd.cli.config import command
from drydockd.config import ConfigError
from drydockd.errors import InvalidConfig
from tests.daemon.test_process import self_signed

KEYSTONE = {
    "auth_url": "http://127.0.0.1:9/v3",
    "username": "drydock",
    "password": "x",
    "user_domain_name": "default",
    "project_name": "service",
    "project_domain_name": "default",
}
NEEDY = """
from drydockd.drivers.options import Library, Offer, Options, Program, opt
from drydockd.drivers.oob.manual import ManualOob, ManualOptions

class RackOptions(ManualOptions):
    address: str = opt(..., "Where it is")

DRIVER = Offer(ManualOob, RackOptions, "rack_driver", "racks")
LIBRARY = Offer(ManualOob, ManualOptions, "x", "x", (Library("no_such_library", "some-racks"),))
PROGRAM = Offer(ManualOob, ManualOptions, "x", "x", (Program("no-such-program", "rack-tools"),))
"""


class Folder:
    """A folder with a configuration that works, to be broken in one place."""

    def __init__(self, path):
        self.path = path

    def file(self, name, text="", mode=0o600):
        path = self.path / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def write(self, **sections):
        values = {
            "api": {"listen": "127.0.0.1:0", "public_url": "http://127.0.0.1:9000"},
            "store": {"state_dir": str(self.path / "state")},
            "auth": {"strategy": "jwt"},
            "plugins": {"oob_driver": ["fake"], "node_driver": "fake"},
        }
        for section, options in sections.items():
            values[section] = values.get(section, {}) | options
        return self.file("drydockd.yaml", yaml.safe_dump(values))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.startswith(("DRYDOCKD_", "CREDENTIALS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.syspath_prepend(tmp_path)
    return Folder(tmp_path)


def plugin(**plugins):
    return lambda f: {"plugins": plugins}


def keystone(**options):
    return lambda f: {
        "auth": {"strategy": "keystone"},
        "keystone_authtoken": {**KEYSTONE, **options},
    }


def policy(text):
    def broken(f):
        f.file("policy.yaml", text)
        return {}

    return broken


def open_state(f):
    f.file("state/drydock.json")
    (f.path / "state").chmod(0o755)
    return {}


def a_key():
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def short_secret(f):
    f.file("state/secret", "abcd")
    return {}


def open_jwt_secret(f):
    # Memory: the store does not look at the folder, so only the key's own check is left.
    f.file("state/jwt.secret", "ab" * 32, mode=0o644)
    return {"store": {"backend": "memory", "state_dir": str(f.path / "state")}}


def of_several(*there):
    """One of the daemons of a database, of whose secrets only some are `there`."""

    def broken(f):
        auth = {"secret_file": str(f.path / "s"), "jwt_secret_file": str(f.path / "j")}
        for name in there:
            f.file(name, "ab" * 32)
        return {
            "store": {"backend": "postgres", "url": "postgresql://d@db.example/d"},
            "auth": auth,
        }

    return broken


def own_driver(name):
    def broken(f):
        f.file("racks_of_test.py", NEEDY)
        return {"plugins": {"oob_driver": [f"racks_of_test:{name}"]}}

    return broken


BROKEN = {
    "a value": (lambda f: {"timeouts": {"deploy_node": 0}}, "greater than or equal to 1"),
    "a section": (lambda f: {"timeout": {"deploy_node": 1}}, "did you mean timeouts?"),
    "no such driver": (plugin(oob_driver=["manul"]), "did you mean manual?"),
    "driver of the original": (
        plugin(
            kubernetes_driver="drydock_provisioner.drivers.kubernetes.promenade_driver.driver.P"
        ),
        "keystone_authtoken.auth_url is missing; it is spoken to with the account",
    ),
    "module that is not there": (plugin(node_driver="no.such:DRIVER"), "No module named 'no'"),
    "no driver": (plugin(node_driver="collections:Counter"), "the class lacks check, catalogue"),
    "missing library": (own_driver("LIBRARY"), "pip install 'some-racks'"),
    "missing program": (own_driver("PROGRAM"), "apt-get install rack-tools"),
    "missing option": (own_driver("DRIVER"), "option address is missing"),
    "driver's options": (
        lambda f: {"fake_driver": {"power_seconds": 0}},
        "fake_driver.power_seconds: input should be greater than 0 (got 0)",
    ),
    "driver's file": (
        lambda f: {"fake_driver": {"config": str(f.path / "no.yaml")}},
        "no.yaml cannot be read",
    ),
    "driver's options together": (
        lambda f: {"fake_driver": {"url": "http://127.0.0.1:9", "config": {}}},
        "has its own config",
    ),
    "tls files": (
        lambda f: {"api": {"listen": "127.0.0.1:0", "tls_cert": "/no", "tls_key": "/no"}},
        "api.tls_cert /no, api.tls_key /no: /no: No such file",
    ),
    "tls file without key": (
        lambda f: {"api": {"tls_cert": f.file("c.pem"), "tls_key": f.file("k.pem")}},
        "api.tls_cert",
    ),
    "driver that is one daemon's alone": (
        lambda f: (
            of_several("s", "j")(f)
            | {
                "plugins": {"node_driver": "netboot"},
                "netboot_driver": {
                    "base_url": "http://10.0.0.1:9100",
                    "dnsmasq": "unit",
                },
            }
        ),
        "node driver netboot: netboot_driver.dnsmasq: unit with dhcp: own",
    ),
    "address of another machine": (
        lambda f: {"api": {"listen": "192.0.2.1:9000"}},
        "api.listen: cannot listen on 192.0.2.1:9000",
    ),
    "address twice": (
        lambda f: {"api": {"listen": "127.0.0.1:9000", "node_listen": "127.0.0.1:9000"}},
        "api.node_listen: cannot listen on 127.0.0.1:9000",
    ),
    "root": (
        lambda f: {"network": {"allowed_roots": ["/no/such/folder"]}},
        "network.allowed_roots: /no/such/folder: No such file or directory",
    ),
    "policy that is no policy": (policy("- nonsense"), "expected `rule: check` lines"),
    "policy file that is named and not there": (
        lambda f: {"oslo_policy": {"policy_file": "rules.yaml"}},
        "rules.yaml: No such file",
    ),
    "policy folder that is named and not there": (
        lambda f: {"oslo_policy": {"policy_dirs": ["policy.d", str(f.path)]}},
        "policy.d: No such file",
    ),
    "addresses that overlap": (
        lambda f: {"api": {"listen": "0.0.0.0:9000", "node_listen": "127.0.0.1:9000"}},
        "api.node_listen: cannot listen on 127.0.0.1:9000: Address already in use by 0.0.0.0:9000",
    ),
    "policy rule": (policy("physical_provisioner:read_task: 'role:'x"), "policy.yaml"),
    "policy circle": (policy("a: 'rule:b'\nb: 'rule:a'"), "refers to itself"),
    "state dir that is a file": (
        lambda f: {"store": {"state_dir": f.file("state")}},
        "is not a folder",
    ),
    "state dir below a file": (
        lambda f: {"store": {"state_dir": f.file("file") + "/state"}},
        "is not a folder",
    ),
    "state dir others can read": (open_state, "run `chmod -R go="),
    "secret": (short_secret, "not a secret"),
    "no secret of several": (of_several("j"), "/s is missing; all daemons of one database have"),
    "no secret of their tokens": (of_several("s"), "/j is missing; all daemons of one database"),
    "no address among several": (
        lambda f: of_several("s", "j")(f) | {"api": {"listen": "0.0.0.0:0"}},
        "cluster.address is missing: api.listen, 0.0.0.0:0, does not tell",
    ),
    "secret of tokens": (open_jwt_secret, "lets others read it"),
    "key file": (
        lambda f: {"auth": {"strategy": "jwt", "jwt_public_keys": ["/no.pem"]}},
        "/no.pem: cannot read the key file",
    ),
    "key file that is none": (
        lambda f: {"auth": {"strategy": "jwt", "jwt_public_keys": [f.file("a.pem", "x")]}},
        "neither a PEM public key",
    ),
    "key of another algorithm": (
        lambda f: {"auth": {"strategy": "jwt", "jwt_public_keys": [f.file("a.pem", a_key())]}},
        "is for ES256, which auth.jwt_algorithms does not list",
    ),
    "keystone without password": (
        keystone(password=None),
        "keystone_authtoken.password is missing",
    ),
    "keystone without scope": (keystone(project_name=None), "needs one scope"),
    "keystone's ca": (
        keystone(cafile="/no.pem"),
        "keystone_authtoken.cafile /no.pem: No such file",
    ),
    "keystone's certificate": (keystone(certfile="/no.pem"), "keystone_authtoken.certfile /no.pem"),
    "keystone's keys": (
        lambda f: {
            **keystone()(f),
            "auth": {"strategy": "keystone", "keystone_jws_keys": [str(f.path)]},
        },
        "no *.pem file in this folder",
    ),
}


def checked(path):
    result = CliRunner().invoke(command, ["check", path])
    return result.exit_code, result.stderr.splitlines()


def refused(path, capsys):
    with pytest.raises(SystemExit) as ended:
        __main__.main(["--config", path])
    lines = capsys.readouterr().err.splitlines()
    return ended.value.code, [line.removeprefix("drydockd: ") for line in lines]


@pytest.mark.parametrize("name", BROKEN)
def test_check_and_start_refuse_in_the_same_words(folder, capsys, name):
    breaking, text = BROKEN[name]
    path = folder.write(**breaking(folder))
    before = sorted(folder.path.rglob("*"))

    code, said = checked(path)

    assert code == 2
    assert [line for line in said if text in line], said
    assert refused(path, capsys) == (code, said)
    after = [p for p in sorted(folder.path.rglob("*")) if "__pycache__" not in p.parts]
    assert after == before, "looking left something behind"


def test_every_mistake_is_told_at_once_with_its_line(folder):
    folder.write(
        plugins={"oob_driver": ["manul"], "node_driver": "mas"},
        network={"allowed_roots": ["/no/a", "/no/b"]},
    )
    with pytest.raises(ConfigError) as caught:
        preflight.load([folder.path / "drydockd.yaml"], {})
    said = [str(mistake) for mistake in caught.value.mistakes]
    assert [line.partition(": ")[2][:30] for line in said] == [
        "there is no oob driver manul (",
        "there is no node driver mas (d",
        "network.allowed_roots: /no/a: ",
        "network.allowed_roots: /no/b: ",
    ]
    lines = (folder.path / "drydockd.yaml").read_text().splitlines()
    number = int(said[0].split(":")[1])
    assert lines[number - 1].strip() == "oob_driver:"


def test_mistakes_of_values_do_not_hide_those_of_what_they_name(folder):
    folder.write(network={"allowed_roots": ["/no/a"]}, limit={"fan_out": 5}, api={"listn": "x"})
    with pytest.raises(ConfigError) as caught:
        preflight.load([folder.path / "drydockd.yaml"], {})
    said = "\n".join(str(mistake) for mistake in caught.value.mistakes)
    for text in ("did you mean limits?", "did you mean listen?", "/no/a"):
        assert text in said


def activated(f):
    return {"api": {"listen": "192.0.2.1:9000"}}


def secured(f):
    certificate, key = self_signed(f.path)
    return {"api": {"listen": "127.0.0.1:0", "tls_cert": str(certificate), "tls_key": str(key)}}


GOOD = {
    "the least": lambda f: {},
    "both strategies": lambda f: {
        "auth": {"strategy": "jwt,keystone"},
        "keystone_authtoken": KEYSTONE,
    },
    "noauth": lambda f: {"auth": {"strategy": "noauth", "noauth_roles": ["admin"]}},
    "tls": secured,
    "own driver": lambda f: {
        "plugins": {
            "oob_driver": [(f.file("racks_of_test2.py", NEEDY), "racks_of_test2:DRIVER")[1]],
            "options": {"racks_of_test2:DRIVER": {"address": "x"}},
        }
    },
    "options of a driver that is not enabled": lambda f: {"manual_driver": {"wait": 5}},
    "sections of the original": lambda f: {
        "maasdriver": {"maas_api_url": "http://maas/MAAS"},
        "database": {"pool_size": 3},
    },
    "nodes apart, roots and policy": lambda f: {
        "api": {"listen": "127.0.0.1:0", "node_listen": "127.0.0.1:0"},
        "network": {"allowed_roots": [str(f.path)]},
        "oslo_policy": {"policy_file": f.file("p.yaml", '"physical_provisioner:read_task": "@"')},
    },
}


@pytest.mark.parametrize("name", GOOD)
async def test_what_check_passes_starts(folder, name):
    path = folder.write(**GOOD[name](folder))
    assert checked(path)[0] == 0, checked(path)
    loaded = preflight.load([folder.path / "drydockd.yaml"], {})
    async with app.running(loaded.settings, base=loaded.base) as running:
        assert running.url
    # And again, now that the state directory is there.
    assert checked(path)[0] == 0


async def test_a_running_daemon_does_not_stand_in_the_way_of_its_check(folder):
    folder.write()
    loaded = preflight.load([folder.path / "drydockd.yaml"], {})
    async with app.running(loaded.settings, base=loaded.base) as running:
        port = running.sockets[0].getsockname()[1]
        path = folder.write(api={"listen": f"127.0.0.1:{port}"})
        assert checked(path)[0] == 0
        with pytest.raises(InvalidConfig, match="Address already in use"):
            await app.start(preflight.load([folder.path / "drydockd.yaml"], {}).settings)


def test_an_address_that_the_service_manager_holds_need_not_be_this_machines(folder):
    path = folder.write(api={"listen": "192.0.2.1:9000"})
    preflight.load([folder.path / "drydockd.yaml"], {"LISTEN_FDS": "1"})
    assert checked(path)[0] == 2


def test_what_a_policy_file_is_warned_about_is_told_by_the_check_and_not_logged(folder, caplog):
    folder.file("policy.yaml", '"physical_provisioner:read_tsk": "@"\n')
    code, said = checked(folder.write())
    assert code == 0
    assert [line for line in said if "did you mean physical_provisioner:read_task?" in line]
    assert not caplog.records


def test_the_usual_file_is_read_when_none_is_named(tmp_path, monkeypatch):
    usual = tmp_path / "drydockd.yaml"
    monkeypatch.setattr(preflight, "DEFAULT_CONFIG", usual)
    assert preflight.files_of(()) == []
    usual.touch()
    assert preflight.files_of(()) == [usual]
    assert preflight.files_of([tmp_path]) == [tmp_path]
