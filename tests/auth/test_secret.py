"""Secret files: made once, whole, private; refused when they are not."""

import threading

import pytest

from drydockd.auth.secret import derive, load_secret
from drydockd.errors import InvalidConfig


def test_a_secret_is_made_once_and_private(tmp_path):
    path = tmp_path / "secret"
    first = load_secret(path)
    assert len(first) == 32
    assert load_secret(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


def test_processes_that_start_together_agree_on_one_secret(tmp_path):
    found = []
    barrier = threading.Barrier(8)

    def start():
        barrier.wait()
        found.append(load_secret(tmp_path / "secret"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_secret_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "secret"
    load_secret(path)
    path.chmod(mode)
    with pytest.raises(InvalidConfig, match="chmod 0600"):
        load_secret(path)


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31, "ab" * 5000])
def test_a_file_that_is_no_secret_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "secret"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(InvalidConfig, match="not a secret") as refusal:
        load_secret(path)
    assert not content or content not in str(refusal.value)


def test_a_missing_secret_is_refused_where_none_may_be_made(tmp_path):
    with pytest.raises(InvalidConfig, match="missing"):
        load_secret(tmp_path / "secret", create=False)


def test_a_secret_behind_a_link_or_a_folder_is_refused(tmp_path):
    load_secret(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(InvalidConfig):
        load_secret(tmp_path / "link")
    with pytest.raises(InvalidConfig, match="not a regular file"):
        load_secret(tmp_path / "folder")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidConfig, match="gone/secret"):
        load_secret(tmp_path / "gone" / "secret")


def test_inputs_of_a_derivation_cannot_be_shifted_into_each_other():
    secret = b"s" * 32
    lists = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc"), ("a", "b", "c")]
    assert len({derive(secret, "label", *parts) for parts in lists}) == len(lists)
    assert derive(secret, "labela", "b") != derive(secret, "label", "ab")
