"""Learning ids and keys from unpacked files."""

from pathlib import PurePosixPath

import pytest

from drydockd.room.archive import Unpacked
from drydockd.room.signals import Signal, read_signals, signals_in
from tests.room.helpers import ACTION, KEY

URL = "http://10.0.0.1:9000/api/v1.0/bootactions/"
OTHER = "01JDQ8Z7C0XQ2V3W4Y5Z6A7B8D"
OTHER_KEY = "cd" * 32


@pytest.mark.parametrize(
    "text",
    [
        f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}\nBOOTACTION_URL={URL}\n",
        f'export BOOTACTION_ID="{ACTION}" BOOTACTION_KEY="{KEY}" BOOTACTION_URL="{URL}"',
        f'Environment="BOOTACTION_URL={URL}" "BOOTACTION_KEY={KEY}" "BOOTACTION_ID={ACTION}"',
        f'{{"action_id": "{ACTION}", "action_key": "{KEY}", "report_url": "{URL}"}}',
        f"action_id: {ACTION}\naction_key: {KEY}\nreport_url: '{URL}'\n",
        f"ExecStart=/opt/baclient -id {ACTION} -key {KEY} -url {URL} -exec /opt/run.sh",
        f"baclient \\\n  --url={URL} \\\n  --id={ACTION} \\\n  --key={KEY} -msg done -s",
        f"curl -H 'X-Bootaction-Key: {KEY}' -X POST {URL}{ACTION} -d @body",
        f"BOOTACTION_ID={ACTION.lower()}\nBOOTACTION_KEY={KEY.upper()}\nBOOTACTION_URL={URL}\n",
    ],
)
def test_every_usual_spelling_is_understood(text):
    assert signals_in(text) == [Signal(ACTION, KEY, URL)]


def test_without_a_url_the_node_asks_where_it_came_from():
    assert signals_in(f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}") == [Signal(ACTION, KEY)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"BOOTACTION_ID={ACTION}",
        f"BOOTACTION_KEY={KEY}",
        f"BOOTACTION_ID={ACTION}X\nBOOTACTION_KEY={KEY}",
        f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}0",
        f"BOOTACTION_ID=8{ACTION[1:]}\nBOOTACTION_KEY={KEY}",
        f"{ACTION} {KEY}",
        f"transaction_id: {ACTION}\ntransaction_key: {KEY}",
    ],
)
def test_what_is_no_id_with_a_key_tells_nothing(text):
    assert signals_in(text) == []


def test_several_actions_in_one_file_keep_their_own_keys():
    one = f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}\n"
    two = f"BOOTACTION_ID={OTHER}\nBOOTACTION_KEY={OTHER_KEY}\n"
    assert signals_in(one + two) == [Signal(ACTION, KEY), Signal(OTHER, OTHER_KEY)]


def test_one_key_beside_several_ids_is_everybodys():
    text = f"action_id: {ACTION}\naction_id: {OTHER}\naction_key: {KEY}\n"
    assert [s.key for s in signals_in(text)] == [KEY, KEY]


def test_the_key_may_be_in_a_file_of_its_own(tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "unit").write_text(f"ExecStart=baclient -id {ACTION} -keyfile /key -url {URL}\n")
    names = [PurePosixPath(n) for n in ("unit", "key")]
    files = tuple(Unpacked(n, 0o600, (tmp_path / n).stat().st_size) for n in names)
    assert read_signals(tmp_path, files) == [Signal(ACTION, KEY, URL)]


def test_one_action_told_twice_is_reported_once_with_the_url_that_is_known(tmp_path):
    text = f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}\n"
    (tmp_path / "a").write_text(text)
    (tmp_path / "b").write_text(text + f"BOOTACTION_URL={URL}\n")
    files = tuple(Unpacked(PurePosixPath(n), 0o600, 200) for n in ("a", "b"))
    assert read_signals(tmp_path, files) == [Signal(ACTION, KEY, URL)]


def test_binaries_and_huge_files_are_passed_over(tmp_path):
    text = f"BOOTACTION_ID={ACTION}\nBOOTACTION_KEY={KEY}\n".encode()
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + text)
    (tmp_path / "huge").write_bytes(text + b" " * 2**20)
    names = [PurePosixPath(n) for n in ("binary", "huge")]
    files = tuple(Unpacked(n, 0o600, (tmp_path / n).stat().st_size) for n in names)
    assert read_signals(tmp_path, files) == []


def test_a_key_is_not_shown():
    assert KEY not in repr(Signal(ACTION, KEY))
