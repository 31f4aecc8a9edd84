"""The package holds the whole program and nothing else; what it needs at run time comes along."""

import email
import os
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import drydockd
from tests.packages import ROOT, build, run

SHARE = "share/drydockd"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("package")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel below a prefix that is not the interpreter's; return its site-packages."""
    prefix = tmp_path_factory.mktemp("prefix")
    pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input")
    run(*pip, "install", "--no-deps", "--no-index", "--ignore-installed", "--prefix", prefix, wheel)
    (package,) = prefix.glob("**/drydockd/__init__.py")
    return package.parents[1]


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def tree(folder):
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_program_and_nothing_else(wheel):
    about, data = (f"drydockd-{drydockd.__version__}.{kind}/" for kind in ("dist-info", "data"))
    program = {name for name in names(wheel) if not name.startswith((about, data))}
    assert program == tree("drydockd")


def test_the_wheel_brings_the_manual_and_every_file_of_conf_and_systemd(wheel):
    data = f"drydockd-{drydockd.__version__}.data/data/{SHARE}/"
    brought = {name.removeprefix(data) for name in names(wheel) if name.startswith(data)}
    conf = {name.removeprefix("conf/") for name in tree("conf")}
    assert brought == conf | tree("systemd") | tree("docs")
    assert "docs/install.md" in brought
    outside = {name for name in names(wheel) if ".data/" in name and not name.startswith(data)}
    assert not outside


def test_the_package_says_the_version_that_the_program_says(wheel):
    with zipfile.ZipFile(wheel) as archive:
        about = archive.read(f"drydockd-{drydockd.__version__}.dist-info/METADATA")
    assert email.message_from_bytes(about)["Version"] == drydockd.__version__


def test_the_source_package_holds_the_documents_and_no_half_of_the_tests(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("drydockd", "conf", "systemd", "docs", "packaging"):
        assert tree(folder) <= held
    assert {"LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"} <= held
    assert {"MANIFEST.in", "pyproject.toml", "requirements/run.txt"} <= held
    assert not {name for name in held if name.split("/")[0] in ("tests", "bench", "Makefile")}


def test_every_page_that_the_manual_links_comes_with_it(wheel, installed):
    # A link to the root of the checkout leads to the project, not to a page.
    (docs,) = installed.parents[2].glob(f"**/{SHARE}/docs")
    links = {
        (page.name, link)
        for page in docs.rglob("*.md")
        for link in re.findall(r"\]\((?!\.\.|https?:)([\w./-]+)", page.read_text())
    }
    assert len(links) > 20
    assert not {(page, link) for page, link in links if not (docs / link).exists()}


def test_the_example_site_is_found_wherever_the_package_was_put(installed, tmp_path):
    # As after `pip install --user`: the data is not below sys.prefix.
    code = "from drydockd.cli.lab import example_site; print(example_site())"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    found = run(sys.executable, "-c", code, cwd=tmp_path, env=environment)
    site = Path(found.strip())
    assert site.read_bytes() == (ROOT / "conf/example-site/site.yaml").read_bytes()
    assert not site.is_relative_to(ROOT)
