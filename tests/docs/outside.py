"""What mkdocs is told of pages as a forge has them: `hooks` in `mkdocs.yml`, in its environment.

Documents and samples that stand outside of docs/ join the site, with their links turned
(`../SECURITY.md`, and from there `docs/identity.md`); lists are written as mkdocs reads them.
"""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
PAGES = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
SAMPLES = ("conf/drydockd.yaml", "conf/policy.yaml", "conf/room.yaml")
SCRIPT = "iframe-worker.js"
UP = re.compile(rf"(\]\()\.\./(?={'|'.join(re.escape(name) for name in (*PAGES, *SAMPLES))})")
DOWN = re.compile(r"(\]\()docs/")
NUMBERED = re.compile(r"\d+\. ")
# A line of a paragraph that happens to begin with a number and a full stop.
NUMBER = re.compile(r"^( +\d+)(\. )")
FENCE = re.compile(r" *```")


def on_files(files, config):
    for name in (*PAGES, *SAMPLES):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    script = str(Path(__file__).with_name(SCRIPT))
    files.append(File.generated(config, f"assets/{SCRIPT}", abs_src_path=script))
    return files


def on_page_markdown(markdown, page, config, files):
    links = DOWN if page.file.src_uri in PAGES else UP
    return "\n".join(lists(links.sub(r"\1", markdown).split("\n")))


def lists(lines):
    """What belongs to a numbered item stands three deep for a forge, and four for mkdocs."""
    is_in_item = is_in_code = False
    for line in lines:
        if line.strip() and not line.startswith(" "):
            is_in_item = not is_in_code and NUMBERED.match(line) is not None
        elif not is_in_code:
            line = NUMBER.sub(r"\1\\\2", line)
        is_in_code ^= FENCE.match(line) is not None
        yield f" {line}" if is_in_item and line.startswith("   ") else line
