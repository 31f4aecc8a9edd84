"""Agents and images built once for each recipe: what the QEMU room and its tests install from.

An entry's name ends with the digest of what it is made of, so that another list of packages or
another agent is another entry.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from drydockd.errors import NotFound
from drydockd.images import build
from drydockd.images.catalogue import Agent, Image, ImageCatalogue
from drydockd.images.recipes import Recipe
from drydockd.images.workshop import Say
from drydockd.images.writing import remove

DIGITS = 12


def image_name(recipe: Recipe) -> str:
    """Return the name under which the image of `recipe` is kept: ``debian-12-0123456789ab``."""
    return f"{recipe.name}-{build.recipe_key(recipe, 'image')[:DIGITS]}"


def agent_name(recipe: Recipe) -> str:
    """The same for an agent; its own program counts too."""
    return f"{recipe.name}-{build.recipe_key(recipe, 'agent')[:DIGITS]}"


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


def provide_image(folder: Path, recipe: Recipe, say: Say) -> str:
    """Return the name of the image in the catalogue `folder`; it is built if it is not there, and
    then those of older recipes go. Raises Unavailable, InvalidInput."""
    name = image_name(recipe)
    if not is_there(folder, name):
        build.build_image(folder, replace(recipe, name=name), say)
        _forget_older(folder, recipe.name, name)
    return name


def provide_agent(folder: Path, recipe: Recipe, say: Say) -> str:
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
