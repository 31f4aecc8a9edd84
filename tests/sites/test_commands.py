"""The offline commands on real sites: validate, show, render, diff."""

import hashlib
import io
import json
import stat
import tarfile

import pytest
import yaml

from drydockd.cli.design_source import load
from drydockd.design.shown import MASK, as_yaml
from tests.cli.designs import drydock
from tests.sites.folder import on_indexes, on_sites, reference, site_path

pytestmark = pytest.mark.sites


@pytest.mark.parametrize("name", on_sites())
def test_validating_a_real_site_gives_the_status_object_and_its_exit_code(name, tmp_path):
    answers = reference(name, "validation")
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps(answers["node_driver_catalog"]))

    result = drydock("design", "validate", site_path(name), "-o", "json", "--catalogue", catalogue)

    status = json.loads(result.stdout)
    expected = answers["api_with_node_driver"]
    assert status["code"] == expected["http_status"]
    assert result.exit_code == (0 if status["code"] == 200 else 1)
    assert status["details"]["errorCount"] == sum(
        message["error"] for message in status["details"]["messageList"]
    )


@pytest.mark.parametrize("name", on_sites())
def test_every_node_of_every_real_site_can_be_shown(name):
    design = load(str(site_path(name)))
    effective = reference(name, "effective")

    for node in design.site.nodes.values():
        told = yaml.safe_load(as_yaml(design, node))
        model = effective["nodes"][node.name]["model"]
        assert told["computed"]["fqdn"] == effective["nodes"][node.name]["fqdn"]
        assert told.get("metadata", {}).get("owner_data", {}) == model.get("owner_data", {})
        credential = model.get("oob_parameters", {}).get("credential")
        if credential:
            assert told["oob"]["credential"] == MASK
            assert credential not in as_yaml(design, node).replace(MASK, "")


def as_the_reference(index, *options):
    return drydock(
        *("design", "render", site_path(index["site"]), "--node", index["node"]),
        *("--action-id", index["action_id_base32"], "--action-key", index["action_key_hex"]),
        *("--report-url", index["report_url"], "--design-ref", index["design_ref"]),
        *("--stub-locations", *options),
    )


def read_index(path):
    """One index.json, with where it is and which of its assets are files."""
    index = json.loads(path.read_text()) | {"site": path.parts[-4], "folder": path.parent}
    index["files"] = [asset for asset in index["assets"] if asset["type"] != "pkg_list"]
    return index


def is_refused(path):
    """Nothing: the site does not compile. An error: the original could not make the context."""
    files = read_index(path)["files"]
    return not files or any("error" in asset for asset in files)


every_refused_node = pytest.mark.parametrize(
    "path", [p for p in on_indexes() if is_refused(*p.values)]
)
every_rendered_node = pytest.mark.parametrize(
    "path", [p for p in on_indexes() if not is_refused(*p.values)]
)


@every_rendered_node
def test_what_a_node_gets_is_what_the_original_rendered(path, tmp_path):
    index = read_index(path)
    result = as_the_reference(index, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    for asset in index["files"]:
        file = tmp_path / "out" / asset["path"].lstrip("/")
        expected = (index["folder"] / asset["file"]).read_bytes()
        assert hashlib.sha256(expected).hexdigest() == asset["sha256"]
        # sites/README: an asset that went through `template` keeps its final newline.
        templated = "template" in (asset["data_pipeline"] or ())
        allowed = (expected, expected + b"\n") if templated else (expected,)
        assert file.read_bytes() in allowed, asset["path"]
        assert stat.S_IMODE(file.stat().st_mode) == asset["tar_mode"]


@every_refused_node
def test_what_the_original_could_not_render_is_refused_in_one_line(path, tmp_path):
    index = read_index(path)
    result = as_the_reference(index, "--out", tmp_path / "out")

    assert result.exit_code in (1, 2)
    assert result.stderr.startswith("Error: ")
    assert not (tmp_path / "out").exists()


@every_rendered_node
def test_order_locations_and_packages_are_those_of_the_original(path):
    index = read_index(path)
    result = as_the_reference(index, "-o", "json")

    found = json.loads(result.stdout)
    assert [(a["bootaction"], a["type"], a["path"], a["location"]) for a in found["assets"]] == [
        (a["bootaction"], a["type"], a["path"], a["location_rendered"]) for a in index["files"]
    ]
    assert found["packages"] == index["package_list"]


@pytest.mark.parametrize("kind", ["unit", "file"])
@every_rendered_node
def test_one_type_is_one_archive_of_the_node(path, kind):
    index = read_index(path)
    result = as_the_reference(index, "--type", kind, "-o", "tar")

    with tarfile.open(fileobj=io.BytesIO(result.stdout_bytes)) as archive:
        members = [(f"/{m.name.lstrip('/')}", m.mode) for m in archive.getmembers() if m.isfile()]
    assert members == [(a["path"], a["tar_mode"]) for a in index["files"] if a["type"] == kind]
