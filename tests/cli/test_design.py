import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drydockd.design.validate import status_document
from drydockd.site import Finding, Level
from tests.cli.designs import SMALL, drydock
from tests.designs import NAMES, answers, design_path

CATALOGUE = "jammy: [ga-22.04]\n"


@pytest.fixture
def small(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


@pytest.mark.parametrize("name", NAMES)
def test_validating_a_design_gives_the_status_object_and_its_exit_code(name):
    expected = answers(name, "findings")
    errors = [code for code, level, *_ in expected["findings"] if level == "Error"]

    result = drydock("design", "validate", design_path(name), "-o", "json")

    status = json.loads(result.stdout)
    assert status["code"] == (400 if errors else 200)
    assert result.exit_code == (1 if errors else 0)
    told = [m["name"] for m in status["details"]["messageList"] if m["error"]]
    assert sorted(told) == sorted(errors)
    assert status["details"]["errorCount"] == len(errors)


def test_the_table_says_what_is_wrong_where_and_what_would_be_right(small):
    small.write_text(SMALL.replace("10.9.0.12", "10.9.0.11"))

    result = drydock("design", "validate", small)

    assert result.exit_code == 1
    assert "DD2005" in result.stdout
    assert "BaremetalNode w02" in result.stdout
    assert "Give every node an address of its own." in result.stdout
    assert "1 error" in result.stdout


def test_a_valid_design_exits_with_0_and_a_catalogue_silences_the_warning(small, tmp_path):
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(CATALOGUE)

    warned = drydock("design", "validate", small)
    quiet = drydock("design", "validate", small, "--catalogue", catalogue)

    assert (warned.exit_code, quiet.exit_code) == (0, 0)
    assert "DD3001" in warned.stdout
    assert "DD3001" not in quiet.stdout
    assert "0 errors, 0 warnings, 34 rules passed" in quiet.stdout


def test_several_designs_are_a_map_of_status_objects_and_one_bad_one_fails(small):
    result = drydock("design", "validate", small, design_path("missing-profile"), "-o", "json")

    statuses = json.loads(result.stdout)
    assert [status["code"] for status in statuses.values()] == [200, 400]
    assert list(statuses) == [str(small), str(design_path("missing-profile"))]
    assert result.exit_code == 1


def test_design_href_is_the_same_as_an_argument(small):
    result = drydock("design", "validate", "--design-href", small.as_uri(), "-o", "json")

    assert json.loads(result.stdout)["code"] == 200


@pytest.fixture
def daemon():
    """Answers as POST validatedesign does; gives the requests it got."""
    requests, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            requests.append((self.path, json.loads(self.rfile.read(length))))
            code, body = answers.pop()
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests, answers
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("level", ["Error", "Warning"])
def test_with_a_url_the_daemon_judges_the_reference(daemon, small, level):
    url, requests, answers = daemon
    finding = Finding("DD2005", Level(level), "Duplicated IP Check: theirs", "hint", ts="T")
    status = status_document([finding])
    answers.append((status["code"], status))

    result = drydock(
        "--url", url, "design", "validate", "--design-href", "http://x/d", "-o", "json"
    )

    assert json.loads(result.stdout) == status
    assert result.exit_code == (1 if level == "Error" else 0)
    assert requests == [("/api/v1.0/validatedesign", {"href": "http://x/d"})]


def test_with_a_url_a_file_is_still_judged_here(daemon, small):
    url, requests, _ = daemon

    assert drydock("--url", url, "design", "validate", small).exit_code == 0
    assert not requests


def test_a_daemon_that_refuses_is_one_line_and_exit_code_2(daemon):
    url, _, answers = daemon
    answers.append((403, {"type": "error", "message": "Forbidden", "retry": False}))

    result = drydock("--url", url, "design", "validate", "--design-href", "http://x/d")

    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_standard_input_is_a_design():
    result = drydock("design", "validate", "-", "-o", "json", stdin=SMALL.encode())

    assert json.loads(result.stdout)["code"] == 200


@pytest.mark.parametrize(
    "source", ["/nowhere/site.yaml", "file:///nowhere/site.yaml", "gopher://host/design"]
)
def test_what_cannot_be_loaded_exits_with_2_and_says_so(source):
    result = drydock("design", "validate", source)

    assert result.exit_code == 2
    assert source in result.stderr
    assert "Traceback" not in result.stderr


def test_validating_nothing_is_a_usage_error():
    assert drydock("design", "validate").exit_code == 2


def test_a_syntax_error_is_a_finding_with_its_line():
    result = drydock("design", "validate", "-", stdin=b"a: 1\nb: [\n")

    assert result.exit_code == 1
    assert "DD000" in result.stdout
    assert "line" in result.stdout


@pytest.mark.parametrize("content", ["jammy: ga", "- x", "{"])
def test_a_catalogue_of_another_shape_is_refused(small, tmp_path, content):
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(content)

    result = drydock("design", "validate", small, "--catalogue", catalogue)

    assert result.exit_code == 2
    assert str(catalogue) in result.stderr


def test_show_says_which_document_gave_each_value(small):
    result = drydock("design", "show", small, "--node", "w01")

    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == "# BaremetalNode w01 -> HostProfile worker -> HostProfile base"
    assert "image: jammy  # HostProfile base" in lines
    assert "- gpu  # BaremetalNode w01" in lines
    assert "- worker  # HostProfile worker" in lines
    assert "s3cret" not in result.output


@pytest.mark.parametrize("command", ["show", "render"])
def test_an_unknown_node_is_named_with_those_there_are(small, command):
    result = drydock("design", command, small, "--node", "w99")

    assert result.exit_code == 1
    assert "no node w99" in result.stderr
    assert "w01, w02" in result.stderr


@pytest.mark.parametrize("command", ["show", "render"])
def test_a_design_that_does_not_compile_is_not_worked_with(command):
    result = drydock("design", command, design_path("missing-profile"), "--node", "orphan")

    assert result.exit_code == 2
    assert "c6100-primary" in result.stderr


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], ["w01", "w02"]),
        (["--node-names", "w02"], ["w02"]),
        (["-n", "w02", "-t", "gpu"], ["w01", "w02"]),
        (["--node-tags", "prod"], ["w01", "w02"]),
        (["--rack-names", "r1"], ["w01"]),
        (["--node-labels", "tier=2,team=none"], ["w01", "w02"]),
        (["--rack-labels", "row=1"], []),
    ],
)
def test_filter_prints_the_names_in_design_order(small, options, names):
    result = drydock("design", "filter", small, *options)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == names


def test_a_node_that_does_not_exist_is_named_with_the_nearest(small):
    result = drydock("design", "filter", small, "--node-names", "w02, w0x")

    assert (result.exit_code, result.stdout) == (3, "w02\n")
    assert "no node of the design is called w0x; did you mean w0" in result.stderr


def test_a_filter_file_is_a_filter_as_the_api_takes_it(small, tmp_path):
    raw = {
        "filter_set_type": "union",
        "filter_set": [{"filter_type": "intersection", "node_tags": ["gpu"]}],
    }
    file = tmp_path / "filter.json"
    file.write_text(json.dumps(raw))

    result = drydock("design", "filter", small, "--filter-file", file)

    assert result.stdout.splitlines() == ["w01"]


def test_a_wrong_filter_names_the_key(small, tmp_path):
    file = tmp_path / "filter.yaml"
    file.write_text("filter_set_type: union\nfilter_set: [{filter_type: union, nodes: [w01]}]\n")

    result = drydock("design", "filter", small, "--filter-file", file)

    assert result.exit_code == 1
    assert "nodes" in result.stderr


def test_a_filter_file_excludes_filter_options(small, tmp_path):
    file = tmp_path / "filter.yaml"
    file.write_text("filter_set_type: union\nfilter_set: []\n")

    assert drydock("design", "filter", small, "--filter-file", file, "-n", "w01").exit_code == 2
    assert drydock("design", "filter", small, "--node-labels", "tier").exit_code == 2


def test_diff_can_fail_a_pipeline(small, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(SMALL.replace("image: jammy", "image: noble"))

    assert drydock("design", "diff", small, small, "--exit-code").exit_code == 0
    assert drydock("design", "diff", small, changed).exit_code == 0
    result = drydock("design", "diff", small, changed, "--exit-code")

    assert result.exit_code == 1
    assert "~ image: jammy -> noble" in result.stdout
    assert "2 changed, 0 added, 0 removed, 0 unchanged" in result.stdout


def test_diff_as_json_holds_both_values(small, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(SMALL.replace("10.9.0.12", "10.9.0.99"))

    result = drydock("design", "diff", small, changed, "-o", "json")

    found = json.loads(result.stdout)
    assert found["changed"]["w02"]["addresses"] == {"lan": ["10.9.0.12", "10.9.0.99"]}
    assert found["unchanged"] == 1
