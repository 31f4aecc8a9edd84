"""The templates, and the words and shapes they all use."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drydockd.web.assets import Assets

FOLDER = Path(__file__).parent / "templates"
# What is said of a state -> its icon, in a font everybody has, and its colour (see drydock.css).
# Told apart by word and icon; the colour only helps.
LOOKS = {
    "good": "✓",
    "bad": "✗",
    "busy": "▶",
    "wait": "◷",
    "off": "○",
    "none": "·",
}
# Words of tasks, results, boot actions, machines and their power -> how they look.
STATES = {
    "success": "good",
    "complete": "good",
    "deployed": "good",
    "on": "good",
    "failure": "bad",
    "failed": "bad",
    "partial_success": "bad",
    "error": "bad",
    "running": "busy",
    "deploying": "busy",
    "commissioning": "busy",
    "terminating": "busy",
    "requested": "wait",
    "queued": "wait",
    "incomplete": "wait",
    "unreported": "none",
    "terminated": "off",
    "off": "off",
    "ready": "off",
    "new": "none",
}


def make_environment(base: str, assets: Assets) -> Environment:
    """Return the environment of the templates: everything is escaped, nothing may be undefined."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"base": base, "asset": lambda name: f"{base}/static/{assets.named(name)}"}
    made.filters |= {"state": state, "moment": moment, "words": words, "breakable": breakable}
    return made


def look_of(word: str) -> str:
    """Return how a state looks: a key of `LOOKS`."""
    said = word.lower()
    if said in STATES:
        return STATES[said]
    # Provisioners have words of their own, such as "Failed commissioning".
    for part in ("fail", "error", "broken"):
        if part in said:
            return "bad"
    return "busy" if said.endswith("ing") else "none"


def state(word: object) -> Markup:
    """Return a state as its icon and its word."""
    said = words(word)
    look = look_of(str(word))
    return Markup('<span class="state {}"><i aria-hidden="true">{}</i> {}</span>').format(
        look, LOOKS[look], said
    )


def words(name: object) -> str:
    """``partial_success`` -> ``partial success``."""
    return str(name).replace("_", " ")


def breakable(path: str) -> Markup:
    """Return a dotted name that may be broken into lines where its parts meet."""
    return Markup("<wbr>").join(re.split(r"(?<=[._›])", path))


def moment(text: str | None) -> Markup:
    """Return a time of a record: UTC, to the second; the browser makes it local."""
    if not text:
        return Markup('<span class="dim">–</span>')
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return Markup.escape(text)
    shown = at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds"), shown, shown
    )
