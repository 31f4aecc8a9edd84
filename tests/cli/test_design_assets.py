import io
import json
import stat
import tarfile

import pytest

from drydockd.cli.design_assets import write_files
from drydockd.errors import RenderError
from drydockd.render import RenderedAsset
from tests.cli.designs import SMALL, drydock
from tests.designs import RENDERED, answers, design_path
from tests.render.helpers import GRANT, SETTINGS


@pytest.fixture
def small(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


def rendered(name, host, *options):
    """`drydock design render` with the grant and settings the written answers were made with."""
    return drydock(
        *("design", "render", design_path(name), "--node", host),
        *("--action-id", GRANT.action_id, "--action-key", GRANT.action_key),
        *("--report-url", SETTINGS["report_url"], "--design-ref", SETTINGS["design_ref"]),
        *("--stub-locations", *options),
    )


every_written_node = pytest.mark.parametrize(
    ("name", "host"), RENDERED, ids=[f"{name}-{host}" for name, host in RENDERED]
)


@every_written_node
def test_what_a_node_gets_is_written_into_a_folder(name, host, tmp_path):
    result = rendered(name, host, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    for asset in answers(name, f"assets/{host}")["assets"]:
        file = tmp_path / "out" / asset["path"].lstrip("/")
        assert file.read_text() == asset["content"]
        assert f"{stat.S_IMODE(file.stat().st_mode):04o}" == asset["mode"]


@every_written_node
def test_order_locations_and_packages_are_told(name, host):
    expected = answers(name, f"assets/{host}")

    found = json.loads(rendered(name, host, "-o", "json").stdout)

    assert [(a["bootaction"], a["type"], a["path"], a["location"]) for a in found["assets"]] == [
        (a["bootaction"], a["type"], a["path"], a.get("location")) for a in expected["assets"]
    ]
    assert found["packages"] == expected["packages"]


@pytest.mark.parametrize("kind", ["unit", "file"])
@every_written_node
def test_one_type_is_one_archive_of_the_node(name, host, kind):
    result = rendered(name, host, "--type", kind, "-o", "tar")

    with tarfile.open(fileobj=io.BytesIO(result.stdout_bytes)) as archive:
        members = [(f"/{m.name.lstrip('/')}", f"{m.mode:04o}") for m in archive if m.isfile()]
    expected = answers(name, f"assets/{host}")["assets"]
    assert members == [(a["path"], a["mode"]) for a in expected if a["type"] == kind]


@pytest.mark.parametrize(
    ("name", "host"), [("missing-profile", "fine"), ("broken-schema", "nowhere")]
)
def test_nothing_is_rendered_of_a_design_that_does_not_load(name, host, tmp_path):
    result = rendered(name, host, "--out", tmp_path / "out")

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert not (tmp_path / "out").exists()


def test_the_listing_shows_files_packages_and_where_they_come_from(small):
    result = drydock("design", "render", small, "--node", "w01", "--stub-locations")

    motd, unit, *packages = result.stdout.splitlines()
    assert motd.startswith("file 0644 ")
    assert motd.endswith(" /etc/motd  (motd)")
    assert unit.startswith("unit 0444 ")
    assert unit.endswith("/x.service  (motd)  <- http://files.example/w01.service")
    assert packages == [
        "package curl 7.0-1",
        "package vim (any version)",
        "packages of http://files.example/packages",
    ]


def test_a_remote_source_is_replaced_by_a_line_that_names_it(small, tmp_path):
    out = tmp_path / "out"

    drydock("design", "render", small, "--node", "w01", "--stub-locations", "--out", out)

    unit = out / "etc/systemd/system/x.service"
    assert unit.read_text() == "stub content of http://files.example/w01.service\n"
    assert (out / "etc/motd").read_text() == f"I am w01, {'0' * 64}"


def test_a_source_that_is_away_is_an_error_that_names_boot_action_and_asset(small):
    away = SMALL.replace("http://files.example", "http://127.0.0.1:1")
    small.write_text(away)

    result = drydock("design", "render", small, "--node", "w01")

    assert result.exit_code == 1
    assert "boot action motd, unit /etc/systemd/system/x.service" in result.stderr
    assert "Traceback" not in result.output


def test_only_one_way_out_can_be_asked_for(small, tmp_path):
    result = drydock(
        "design", "render", small, "--node", "w01", "--list", "--out", tmp_path / "out"
    )

    assert result.exit_code == 2


def a_file(path, content=b"x", mode=0o640):
    return RenderedAsset("ba", "file", path, mode, content)


def test_files_are_written_with_their_modes_into_a_folder_of_ones_own(tmp_path):
    out = tmp_path / "out"

    write_files([a_file("/a/b/c", b"1", 0o4555), a_file("/a/b/c", b"2", 0o600)], out)
    write_files([a_file("//a//./b/c", b"3", 0o400)], out)

    write_files([a_file("/sudo", b"4", 0o4755)], out)

    assert (out / "a/b/c").read_bytes() == b"3"
    assert stat.S_IMODE((out / "a/b/c").stat().st_mode) == 0o400
    # Only an ordinary user would see it lost.
    assert stat.S_IMODE((out / "sudo").stat().st_mode) == 0o4755
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


@pytest.mark.parametrize("path", ["/../x", "/a/../../x", "/..", "/", "/a/.."])
def test_no_path_leads_out_of_the_folder(tmp_path, path):
    with pytest.raises(RenderError, match="is no file below /"):
        write_files([a_file(path)], tmp_path / "out")

    assert not (tmp_path / "x").exists()


def test_a_link_on_the_way_or_at_the_end_is_not_followed(tmp_path):
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / "etc").symlink_to(outside)
    (outside / "secret").write_text("kept")
    (out / "motd").symlink_to(outside / "secret")

    with pytest.raises(OSError, match="etc"):
        write_files([a_file("/etc/passwd")], out)
    write_files([a_file("/motd", b"new")], out)

    assert [p.name for p in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "kept"
    assert (out / "motd").read_bytes() == b"new"
