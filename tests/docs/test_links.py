"""What documents point at is there: pages, headings, files, modules and targets of make."""

import importlib.util
import re

from tests.docs.pages import ROOT, codes, pages

FOLDERS = r"drydockd|tests|conf|docs|systemd|bench|requirements|\.ci|\.github"
FILE = re.compile(rf"(?:{FOLDERS})/[\w./*-]*")
# A source file by its name, or by the end of its path: `design/addresses.py`.
SOURCE = re.compile(r"\w[\w/]*\.py")
MODULE = re.compile(r"\bpython3? -m ((?:drydockd|bench|tests)[\w.]*)")
MAKE = re.compile(r"(?:^|[\s`'])make ((?:[A-Z]+=\S+ )*[a-z][\w-]*)")


def test_every_link_leads_to_a_page_and_a_heading():
    anchors = {page.path.resolve(): page.anchors for page in pages()}
    wrong = []
    for page in pages():
        for where, href in page.links:
            if re.match(r"[a-z]+:", href):
                continue
            file, _, anchor = href.partition("#")
            target = (page.path.parent / file).resolve() if file else page.path
            if not target.exists():
                wrong.append(f"{where}: {file} is not there")
            elif anchor and anchor not in anchors.get(target, ()):
                wrong.append(f"{where}: {file or page.name} has no heading #{anchor}")
    assert not wrong, "\n".join(wrong)


def test_every_page_can_be_reached_from_the_first():
    linked = {
        (page.path.parent / href.partition("#")[0]).resolve()
        for page in pages()
        for _, href in page.links
        if href[:1] != "#"
    }
    lost = [page.name for page in pages() if page.name.startswith("docs/")]
    lost = [name for name in lost if ROOT / name not in linked]
    assert not lost, f"no page links to {', '.join(lost)}"


def test_every_page_has_its_place_in_the_site_once():
    listed = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    wanted = [page.name.removeprefix("docs/") for page in pages() if page.name != "README.md"]
    assert sorted(listed) == sorted(wanted), "add it to `nav` in mkdocs.yml"


def test_every_file_that_a_document_names_is_there():
    wrong = [
        f"{code.where}: {code.text} is not there"
        for code in codes()
        if code.is_span and FILE.fullmatch(code.text) and not list(ROOT.glob(code.text.rstrip("/")))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_source_file_that_a_document_names_is_there():
    sources = [
        path.as_posix()
        for folder in ("drydockd", "tests", "bench")
        for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    sources += [path.as_posix() for path in ROOT.glob("*.py")]
    wrong = [
        f"{code.where}: there is no {code.text}"
        for code in codes()
        if code.is_span
        and SOURCE.fullmatch(code.text)
        and not any(source.endswith(f"/{code.text}") for source in sources)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_that_a_document_runs_can_be_run():
    wrong = [
        f"{code.where}: there is no module {module}"
        for code in codes()
        for module in MODULE.findall(code.text)
        if importlib.util.find_spec(module) is None
    ]
    assert not wrong, "\n".join(wrong)


def test_every_target_of_make_that_anything_names_is_one():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    said = [(code.where, code.text) for code in codes()]
    for path in [ROOT / ".pre-commit-config.yaml", *(ROOT / ".github").rglob("*.yml")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        said += [(f"{path.relative_to(ROOT)}:{n}", line) for n, line in enumerate(lines, 1)]
    wrong = [
        f"{where}: make has no target {target}"
        for where, text in said
        for target in MAKE.findall(text)
        if target.split()[-1] not in targets
    ]
    assert not wrong, "\n".join(wrong)
