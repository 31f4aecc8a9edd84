"""What a node learns about its boot actions from the files it unpacked, and from nothing else.

Recognised, anywhere in a text file and in any mixture:

- assignments, as in an environment file, a unit's ``Environment=``, JSON or YAML:
  ``BOOTACTION_ID=<ulid>``, ``BOOTACTION_KEY=<64 hex>``, ``BOOTACTION_URL=http://...``, also
  spelled ``action_id``, ``action_key``, ``report_url``;
- command lines of `baclient`: ``-id <ulid> -key <64 hex> -url http://...``, also
  ``-keyfile <path>`` when that file was unpacked too;
- an ``X-Bootaction-Key: <64 hex>`` header beside a URL that ends in the id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from drydockd.room.archive import Unpacked

SCANNED_BYTES = 2**20

ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}(?![0-9A-Z])"
KEY = r"[0-9A-F]{64}(?![0-9A-Z])"
URL = r"https?://[^\s\"'\\,;}<>]+"
SET = r"[\"']?\s*[:=]\s*[\"']?"
FLAG = r"(?<![\w-])--?{}(?:=|\s+)[\"']?"

IDS = re.compile(
    rf"(?:(?<![a-z])(?:boot_?action|action)[_-]?id{SET}|{FLAG.format('id')}"
    rf"|https?://[^\s\"']+/)({ULID})",
    re.IGNORECASE,
)
KEYS = re.compile(
    rf"(?:(?<![a-z])(?:boot_?action|action)[_-]?key{SET}|{FLAG.format('key')}"
    rf"|x-bootaction-key[\"']?\s*[:=]\s*[\"']?)({KEY})",
    re.IGNORECASE,
)
URLS = re.compile(
    rf"(?:(?:(?<![a-z])boot_?action[_-]?url|report[_-]?url){SET}|{FLAG.format('url')})({URL})",
    re.IGNORECASE,
)
POSTED = re.compile(rf"({URL}/)(?={ULID})", re.IGNORECASE)
KEYFILES = re.compile(FLAG.format("keyfile") + r"([^\s\"']+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signal:
    """One boot action that can be reported: where to, if the files say so."""

    action_id: str
    key: str = field(repr=False)
    url: str | None = None


def read_signals(root: Path, files: tuple[Unpacked, ...]) -> list[Signal]:
    """Return the boot actions the unpacked files tell of, each once, in the files' order.

    Blocking: run it in a thread. Files that are no UTF-8 text, or huge, tell nothing.
    """
    texts: dict[PurePosixPath, str] = {}
    for file in files:
        if file.size_bytes > SCANNED_BYTES:
            continue
        try:
            texts[file.path] = (root / file.path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    found: dict[str, Signal] = {}
    for text in texts.values():
        for signal in signals_in(text, texts):
            known = found.get(signal.action_id)
            if known is None or (known.url is None and signal.url):
                found[signal.action_id] = signal
    return list(found.values())


def signals_in(text: str, files: Mapping[PurePosixPath, str] | None = None) -> list[Signal]:
    """The boot actions of one text; `files` are where a ``-keyfile`` is looked up."""
    ids = [(m.start(1), m[1].upper()) for m in IDS.finditer(text)]
    keys = [(m.start(1), m[1].lower()) for m in KEYS.finditer(text)]
    for match in KEYFILES.finditer(text):
        content = (files or {}).get(PurePosixPath(match[1].lstrip("/")), "").strip()
        if re.fullmatch(KEY, content, re.IGNORECASE):
            keys.append((match.start(1), content.lower()))
    if not ids or not keys:
        return []
    urls = [(m.start(1), m[1]) for m in (*URLS.finditer(text), *POSTED.finditer(text))]
    if len(ids) == len(keys):
        chosen = [key for _, key in sorted(keys)]
    else:
        chosen = [_nearest(position, keys) for position, _ in ids]
    return [
        Signal(action_id, key, _nearest(position, urls) if urls else None)
        for (position, action_id), key in zip(ids, chosen, strict=True)
    ]


def _nearest(position: int, candidates: list[tuple[int, str]]) -> str:
    return min(candidates, key=lambda candidate: abs(candidate[0] - position))[1]
