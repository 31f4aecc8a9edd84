"""What labs build once, without building: entries are written as a build does at its end."""

import hashlib
from dataclasses import replace

import pytest

from drydockd.images import build, cache
from drydockd.images.catalogue import Agent, File, Image, ImageCatalogue
from drydockd.images.recipes import Recipe
from drydockd.images.writing import write_entry

RECIPE = Recipe("debian-12", "bookworm", "cloud")


def a_blob(folder, text):
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "blobs").mkdir(exist_ok=True)
    (folder / "blobs" / digest).write_text(text)
    return File(sha256=digest, bytes=len(text))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


@pytest.fixture
def built(monkeypatch):
    """Names of what was built."""
    names = []

    def build_image(folder, recipe, say):
        names.append(recipe.name)
        blob = a_blob(folder, recipe.name)
        image = Image(
            name=recipe.name, kind="squashfs", sha256=blob.sha256, bytes=blob.bytes,
            unpacked_bytes=1,
        )  # fmt: skip
        write_entry(folder, image)
        return image

    def build_agent(folder, recipe, say):
        names.append(recipe.name)
        blob = a_blob(folder, recipe.name)
        agent = Agent(name=recipe.name, kind="agent", kernel=blob, initrd=blob)
        write_entry(folder, agent)
        return agent

    monkeypatch.setattr(cache.build, "build_image", build_image)
    monkeypatch.setattr(cache.build, "build_agent", build_agent)
    return names


@pytest.mark.parametrize("provide", [cache.provide_image, cache.provide_agent])
def test_what_is_there_is_not_built_again(folder, built, provide):
    first = provide(folder, RECIPE, print)
    assert provide(folder, RECIPE, print) == first
    assert built == [first]
    assert cache.is_there(folder, first)


def test_another_package_list_is_another_image_and_the_old_one_goes(folder, built, monkeypatch):
    old = cache.provide_image(folder, RECIPE, print)
    write_entry(folder, replace_name(folder, old, "debian-12-mine"))
    monkeypatch.setattr(build, "IMAGE_PACKAGES", ("systemd-sysv",))
    new = cache.provide_image(folder, RECIPE, print)
    assert new != old
    names = {entry.name for entry in ImageCatalogue(folder).entries()}
    assert names == {new, "debian-12-mine"}


def replace_name(folder, name, new):
    return ImageCatalogue(folder).image(name).model_copy(update={"name": new})


def test_an_entry_without_its_content_is_not_there(folder, built):
    name = cache.provide_image(folder, RECIPE, print)
    for blob in (folder / "blobs").iterdir():
        blob.unlink()
    assert not cache.is_there(folder, name)
    assert cache.provide_image(folder, RECIPE, print) == name
    assert built == [name, name]


@pytest.mark.parametrize("change", [{"kernel": "generic"}, {"include": ("vim",)}])
def test_names_follow_all_that_a_recipe_says(change):
    other = replace(RECIPE, **change)
    assert cache.image_name(other) != cache.image_name(RECIPE)
    assert cache.agent_name(other) != cache.agent_name(RECIPE)
    assert cache.image_name(replace(RECIPE)) == cache.image_name(RECIPE)
