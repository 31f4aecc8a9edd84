"""Whether there is what machines are started with and installed from. Blocking: for a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from drydockd.drivers.base import SiteNote
from drydockd.errors import InvalidConfig, NotFound
from drydockd.images.catalogue import ImageCatalogue


def notes(catalogue: ImageCatalogue, agent: str) -> Sequence[SiteNote]:
    """A verdict on the agent of that name, and one on the images."""
    looks = (partial(_agent, catalogue, agent), partial(_images, catalogue))
    return [_told(look) for look in looks]


def _told(look: Callable[[], SiteNote]) -> SiteNote:
    try:
        return look()
    except (InvalidConfig, NotFound) as error:
        return SiteNote(str(error), error=True)


def _agent(catalogue: ImageCatalogue, name: str) -> SiteNote:
    agent = catalogue.agent(name)
    for file in (agent.kernel, agent.initrd):
        catalogue.blob(file.sha256)
    return SiteNote(f"the agent {agent.name} is there, built {agent.built or 'some time'}")


def _images(catalogue: ImageCatalogue) -> SiteNote:
    images = catalogue.images()
    for image in images.values():
        catalogue.blob(image.sha256)
    return SiteNote(f"the catalogue has {', '.join(images) or 'no images'}", error=not images)
