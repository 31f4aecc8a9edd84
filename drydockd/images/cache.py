"""Agents and images built once for each recipe: what the QEMU room and its tests install from.

An entry's name ends with the digest of what it is made of, so that another list of packages or
another agent is another entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import astuple, replace
from importlib import resources
from pathlib import Path

from drydockd.errors import NotFound
from drydockd.images import build, recipes
from drydockd.images.catalogue import Agent, Image, ImageCatalogue
from drydockd.images.recipes import Recipe
from drydockd.images.writing import remove

DIGITS = 12
# What an agent holds besides its packages.
AGENT_SCRIPTS = ("agent-init.sh", "init.sh", "udhcpc.sh")


def image_name(recipe: Recipe) -> str:
    """Return the name under which the image of `recipe` is kept: ``debian-12-0123456789ab``."""
    parts = (*astuple(recipe), recipes.IMAGE_PACKAGES, recipes.KERNELS[recipe.kernel])
    return f"{recipe.name}-{_digest(map(repr, parts))}"


def agent_name(recipe: Recipe) -> str:
    """The same for an agent; its own program counts too."""
    parts = (*astuple(recipe), recipes.AGENT_PACKAGES, recipes.KERNELS[recipe.kernel])
    trims = (recipes.AGENT_EXCLUDES, recipes.AGENT_TRIM, recipes.EARLY_MODULES)
    scripts = [resources.files("drydockd.images") / name for name in AGENT_SCRIPTS]
    package = resources.files("drydockd.agent.install")
    sources = sorted((p for p in package.iterdir() if p.name.endswith(".py")), key=lambda p: p.name)
    texts = (entry.read_text(encoding="utf-8") for entry in (*scripts, *sources))
    return f"{recipe.name}-{_digest((*map(repr, (*parts, *trims)), *texts))}"


def is_there(folder: Path, name: str) -> bool:
    """Whether the catalogue `folder` has the entry with all its content."""
    catalogue = ImageCatalogue(folder)
    try:
        entry = next(entry for entry in catalogue.entries() if entry.name == name)
        digests = (
            (entry.kernel.sha256, entry.initrd.sha256)
            if isinstance(entry, Agent)
            else (entry.sha256,)
            if isinstance(entry, Image)
            else ()
        )
        for digest in digests:
            catalogue.blob(digest)
    except (StopIteration, NotFound):
        return False
    return True


def provide_image(folder: Path, recipe: Recipe, say: build.Say) -> str:
    """Return the name of the image in the catalogue `folder`; it is built if it is not there, and
    then those of older recipes go. Raises Unavailable, InvalidInput."""
    name = image_name(recipe)
    if not is_there(folder, name):
        build.build_image(folder, replace(recipe, name=name), say)
        _forget_older(folder, recipe.name, name)
    return name


def provide_agent(folder: Path, recipe: Recipe, say: build.Say) -> str:
    """The same for an agent."""
    name = agent_name(recipe)
    if not is_there(folder, name):
        build.build_agent(folder, replace(recipe, name=name), say)
        _forget_older(folder, recipe.name, name)
    return name


def _forget_older(folder: Path, stem: str, newest: str) -> None:
    for entry in ImageCatalogue(folder).entries():
        old, _, digest = entry.name.rpartition("-")
        if old == stem and len(digest) == DIGITS and entry.name != newest:
            remove(folder, entry.name)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGITS]
