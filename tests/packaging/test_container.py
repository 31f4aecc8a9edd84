"""The Containerfile: what a linter says of it, and what it must be to run without any rights."""

import json
import re
import subprocess

import pytest

from tests.packages import ROOT
from tests.peers.table import PEERS

CONTAINERFILE = ROOT / "packaging" / "container" / "Containerfile"


def instructions():
    """Return its instructions as (word, rest), continuation lines joined, without comments."""
    text = "\n".join(
        line for line in CONTAINERFILE.read_text().splitlines() if not line.startswith("#")
    )
    joined = re.sub(r"\\\n\s*", " ", text)
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def said(word):
    return [rest for name, rest in instructions() if name == word]


@pytest.mark.peer("packaging")
@pytest.mark.process
def test_a_linter_finds_nothing_not_even_of_style():
    hadolint = PEERS["packaging"].environment / "bin" / "hadolint"
    done = subprocess.run(
        [hadolint, "--no-color", "--failure-threshold", "style", CONTAINERFILE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_last_stage_runs_as_a_number_that_is_not_root_and_builds_nothing():
    words = instructions()
    last = max(index for index, (word, _) in enumerate(words) if word == "FROM")
    assert len(said("FROM")) == 2
    assert not [rest for word, rest in words[last:] if word in ("RUN", "ADD")]
    (user,) = (rest for word, rest in words[last:] if word == "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    copies = [rest for word, rest in words[last:] if word == "COPY"]
    assert all(rest.startswith("--from=build ") for rest in copies)


def test_its_base_has_a_version_and_everything_else_a_hash():
    (base,) = (rest.partition("=")[2] for rest in said("ARG"))
    assert re.search(r":\d+\.\d+-|@sha256:", base), base
    assert all("${BASE}" in rest for rest in said("FROM"))
    installs = [part for rest in said("RUN") for part in rest.split(";") if " install " in part]
    installs = [part for part in installs if "pip" in part]
    assert len(installs) == 2
    for part in installs:
        assert "--require-hashes" in part or "--no-index --no-deps" in part, part


def test_state_is_a_volume_and_nothing_secret_is_set():
    assert [json.loads(rest) for rest in said("VOLUME")] == [["/var/lib/drydockd"]]
    settings = " ".join(said("ENV") + said("ARG")).lower()
    assert not re.search("password|secret|token|key", settings)


def test_its_commands_need_no_shell():
    for word in ("ENTRYPOINT", "CMD"):
        (rest,) = said(word)
        assert all(isinstance(part, str) for part in json.loads(rest))
    (health,) = said("HEALTHCHECK")
    assert json.loads(health.partition("CMD ")[2]) == ["/opt/drydockd/bin/drydock", "health"]


def test_what_it_copies_is_there_and_not_kept_from_it():
    kept = (CONTAINERFILE.parent / "containerignore").read_text().splitlines()
    sources = [
        source
        for rest in said("COPY")
        if not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert len(sources) > 8
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in kept, source
