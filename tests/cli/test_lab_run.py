import socket

import httpx
import pytest

from drydockd.cli.lab_run import Lab, LabOptions, LabTrouble, _events, _listener, _settings


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
    settings = _settings(tmp_path, "http://127.0.0.1:9000", LabOptions(site=site))
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

    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b'id: 7\nevent: node\ndata: {"n": 1}\n\n'
            raise httpx.ReadError("cut")

    def answer(request):
        asked.append(request.headers.get("Last-Event-ID"))
        if len(asked) == 1:
            return httpx.Response(200, stream=Cut())
        return httpx.Response(200, content=b'id: 8\nevent: state\ndata: {"n": 2}\n\n')

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://lab"
    ) as client:
        seen = [event async for event in _events(client, "t")]
    assert seen == [("node", {"n": 1}), ("state", {"n": 2})]
    assert asked == [None, "7"]
