import hashlib

import pytest

from drydockd.errors import NotFound
from drydockd.web.assets import FOLDER, KINDS, Assets

VENDOR = FOLDER / "vendor"
# What browsers load of ours: a page is readable after this much, gzipped it is a third.
MOST_CSS_BYTES = 12 << 10


def sources():
    lines = (VENDOR / "SOURCES").read_text(encoding="utf-8").splitlines()
    return [line.split(" | ") for line in lines if line and not line.startswith("#")]


def test_what_is_not_ours_is_what_its_packages_hold():
    for file, package, version, source, licence, digest in sources():
        assert all((package, version, source, licence))
        assert hashlib.sha256((VENDOR / file).read_bytes()).hexdigest() == digest, file


def test_nothing_is_there_that_is_not_in_the_table_and_each_package_has_its_licence():
    there = {path.name for path in VENDOR.iterdir()}
    assert there == {"SOURCES", *(row[0] for row in sources())}
    licensed = {row[1] for row in sources() if row[3] == "LICENSE"}
    assert licensed == {row[1] for row in sources()}


def test_the_style_stays_small():
    assert (FOLDER / "drydock.css").stat().st_size < MOST_CSS_BYTES


def test_another_content_has_another_name(tmp_path):
    (tmp_path / "a.css").write_text("p {}")
    first = Assets(tmp_path).named("a.css")
    assert Assets(tmp_path).find(first).content == b"p {}"
    (tmp_path / "a.css").write_text("q {}")
    assert Assets(tmp_path).named("a.css") != first


def test_only_what_pages_load_is_served(tmp_path):
    (tmp_path / "SOURCES").write_text("x")
    with pytest.raises(KeyError):
        Assets(tmp_path).named("SOURCES")
    with pytest.raises(NotFound):
        Assets(tmp_path).find("SOURCES")


async def test_a_file_is_kept_for_good_and_sent_small_to_anybody(browser):
    for name in (p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.suffix in KINDS):
        path = f"/static/{browser.drydock.app.dashboard.assets.named(name)}"
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert answer.content == (FOLDER / name).read_bytes()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers
        plain = await browser.get(path, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
        assert "Content-Encoding" not in plain.headers


async def test_an_older_pages_file_is_not_there(browser):
    assert (await browser.get("/static/drydock.000000000000.css")).status_code == 404
