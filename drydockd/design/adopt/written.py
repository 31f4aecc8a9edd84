"""Drafts as YAML for people to review: a comment for what is to be filled in, then the document."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from drydockd.design.adopt.draft import Draft

HEAD = (
    "Written from what is racked. Read it, fill in what the comments ask for, then:",
    "drydock design validate FILE",
)


def written(drafts: Sequence[Draft]) -> str:
    """Return the stream of documents; the same drafts give the same bytes.

    The YAML library quotes every text; notes are one printable line each, so that nothing a
    machine says of itself can end a comment.
    """
    if not drafts:
        return ""
    return _comment(HEAD) + "".join(_document(draft) for draft in drafts)


def _document(draft: Draft) -> str:
    document = {
        "schema": f"drydock/{draft.kind}/v1",
        "metadata": {
            "schema": "metadata/Document/v1",
            "name": draft.name,
            "storagePolicy": "cleartext",
        },
        "data": draft.data,
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=False, width=100)
    return f"---\n{_comment(draft.notes)}{text}"


def _comment(lines: Sequence[str]) -> str:
    return "".join(f"# {_one_line(line)}\n" for line in lines)


def _one_line(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split()).encode("ascii", "backslashreplace").decode()
