"""The manual as a site: built strictly, complete, as the forge shows it, and asking nobody else."""

import re
import shutil
import subprocess
from collections import Counter

import pytest
from markdown_it import MarkdownIt

from tests.docs import site
from tests.docs.pages import ROOT, pages

pytestmark = [pytest.mark.process, pytest.mark.peer("docs")]

# What pages are made of, besides words.
PARTS = re.compile(r"<(table|tr|li|ul|ol|pre|h[1-6]|code|strong|em|blockquote)\b")
ASKS = re.compile(r"<(?:script|link|img|iframe|source|video|audio|object)\b[^>]*?(?:src|href)=\S+")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


@pytest.fixture
def manual(tmp_path):
    """A copy of what the site is made of, to be spoilt."""
    for name in ("docs", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for path in (*ROOT.glob("*.md"), ROOT / "mkdocs.yml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "tests" / "docs").mkdir(parents=True)
    for name in ("outside.py", "iframe-worker.js"):
        shutil.copy(ROOT / "tests" / "docs" / name, tmp_path / "tests" / "docs")
    return tmp_path


def shown(built, name: str) -> str:
    """The page's own part, without the links to its headings."""
    html = (built / f"{name}.html").read_text(encoding="utf-8")
    article = html[html.index("<article") : html.index("</article>")]
    return re.sub(r'<a class="headerlink".*?</a>', "", article, flags=re.DOTALL)


def test_every_page_has_all_parts_that_the_forge_shows(built):
    wrong = []
    for one in pages():
        if one.name == "README.md":
            continue
        text = one.path.read_text(encoding="utf-8")
        forge = Counter(PARTS.findall(MarkdownIt("commonmark").enable("table").render(text)))
        here = Counter(PARTS.findall(shown(built, one.path.stem)))
        wrong += [
            f"{one.name}: {forge[part]} times <{part}>, and {here[part]} times in the site"
            for part in forge | here
            if forge[part] != here[part]
        ]
    assert not wrong, "\n".join(wrong)


def test_every_anchor_is_the_forges(built):
    for one in pages():
        if one.name != "README.md":
            anchors = re.findall(r'<h\d id="([^"]*)"', shown(built, one.path.stem))
            # The second of two headings that read alike; a link to one fails the build.
            alike = {re.sub(r"_(\d+)$", r"-\1", anchor) for anchor in anchors}
            assert alike == one.anchors, one.name


def test_nothing_in_it_is_fetched_from_another_host(built):
    asked = [
        f"{path.name}: {tag}"
        for path in built.rglob("*.html")
        for tag in ASKS.findall(path.read_text(encoding="utf-8"))
        if "//" in tag
    ]
    asked += [
        f"{path.name}: {url}"
        for path in built.rglob("*.css")
        for url in re.findall(r"(?:url\(|@import)\s*['\"]?(\w*:?//[^'\")]*)", path.read_text())
    ]
    assert not asked, "\n".join(asked)
    # What the theme's script would fetch elsewhere: diagrams, and numbers of a repository.
    assert not any(
        word in path.read_text(encoding="utf-8")
        for path in built.rglob("*.html")
        for word in ('class="mermaid"', 'data-md-component="source"')
    )


@pytest.mark.peer("browser")
def test_the_search_finds_in_pages_that_are_opened_from_a_folder(built, tmp_path):
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path}", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *("--virtual-time-budget=20000", "--dump-dom"),
            f"{(built / 'index.html').as_uri()}?q=dnsmasq",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.findall(
        r'md-search-result__link" href="([^"?#]*)|href="([^"?#]*)[^>]*md-search-result__link',
        done.stdout,
    )
    assert "netboot.html" in {"".join(pair).rsplit("/", 1)[-1] for pair in found}, done.stderr


def test_a_page_in_no_list_and_links_to_nothing_fail_the_build(manual):
    (manual / "docs" / "lost.md").write_text("# Lost\n")
    links = ["nowhere.md", "store.md#no-such-heading", "../README.md"]
    file = manual / "docs" / "tasks.md"
    file.write_text("\n\n".join([file.read_text(), *(f"[there]({link})" for link in links)]))
    with pytest.raises(site.NoSite) as raised:
        site.build(manual / "site", manual / "mkdocs.yml")
    for named in ("lost.md", "nowhere.md", "#no-such-heading", "../README.md"):
        assert named in str(raised.value)
