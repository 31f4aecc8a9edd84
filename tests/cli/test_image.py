"""`drydock image`: what it prints and how it exits."""

import hashlib
import json

import pytest
import yaml
from click.testing import CliRunner

from drydockd import preflight
from drydockd.cli import image as module
from drydockd.cli.image import command
from drydockd.images import workshop
from drydockd.images.catalogue import Agent, Image
from drydockd.images.writing import publish


@pytest.fixture
def images(tmp_path):
    """A catalogue with an agent and an image."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("kernel", "initrd", "squashfs"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    kernel, initrd, squashfs = (tmp_path / name for name in ("kernel", "initrd", "squashfs"))
    publish(
        folder,
        (kernel, initrd),
        lambda f: Agent(name="agent", kind="agent", version="6.1", kernel=f[0], initrd=f[1]),
    )
    publish(
        folder,
        (squashfs,),
        lambda f: Image(
            name="debian-12", kind="squashfs", release="bookworm", sha256=f[0].sha256,
            bytes=f[0].bytes, unpacked_bytes=5 << 20, kernels=("6.1.0-1-amd64",),
            packages={"bash": "5.2"},
        ),
    )  # fmt: skip
    return folder


@pytest.fixture
def run(images):
    def run(*words):
        return CliRunner().invoke(command, [words[0], "--images", str(images), *words[1:]])

    return run


def test_the_list_shows_images_agents_and_aliases(run):
    assert run("alias", "xenial", "debian-12").output == "xenial is debian-12\n"
    table = run("list").output
    assert "| debian-12 | squashfs           | bookworm |" in table
    assert "| xenial    | alias of debian-12 |" in table
    assert " 6.1 " in table


def test_the_list_as_json_and_yaml_has_all_there_is(run):
    entries = json.loads(run("list", "-o", "json").output)
    assert [entry["name"] for entry in entries] == ["agent", "debian-12"]
    assert entries[1]["packages"] == {"bash": "5.2"}
    assert yaml.safe_load(run("list", "-o", "yaml").output) == entries


def test_an_entry_that_cannot_be_read_is_an_error_of_one_sentence(run, images):
    (images / "bad.yaml").write_text("kind: docker\n")
    result = run("list")
    assert result.exit_code == 1
    assert "bad.yaml: kind 'docker'" in result.output


def test_verify_exits_with_1_and_names_what_is_damaged(run, images):
    assert run("verify").output == "agent: whole\ndebian-12: whole\n"
    digest = yaml.safe_load((images / "debian-12.yaml").read_text())["sha256"]
    (images / "blobs" / digest).write_text("x")
    (images / "bad.yaml").write_text("kind: docker\n")
    result = run("verify")
    assert result.exit_code == 1
    assert "agent: whole" in result.output
    assert "PROBLEM debian-12: " in result.output
    assert "PROBLEM image catalogue: " in result.output
    assert run("verify", "agent").exit_code == 0
    assert "no entry nowhere" in run("verify", "nowhere").output


def test_rm_removes_and_says_what_leads_there(run, images):
    run("alias", "xenial", "debian-12")
    refused = run("rm", "debian-12")
    assert refused.exit_code == 1
    assert "xenial would lead nowhere" in refused.output
    assert run("rm", "xenial", "debian-12").output == (
        "removed xenial and 0 files of its own\nremoved debian-12 and 1 files of its own\n"
    )


def test_prune_removes_what_no_entry_names(run, images):
    (images / "blobs" / ("a" * 64)).write_text("")
    assert run("prune").output == "removed 1 files\n"


@pytest.mark.parametrize("sums", [(), ("--sha256", "a" * 64, "--sha512", "a" * 128)])
def test_an_import_wants_one_checksum(run, sums):
    result = run("import", "x", "file", *sums)
    assert result.exit_code == 2
    assert "--sha256 or --sha512" in result.output


def test_an_import_that_fails_says_why(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "import_image", refusing)
    digits = hashlib.sha256(b"").hexdigest()
    result = run("import", "x", str(tmp_path / "nowhere"), "--sha256", digits)
    assert result.exit_code == 1
    assert result.output == "Error: No space left on device\n"


def refusing(*arguments):
    raise OSError("No space left on device")


def test_a_build_names_what_the_host_lacks_before_it_begins(run, monkeypatch):
    monkeypatch.setattr(workshop.shutil, "which", lambda program: None)
    result = run("build", "agent")
    assert result.exit_code == 1
    assert (
        "a build needs mmdebstrap, mksquashfs, cpio, zstd, dpkg-deb; run: apt-get" in result.output
    )


def test_a_build_is_told_of_its_recipe_and_shows_what_was_made(run, monkeypatch, images):
    seen = []

    def build(folder, recipe, say):
        seen.append(recipe)
        say("one\x1b line")
        return Image(
            name=recipe.name, kind="squashfs", sha256="a" * 64, bytes=3 << 20, unpacked_bytes=1,
            kernels=("6.1",),
        )  # fmt: skip

    monkeypatch.setattr(module, "build_image", build)
    result = run("build", "debian-13", "--name", "lab", "--kernel", "cloud", "--include", "vim")
    assert result.output == f"one? line\nlab: 3 MiB, kernel 6.1, in {images}\n"
    (recipe,) = seen
    assert (recipe.name, recipe.suite, recipe.kernel) == ("lab", "trixie", "cloud")
    assert recipe.include == ("vim",)
    assert run("build", "slackware").exit_code == 2


def test_without_the_option_the_catalogue_is_the_configurations(images, tmp_path, monkeypatch):
    conf = tmp_path / "drydockd.yaml"
    conf.write_text(f"netboot_driver:\n  images: {images}\n")
    monkeypatch.setattr(preflight, "DEFAULT_CONFIG", conf)
    assert "debian-12" in CliRunner().invoke(command, ["list"]).output
    conf.write_text("netboot_driver:\n  images: images\n")
    assert "debian-12" in CliRunner().invoke(command, ["list"]).output
    conf.write_text("netboot_driver: [\n")
    wrong = CliRunner().invoke(command, ["list"])
    assert wrong.exit_code == 2
    assert "give --images" in wrong.output


def test_without_a_configuration_it_is_the_drivers_default(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "DEFAULT_CONFIG", tmp_path / "nowhere")
    assert str(module._configured()) == "/var/lib/drydockd/images"
