"""What an adopted host profile says of image and kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drydockd.site import Catalogue

MOST_NAMED = 8


def platform_of(offered: Catalogue | None) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the section and its notes: the one image there is, else a line to fill in.

    A kernel is named where the image has just one; patterns (``ga-*``) are no names.
    """
    images = offered.images if offered else {}
    if len(images) != 1:
        there = f" Images: {_listed(sorted(images))}." if images else ""
        return {}, (
            f"Fill in image and kernel, the section platform: {{}} is empty.{there}",
            "platform: {image: FILL-IN, kernel: FILL-IN}",
        )
    ((image, kernels),) = images.items()
    named = [kernel for kernel in kernels if not kernel.endswith("*")]
    if len(named) == 1:
        return {"image": image, "kernel": named[0]}, ()
    which = f" It has {_listed(named)}." if named else ""
    return {"image": image}, (f"Without platform.kernel it is the image's own choice.{which}",)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
