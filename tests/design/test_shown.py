import json

import pytest
import yaml

from drydockd.cli.design_source import load
from drydockd.design.shown import MASK, as_json, as_yaml, masked_oob
from drydockd.site import Node
from tests.cli.designs import SMALL, drydock
from tests.designs import FILES, LOADING, answers, design_path


@pytest.fixture
def design(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(SMALL)
    return load(str(file))


def shown(design, name="w01"):
    return as_json(design, design.site.nodes[name])


def test_every_value_names_the_nearest_document_that_wrote_it(design):
    sources = shown(design)["sources"]

    assert sources["host_profile"] == "BaremetalNode w01"
    assert sources["primary_network"] == "HostProfile base"
    assert sources["platform.kernel_params.nosmt"] == "BaremetalNode w01"
    assert sources["platform.kernel_params.quiet"] == "HostProfile base"
    assert sources["metadata.owner_data.tier"] == "HostProfile worker"
    assert sources["metadata.owner_data.team"] == "HostProfile base"
    assert sources["interfaces.eno1.sriov.vf_count"] == "HostProfile worker"
    assert sources["interfaces.eno1.sriov.trustedmode"] == "default"
    root = "storage.physical_devices.sda.partitions.root"
    assert sources[f"{root}.size"] == "BaremetalNode w01"
    assert sources[f"{root}.filesystem.fstype"] == "HostProfile worker"
    assert sources[f"{root}.filesystem.mount_options"] == "default"


def test_the_effective_node_has_the_shape_of_its_document(design):
    node = shown(design)["node"]

    assert node["metadata"]["tags"] == ["gpu", "worker", "prod"]
    assert node["metadata"]["owner_data"] == {"team": "infra", "tier": "2"}
    assert node["addressing"][0] == {"network": "lan", "address": "10.9.0.11"}
    partitions = node["storage"]["physical_devices"]["sda"]["partitions"]
    assert [(p["name"], p["size"]) for p in partitions] == [("root", "60g"), ("boot", "1g")]


def test_what_follows_from_the_site_is_computed(design):
    assert shown(design)["computed"] == {
        "domain": "example.com",
        "fqdn": "w01.example.com",
        "kernel_params_line": "quiet console=ttyS0 nosmt",
        "root": "sda/root",
        "boot": "sda/boot",
        "bootactions": ["motd"],
    }


def test_yaml_and_json_say_the_same(design):
    node = design.site.nodes["w01"]
    expected = shown(design)

    assert yaml.safe_load(as_yaml(design, node)) == {
        "name": "w01",
        **expected["node"],
        "computed": expected["computed"],
    }


@pytest.mark.parametrize("name", LOADING)
def test_every_node_of_a_whole_design_is_shown_as_it_is(name):
    design = load(str(design_path(name)))
    for host, answer in answers(name, "effective")["nodes"].items():
        told = yaml.safe_load(as_yaml(design, design.site.nodes[host]))
        computed, model = told["computed"], answer["model"]
        assert computed["fqdn"] == answer["fqdn"]
        assert computed["kernel_params_line"] == answer["kernel_params"]
        assert computed["root"] == "/".join(answer["root"])
        assert computed.get("bootactions", []) == answer["bootactions"]
        if "owner_data" in model:
            assert told.get("metadata", {}).get("owner_data", {}) == model["owner_data"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_node_of_a_design_shows_what_opens_its_bmc(name):
    design = load(str(design_path(name)))
    for node in design.site.nodes.values():
        if credential := node.oob_parameters.get("credential"):
            told = as_yaml(design, node)
            assert yaml.safe_load(told)["oob"]["credential"] == MASK
            assert credential not in told.replace(MASK, "")


def test_what_opens_a_bmc_is_masked_in_every_output(design, tmp_path):
    file = tmp_path / "site.yaml"
    for options in (["-o", "yaml"], ["-o", "json"]):
        result = drydock("design", "show", file, "--node", "w01", *options)
        assert result.exit_code == 0
        assert MASK in result.stdout
        assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("name", "value", "shown_as"),
    [
        ("account", "root", "root"),
        ("credential", "s3cret", MASK),
        ("admin_Password", "s3cret", MASK),
        ("ssh_key", "s3cret", MASK),
        ("libvirt_uri", "qemu+ssh://root@host/system", "qemu+ssh://root@host/system"),
        ("libvirt_uri", "qemu+ssh://root:s3cret@host/x", f"qemu+ssh://root:{MASK}@host/x"),
    ],
)
def test_secrets_of_the_bmc_are_masked_and_nothing_else(name, value, shown_as):
    assert masked_oob(Node("n", oob_type="ipmi", oob_parameters={name: value})) == {
        "type": "ipmi",
        name: shown_as,
    }


def test_text_with_line_breaks_stays_on_its_line(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace("team: infra", 'team: "a\\nb: c # d"'))
    design = load(str(file))

    told = yaml.safe_load(as_yaml(design, design.site.nodes["w01"]))

    assert told["metadata"]["owner_data"]["team"] == "a\nb: c # d"


def test_kernel_parameters_that_cannot_be_rendered_are_said_so(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(SMALL.replace("nosmt: true", "hugepagesz: 1G"))

    result = drydock("design", "show", file, "--node", "w01", "-o", "json")

    line = json.loads(result.stdout)["computed"]["kernel_params_line"]
    assert line.startswith("cannot be rendered: ")


def test_empty_groups_disks_and_interfaces_are_shown(tmp_path):
    file = tmp_path / "site.yaml"
    more = "      sdb: {}\n    volume_groups: {spare: {}}\n"
    file.write_text(
        SMALL.replace("{name: boot, size: 1g, filesystem: {mountpoint: /boot}}\n",
                      "{name: boot, size: 1g, filesystem: {mountpoint: /boot}}\n" + more)
        .replace("    eno1: {", "    eno9: {}\n    eno1: {", 1)
    )  # fmt: skip
    loaded = load(str(file))

    node = as_json(loaded, loaded.site.nodes["w01"])["node"]
    text = as_yaml(loaded, loaded.site.nodes["w01"])

    assert node["interfaces"]["eno9"] == {}
    assert node["storage"]["physical_devices"]["sdb"] == {}
    assert node["storage"]["volume_groups"] == {"spare": {}}
    assert yaml.safe_load(text)["storage"]["volume_groups"] == {"spare": {}}
    assert "tor_switches" not in node
