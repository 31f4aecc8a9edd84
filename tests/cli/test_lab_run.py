import json
import socket

import httpx
import pytest

from drydockd.api.task import TaskTree
from drydockd.cli.lab_run import Lab, LabOptions, _events, _listener, _settings, said_in
from drydockd.cli.lab_stage import LabTrouble, pretend_stage
from tests.api.examples import MESSAGE, NODE_EVENT, STATE_EVENT, TREE


def test_a_taken_port_is_refused_with_its_number():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LabTrouble, match=f"127.0.0.1:{port}"):
            _listener(port)


def test_without_a_port_any_free_one_will_do():
    with _listener(None) as first, _listener(None) as second:
        assert first.getsockname() != second.getsockname()


def test_the_lab_listens_on_loopback_and_reads_only_the_sites_folder(tmp_path):
    site = tmp_path / "sites" / "site.yaml"
    settings = _settings(tmp_path, "http://127.0.0.1:9000", pretend_stage(site, None))
    assert settings.api.listen == "127.0.0.1:9000"
    assert settings.auth.strategy == ("jwt",)
    assert settings.network.allowed_roots == (site.parent,)


async def test_a_wrong_room_file_is_a_trouble_that_names_it(tmp_path):
    room = tmp_path / "room.yaml"
    room.write_text("machine: 3\n")
    options = LabOptions(site=tmp_path / "site.yaml", room=room, port=0, folder=tmp_path / "lab")
    with pytest.raises(LabTrouble, match=r"machine.*is not an option"):
        await Lab(options).run()


async def test_a_cut_event_stream_is_resumed_behind_the_last_event():
    asked = []
    last = f"id: 8\nevent: state\ndata: {json.dumps(STATE_EVENT)}\n\n".encode()

    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield f"id: 7\nevent: node\ndata: {json.dumps(NODE_EVENT)}\n\n".encode()
            raise httpx.ReadError("cut")

    def answer(request):
        asked.append(request.headers.get("Last-Event-ID"))
        if len(asked) == 1:
            return httpx.Response(200, stream=Cut())
        return httpx.Response(200, content=last)

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://lab"
    ) as client:
        seen = [event async for event in _events(client, "t")]
    assert seen == [NODE_EVENT, STATE_EVENT]
    assert asked == [None, "7"]


def test_what_was_said_anywhere_in_a_tree_is_found():
    assert said_in(TaskTree.model_validate(TREE)) == [MESSAGE]
