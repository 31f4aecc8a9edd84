"""Building agents and images; the real builds are slow and need the network."""

import os
import subprocess
from dataclasses import replace
from importlib import resources

import pytest

from drydockd.errors import Unavailable
from drydockd.images import build, initrd, recipes, workshop
from drydockd.images.build import build_agent, build_image, kernel_hook, recipe_key
from drydockd.images.catalogue import ImageCatalogue
from drydockd.images.recipes import MIRROR, Recipe

RECIPE = Recipe("debian-12", "bookworm", "cloud")


def test_a_key_stays_the_same_whatever_the_entry_is_called():
    assert recipe_key(RECIPE, "image") == recipe_key(replace(RECIPE, name="other"), "image")
    turned = replace(RECIPE, include=("vim", "tmux"))
    assert recipe_key(turned, "image") == recipe_key(
        replace(turned, include=("tmux", "vim")), "image"
    )


@pytest.mark.parametrize(
    "changes", [{"suite": "trixie"}, {"kernel": "generic"}, {"include": ("vim",)}, {"mirror": "x"}]
)
@pytest.mark.parametrize("kind", ["agent", "image"])
def test_a_key_is_another_for_another_recipe(kind, changes):
    assert recipe_key(RECIPE, kind) != recipe_key(replace(RECIPE, **changes), kind)


def test_a_key_of_an_agent_changes_with_its_code_its_scripts_and_its_lists(monkeypatch, tmp_path):
    agent, image = recipe_key(RECIPE, "agent"), recipe_key(RECIPE, "image")
    keys = {agent, image}
    with monkeypatch.context() as changed:
        changed.setattr(initrd, "resource", lambda name: "another")
        keys.add(recipe_key(RECIPE, "agent"))
        assert recipe_key(RECIPE, "image") == image
    with monkeypatch.context() as changed:
        (tmp_path / "work.py").write_text("another")
        files = resources.files
        of_agent = {"drydockd.agent.install": tmp_path}
        changed.setattr(
            build.resources, "files", lambda package: of_agent.get(package) or files(package)
        )
        keys.add(recipe_key(RECIPE, "agent"))
    with monkeypatch.context() as changed:
        changed.setattr(recipes, "AGENT_TRIM", ())
        keys.add(recipe_key(RECIPE, "agent"))
    assert len(keys) == 5


@pytest.mark.parametrize("make", [build_agent, build_image])
def test_nothing_begins_while_the_host_lacks_something(tmp_path, monkeypatch, make):
    monkeypatch.setattr(workshop.shutil, "which", lambda program: None)
    with pytest.raises(Unavailable, match=r"mmdebstrap, mksquashfs.*apt-get install"):
        make(tmp_path / "images", RECIPE, print)
    assert not (tmp_path / "images").exists()


def test_the_hook_for_the_kernel_is_shell_and_keeps_the_link_lib():
    hook = kernel_hook("linux-image-cloud-amd64")
    subprocess.run(["sh", "-n", "-c", hook], check=True)
    assert "apt-cache depends linux-image-cloud-amd64 " in hook
    assert "--keep-directory-symlink" in hook
    assert "dpkg-deb -x" not in hook


@pytest.mark.parametrize("script", ["init.sh", "agent-init.sh", "udhcpc.sh"])
def test_the_scripts_are_shell(script):
    subprocess.run(["sh", "-n"], input=initrd.resource(script), text=True, check=True)


needs_mirror = pytest.mark.skipif(
    not os.environ.get("DRYDOCKD_MIRROR"),
    reason="builds need a mirror of Debian: DRYDOCKD_MIRROR=http://deb.debian.org/debian",
)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.peer("images")
@needs_mirror
def test_an_agent_is_built_and_leaves_nothing_else(tmp_path):
    mirror = os.environ.get("DRYDOCKD_MIRROR", MIRROR)
    recipe = Recipe("agent", "bookworm", "cloud", mirror=mirror)
    made = build_agent(tmp_path, recipe, print)
    catalogue = ImageCatalogue(tmp_path)
    assert catalogue.agent("agent") == made
    assert made.recipe == recipe_key(recipe, "agent")
    assert made.initrd.bytes < 72_000_000  # the contract's, section 7
    assert "lvm2" in made.packages
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {".lock", "agent.yaml", "blobs"}


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.peer("images")
def test_a_mirror_that_is_not_there_leaves_no_entry(tmp_path):
    recipe = replace(RECIPE, mirror="http://127.0.0.1:1/debian")
    with pytest.raises(Unavailable, match="mmdebstrap: exit status"):
        build_image(tmp_path, recipe, lambda line: None)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
