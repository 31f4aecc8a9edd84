"""The examples of docs/cluster.md do what the page says: real balancers over small servers."""

import ast
import contextlib
import http.client
import itertools
import os
import re
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from drydockd import parts
from drydockd.config import load
from tests.docs.pages import ROOT, page
from tests.peers.certificates import Authority
from tests.peers.keystone import free_port

CONF = ROOT / "conf" / "cluster"
NAME = "drydock.example"
# So often is something asked that will be so at once; a machine at work may take longer.
PATIENCE = 400


class Daemon(ThreadingHTTPServer):
    """Answers its name; `is_fit` is what its health says, `status` what everything else does."""

    daemon_threads = True

    def __init__(self, name, context=None):
        super().__init__(("127.0.0.1", 0), Answer)
        self.name, self.is_fit, self.status = name, True, 200
        self.seen = []
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"

    def end(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A balancer that hangs up is none."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        daemon = self.server
        if self.path == "/api/v1.0/health":
            self.send_response(204 if daemon.is_fit else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = int(self.headers.get("Content-Length", 0))
        self.rfile.read(size)
        daemon.seen.append((self.command, self.headers.get("X-Forwarded-For")))
        said = daemon.name.encode()
        self.send_response(daemon.status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


class Balanced:
    """A balancer before three daemons; `get` and `post` ask as people do, `node` as nodes do."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = Authority(folder)
        context, _ = self.authority.context(NAME)
        self.daemons = [Daemon(f"d{n}", context) for n in (1, 2, 3)]
        self.for_nodes = [Daemon(f"n{n}") for n in (1, 2, 3)]
        self.port, self.node_port = free_port(), free_port()

    def adapted(self, text):
        """The example with the addresses and files of this machine."""
        for number, (api, nodes) in enumerate(
            zip(self.daemons, self.for_nodes, strict=True), start=1
        ):
            text = text.replace(f"192.0.2.1{number}:9000", api.address)
            text = text.replace(f"192.0.2.1{number}:9001", nodes.address)
        text = re.sub(r"/etc/(haproxy|nginx)/ca\.pem", str(self.authority.file), text)
        text = re.sub(r"/etc/(haproxy|nginx)/drydockd\.\w+", str(self.authority.pair), text)
        for port, here in ((9000, self.port), (9001, self.node_port)):
            text = re.sub(rf"(bind|listen) :?{port}\b", rf"\1 127.0.0.1:{here}", text)
        said = re.sub(r"#.*", "", text)
        assert "192.0.2" not in said
        assert "/etc/" not in said
        return text

    def get(self, path="/api/v1.0/tasks"):
        return self._ask("GET", path=path)

    def post(self):
        return self._ask("POST")

    def node(self):
        return self._ask("POST", is_node=True)

    def _ask(self, method, *, is_node=False, path="/api/v1.0/tasks"):
        """Return the status and who answered."""
        if is_node:
            connection = http.client.HTTPConnection("127.0.0.1", self.node_port, timeout=30)
        else:
            context = ssl.create_default_context(cafile=self.authority.file)
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=30, context=context
            )
        with contextlib.closing(connection):
            connection.request(method, path, body=b"{}" if method == "POST" else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def until(self, is_so):
        """Ask until the answers to a round of nine are as they are to be."""
        for _ in range(PATIENCE):
            answers = [self.get() for _ in range(9)]
            if is_so(answers):
                return answers
        pytest.fail(f"still {answers}")

    def await_start(self, process):
        """Ask until somebody answers."""
        while process.poll() is None:
            try:
                return self.get()
            except (ConnectionError, http.client.HTTPException, ssl.SSLError):
                continue
        pytest.fail((self.folder / "said").read_text())

    def end(self):
        for daemon in (*self.daemons, *self.for_nodes):
            daemon.end()


@pytest.fixture
def balanced(tmp_path):
    found = Balanced(tmp_path)
    yield found
    found.end()


@contextlib.contextmanager
def running(balanced, *command):
    with (balanced.folder / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
    try:
        balanced.await_start(process)
        yield balanced
    finally:
        process.terminate()
        process.wait(30)


def checked(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def haproxy(balanced):
    """HAProxy with the example; it asks for health more often than on a site.

    Not too often: a check has to be connected before the next one is due.
    """
    text = balanced.adapted((CONF / "haproxy.cfg").read_text())
    # Who is not root cannot become another user, and here nobody takes a log.
    text = re.sub(r"^    (user|group|log) .*\n", "", text, flags=re.MULTILINE)
    assert "inter 2s" in text
    file = balanced.folder / "haproxy.cfg"
    file.write_text(text.replace("inter 2s", "inter 500ms"))
    checked("/usr/sbin/haproxy", "-c", "-f", str(file))
    with running(balanced, "/usr/sbin/haproxy", "-db", "-f", str(file)) as found:
        yield found


@pytest.fixture
def nginx(balanced):
    """nginx with the example, in the http block that Debian's nginx.conf has around it."""
    folder = balanced.folder
    (folder / "example.conf").write_text(balanced.adapted((CONF / "nginx.conf").read_text()))
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\n{paths}access_log off;\ninclude {folder}/example.conf;\n}}\n"
    )
    command = ("/usr/sbin/nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"))
    checked(*command, "-e", "stderr", "-t")
    with running(balanced, *command, "-e", "stderr") as found:
        yield found


def names(answers):
    assert {status for status, _ in answers} == {200}, answers
    return {name for _, name in answers}


def seen_by(daemons):
    return list(itertools.chain.from_iterable(daemon.seen for daemon in daemons))


@pytest.mark.peer("haproxy")
def test_haproxy_asks_all_daemons_and_none_that_is_not_fit(haproxy):
    assert names(haproxy.until(lambda found: len(set(found)) == 3)) == {"d1", "d2", "d3"}
    assert names([haproxy.node() for _ in range(9)]) == {"n1", "n2", "n3"}
    assert {told for _, told in seen_by(haproxy.daemons)} == {"127.0.0.1"}
    assert haproxy.get("/internal/cluster/waits")[0] == 404
    haproxy.daemons[1].is_fit = False
    assert names(haproxy.until(lambda found: len(set(found)) == 2)) == {"d1", "d3"}
    # A daemon that is not fit for people is not for nodes either.
    assert names([haproxy.node() for _ in range(9)]) == {"n1", "n3"}
    haproxy.daemons[1].is_fit = True
    haproxy.until(lambda found: len(set(found)) == 3)


@pytest.mark.peer("haproxy")
def test_haproxy_asks_somebody_when_nobody_is_fit(haproxy):
    for daemon in haproxy.daemons:
        daemon.is_fit, daemon.status = False, 418
    answers = haproxy.until(lambda found: {status for status, _ in found} == {418})
    assert {name for _, name in answers} <= {"d1", "d2", "d3"}


@pytest.mark.peer("haproxy")
def test_haproxy_repeats_only_what_reached_nobody(haproxy):
    haproxy.until(lambda found: len(set(found)) == 3)
    haproxy.for_nodes[0].end()
    assert names([haproxy.node() for _ in range(9)]) == {"n2", "n3"}
    haproxy.for_nodes[1].status = haproxy.for_nodes[2].status = 503
    before = len(seen_by(haproxy.for_nodes))
    assert [status for status, _ in (haproxy.node() for _ in range(4))] == [503] * 4
    assert len(seen_by(haproxy.for_nodes)) == before + 4


@pytest.mark.peer("nginx")
def test_nginx_asks_all_daemons_and_the_next_one_for_what_one_cannot_answer(nginx):
    assert names(nginx.until(lambda found: len(set(found)) == 3)) == {"d1", "d2", "d3"}
    assert {told for _, told in seen_by(nginx.daemons)} == {"127.0.0.1"}
    assert nginx.get("/internal/cluster/waits")[0] == 404
    nginx.daemons[1].status = 503
    assert names([nginx.get() for _ in range(9)]) == {"d1", "d3"}


@pytest.mark.peer("nginx")
def test_nginx_repeats_only_what_reached_nobody(nginx):
    nginx.for_nodes[0].end()
    assert names([nginx.node() for _ in range(9)]) == {"n2", "n3"}
    nginx.for_nodes[1].status = nginx.for_nodes[2].status = 503
    before = len(seen_by(nginx.for_nodes))
    assert 503 in {nginx.node()[0], nginx.node()[0]}
    assert len(seen_by(nginx.for_nodes)) <= before + 2


def said_anywhere():
    """Every text of the program, without what is put into it."""
    for path in (ROOT / "drydockd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_message_of_the_page_is_one_of_the_program():
    texts = "\0".join(said_anywhere())
    rows = [
        row
        for row in page("docs/cluster.md").rows
        if row.under[-1].startswith("What you see") and "What you see" in row.cells
    ]
    spans = [
        (row.where, span)
        for row in rows
        for span in row.code("What you see")
        if not span.startswith("drydock ")
    ]
    assert len(spans) > 10
    wrong = [
        f"{where}: nothing says {part!r}"
        for where, span in spans
        # What stands for a value: a number, a name, three full stops.
        for part in re.split(r"\.\.\.|'d1'|\bd1\b|: \d[\d.]*|\d[\d.]*", span)
        if part and part not in texts
    ]
    assert not wrong, "\n".join(wrong)


def test_the_example_of_a_daemon_is_a_configuration(tmp_path):
    text = (CONF / "drydockd.yaml").read_text()
    files = dict.fromkeys(yaml.safe_load(text)["api"][name] for name in ("tls_cert", "tls_key"))
    assert len(files) == 2
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "store.url").write_text("postgresql://drydock:p@pg1,pg2/drydock\n")
    environ = {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "DRYDOCKD_AUTH__STRATEGY": "jwt",
        "DRYDOCKD_PLUGINS__NODE_DRIVER": "fake",
    }
    settings = load([CONF / "drydockd.yaml"], environ, parts.schema()).settings
    assert settings.store.url.get_secret_value() == "postgresql://drydock:p@pg1,pg2/drydock"
    assert settings.cluster.name == "d1"


@pytest.mark.peer("systemd")
def test_the_drop_in_is_taken_by_systemd(tmp_path):
    unit = tmp_path / "drydockd.service"
    text = (ROOT / "systemd" / "drydockd.service").read_text()
    text = text.replace("\\\n", " ")
    text = re.sub(r"^(Exec\w+)=.*$", r"\1=/bin/true", text, flags=re.MULTILINE)
    unit.write_text(text)
    folder = tmp_path / "drydockd.service.d"
    folder.mkdir()
    (folder / "cluster.conf").write_text((CONF / "drydockd.service.d.conf").read_text())
    (tmp_path / "drydockd.socket").write_text((ROOT / "systemd" / "drydockd.socket").read_text())
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    told = [line for line in done.stderr.splitlines() if str(Path(tmp_path)) in line]
    assert not told, done.stderr
    assert done.returncode == 0, done.stderr
