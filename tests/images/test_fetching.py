"""Getting a file: what it is, and that it is the right one."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drydockd.errors import InvalidInput, NotFound, Unavailable
from drydockd.images import fetching
from drydockd.images.fetching import HEAD_BYTES, Checksum, fetch, kind_of

CONTENT = b"hsqs" + bytes(range(256)) * 40


def sum_of(content, kind="sha256"):
    return Checksum(kind, hashlib.new(kind, content).hexdigest())


@pytest.fixture
def url():
    """The URL of CONTENT on a server of its own; ``/gone`` is 404, ``/moved`` leads to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status = {"/gone": 404, "/moved": 302}.get(self.path, 200)
            self.send_response(status)
            self.send_header("Location", "/image")
            self.send_header("Content-Length", str(len(CONTENT) if status == 200 else 0))
            self.end_headers()
            if status == 200:
                self.wfile.write(CONTENT)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize("kind", ["sha256", "sha512"])
def test_a_file_is_copied_and_its_beginning_shown_first(tmp_path, kind):
    source, heads = tmp_path / "a", []
    source.write_bytes(CONTENT)
    checksum = sum_of(CONTENT, kind)
    fetch(str(source), tmp_path / "b", checksum, print, heads.append)
    assert (tmp_path / "b").read_bytes() == CONTENT
    assert heads[0][:HEAD_BYTES] == CONTENT[:HEAD_BYTES]


@pytest.mark.parametrize("path", ["/image", "/moved"])
def test_a_url_is_fetched_and_followed(tmp_path, url, path):
    said = []
    fetching_all = fetching.SAID_EVERY_BYTES
    fetching.SAID_EVERY_BYTES = 1000
    try:
        fetch(url + path, tmp_path / "b", sum_of(CONTENT), said.append, lambda head: None)
    finally:
        fetching.SAID_EVERY_BYTES = fetching_all
    assert (tmp_path / "b").read_bytes() == CONTENT
    assert said == [f"{url}{path}: 0 MiB"]


def test_another_checksum_names_both(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    wrong = sum_of(b"other")
    with pytest.raises(InvalidInput, match=f"is {sum_of(CONTENT).digits}, not {wrong.digits}"):
        fetch(str(tmp_path / "a"), tmp_path / "b", wrong, print, lambda head: None)


def test_what_cannot_be_had_says_why(tmp_path, url):
    def get(source):
        fetch(source, tmp_path / "b", sum_of(b""), print, lambda head: None)

    with pytest.raises(Unavailable, match="the server answered 404"):
        get(f"{url}/gone")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/x"):
        get("http://127.0.0.1:1/x")
    with pytest.raises(NotFound, match="no such file"):
        get(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("digits", ["", "abc", "g" * 64, "a" * 128])
def test_a_checksum_has_its_number_of_digits(digits):
    with pytest.raises(InvalidInput, match="a sha256 is 64 hexadecimal digits"):
        Checksum("sha256", digits)


@pytest.mark.parametrize(
    ("place", "magic", "kind"),
    [(0, b"hsqs", "squashfs"), (257, b"ustar", "tar"), (0, b"QFI\xfb", "qcow2"),
     (0, b"\x28\xb5\x2f\xfd", "tar"), (510, b"\x55\xaa", "raw"), (1080, b"\x53\xef", "raw")],
)  # fmt: skip
def test_a_file_is_known_by_its_beginning(place, magic, kind):
    assert kind_of(bytes(place) + magic + bytes(3000)) == kind


@pytest.mark.parametrize("head", [b"", b"PK\3\4", b"<html>"])
def test_what_is_no_system_is_refused(head):
    with pytest.raises(InvalidInput, match="no squashfs, no tar"):
        kind_of(head)
