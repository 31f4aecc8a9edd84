import re

import pytest

from drydockd.cli.design_source import CannotLoad, fetcher, load, load_usable, the_node
from drydockd.errors import DrydockError, Unavailable
from tests.cli.designs import SMALL
from tests.designs import design_path


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(SMALL)
    return file


def test_a_file_and_a_reference_to_it_are_one_design(file):
    by_path, by_reference = load(str(file)), load(file.as_uri())

    assert by_path.digest == by_reference.digest
    assert list(by_path.site.nodes) == list(by_reference.site.nodes) == ["w01", "w02"]


@pytest.mark.parametrize("source", ["/nowhere/x.yaml", "file:///nowhere/x.yaml", "ftp://h/x"])
def test_what_is_not_there_cannot_be_loaded(source):
    with pytest.raises(CannotLoad) as caught:
        load(source)

    assert caught.value.exit_code == 2
    assert source in caught.value.message


def test_a_folder_is_no_design(tmp_path):
    with pytest.raises(CannotLoad, match=f"^{re.escape(str(tmp_path))}: "):
        load(str(tmp_path))


def test_a_server_that_is_away_is_tried_once_and_named():
    with pytest.raises(CannotLoad, match=r"127\.0\.0\.1"):
        load("http://127.0.0.1:1/design")


def test_a_design_that_does_not_compile_is_loaded_but_not_usable():
    source = str(design_path("missing-profile"))

    assert not load(source).ok
    with pytest.raises(CannotLoad, match="HostProfile c6100-primary not defined"):
        load_usable(source)


def test_of_many_problems_the_first_ones_are_told(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text("---\n".join(f"schema: drydock/Nope{i}/v1\n" for i in range(9)))

    with pytest.raises(CannotLoad, match="and 4 more; see: drydock design validate"):
        load_usable(str(file))


def test_a_node_is_found_by_name(file):
    assert the_node(load(str(file)), "w02").name == "w02"


async def test_a_location_is_fetched_as_a_reference(file, tmp_path):
    asset = tmp_path / "asset"
    asset.write_bytes(b"content")

    assert await fetcher(load(str(file)))(asset.as_uri()) == b"content"


async def test_the_token_goes_to_no_host_that_only_the_design_names(file, monkeypatch):
    monkeypatch.setenv("OS_TOKEN", "gAAAA-s3cret")
    design = load(str(file))

    with pytest.raises(DrydockError) as caught:
        await fetcher(design)("promenade+http://127.0.0.1:1/join")

    assert not isinstance(caught.value, Unavailable)  # refused, not tried
    assert "s3cret" not in str(caught.value)
