"""The tables of the API contract, row by row, against one running daemon.

Sections and cases are those of contract, api; what needs more than one request has its own
test beside the handler. `want` is the status code, then pairs of a dotted path into the JSON
answer (or ``header:Name``) and its value; ``...`` means: is there.
"""

import uuid

from drydockd.model import BootActionStatus, BuildData, timestamp
from drydockd.store import Put
from tests.handlers.helpers import JSON, REF, V1, daemon

NODE = "a01-control"
NO_TASK = "00000000-0000-4000-8000-000000000000"
BAD_FILTER = {"filter_set_type": "union", "filter_sets": []}
BARE = "bare"  # without a token

ROWS = [
    # 1 conventions
    ("1 trailing slash", "GET", "/tasks/", {}, 200),
    ("1 double slash", "POST", "/bootactions//{final}/", {"headers": "key", "json": {}}, 200),
    ("1 head", "HEAD", "/tasks", {}, 200),
    ("1 charset", "POST", "/nodefilter", {"type": "application/json; charset=utf-8"}, 200),
    ("1 boolean in query", "GET", "/tasks/{task}?builddata=perhaps", {}, 400),
    ("1 blank boolean", "GET", "/tasks/{task}?builddata=", {}, 200, "build_data", ...),
    ("1 body limit", "POST", "/tasks", {"content": b" " * (1 << 21)}, 413),
    # 1.1 and 1.2 errors
    ("1.2 unknown path", "GET", "/x", {}, 404, "title", "404 Not Found", "type", "error"),
    ("1.2 other method", "PUT", "/tasks", {}, 405, "header:Allow",
     "DELETE, GET, HEAD, OPTIONS, POST", "title", "405 Method Not Allowed"),
    ("1.2 no identity", "GET", "/tasks", {"headers": BARE}, 401, "message", "Unauthenticated",
     "retry", False, "header:WWW-Authenticate", ...),
    ("1.2 no permission", "GET", "/tasks", {"headers": "member"}, 403, "message", "Forbidden"),
    # 1.3 options
    ("1.3 options", "OPTIONS", "/tasks", {"headers": BARE}, 200, "header:Allow",
     "GET,HEAD,POST,DELETE,OPTIONS"),
    ("1.3 with a parameter", "OPTIONS", "/tasks/{task}", {"headers": BARE}, 200, "header:Allow",
     "GET,HEAD,OPTIONS"),
    ("1.3 other family", "OPTIONS", "/bootactions/{final}", {"headers": BARE}, 200,
     "header:Allow", "POST,OPTIONS"),
    # 1.4 headers
    ("1.4 request id", "GET", "/tasks", {}, 200, "header:X-Drydock-Req", ...),
    # 3 versions and health
    ("3 versions", "GET", "//versions", {"headers": BARE}, 200, "v1.0.path", ...),
    ("3 health", "GET", "/health", {"headers": BARE}, 204),
    ("3 extended", "GET", "/health/extended", {}, 200, "status", "Success", "code", 200,
     "details.errorCount", 0, "message", "", "reason", "HealthCheck"),
    # 4.1, 4.2 tasks
    ("4.1 list", "GET", "/tasks", {}, 200, "0.kind", "Task", "0.task_id", ...),
    ("4.2 created", "POST", "/tasks", {"json": {"action": "validate_design", "design_ref": REF}},
     201, "status", "queued", "header:Location", ...),
    *(
        (f"4.2 {name}", "POST", "/tasks",
         {"json": {"action": name, "design_ref": REF, "dry_run": True, "all_nodes": True}}, 200,
         "action", stored)
        for name, stored in (
            ("validate_design", "validate_design"), ("verify_site", "verify_site"),
            ("prepare_site", "prepare_site"), ("verify_nodes", "verify_nodes"),
            ("verify_node", "verify_nodes"), ("prepare_nodes", "prepare_nodes"),
            ("prepare_node", "prepare_nodes"), ("deploy_nodes", "deploy_nodes"),
            ("deploy_node", "deploy_nodes"), ("destroy_nodes", "destroy_nodes"),
            ("destroy_node", "destroy_nodes"), ("relabel_nodes", "relabel_nodes"),
            ("relabel_node", "relabel_nodes"),
        )
    ),
    ("4.2 unknown action", "POST", "/tasks", {"json": {"action": "x", "design_ref": REF}}, 400,
     "message", "Unsupported action x"),
    ("4.2 internal action", "POST", "/tasks", {"json": {"action": "noop", "design_ref": REF}},
     400, "message", "Unsupported action noop"),
    ("4.2 no design_ref", "POST", "/tasks", {"json": {"action": "verify_site"}}, 400, "message",
     "Task creation requires fields design_ref, action"),
    ("4.2 empty body", "POST", "/tasks", {"content": b""}, 400),
    ("4.2 malformed", "POST", "/tasks", {"content": b"{"}, 400),
    ("4.2 not JSON", "POST", "/tasks", {"content": b"x", "type": "text/plain"}, 400),
    ("4.2 an array", "POST", "/tasks", {"content": b"[]"}, 400),
    ("4.2 bad filter", "POST", "/tasks",
     {"json": {"action": "verify_nodes", "design_ref": REF, "node_filter": BAD_FILTER}}, 400),
    # 4.3 retention
    ("4.3 absent", "DELETE", "/tasks", {}, 200, "message", "Tables purged successfully.",
     "tasks", 0),
    ("4.3 not a number", "DELETE", "/tasks?days=x", {}, 400),
    ("4.3 negative", "DELETE", "/tasks?days=-1", {}, 400),
    # 4.4 show
    ("4.4 plain", "GET", "/tasks/{task}", {}, 200, "task_id", ..., "apiVersion", "v1"),
    ("4.4 layers", "GET", "/tasks/{task}?layers=1", {}, 200, "init_task_id", ...),
    ("4.4 layers unparsable", "GET", "/tasks/{task}?layers=x", {}, 200, "kind", "Task"),
    ("4.4 subtaskerrors", "GET", "/tasks/{task}?subtaskerrors=true", {}, 200, "subtask_errors", {}),
    ("4.4 unknown", "GET", f"/tasks/{NO_TASK}", {}, 404, "message",
     f"Task {NO_TASK} does not exist"),
    ("4.4 no UUID", "GET", "/tasks/x", {}, 404, "message", "Task x does not exist"),
    # 4.5 build data
    ("4.5 some", "GET", "/tasks/{task}/builddata", {}, 200, "0.generator", "lshw"),
    ("4.5 none", "GET", f"/tasks/{NO_TASK}/builddata", {}, 404, "type", "error"),
    ("4.5 no UUID", "GET", "/tasks/x/builddata", {}, 404),
    # 5, 6 nodes
    ("5 nodes", "GET", "/nodes", {}, 200),
    ("6.1 all", "POST", "/nodefilter", {"json": {"design_ref": REF}}, 200, "0", NODE),
    ("6.1 no design_ref", "POST", "/nodefilter", {"json": {}}, 400, "message",
     "Missing input required value: design_ref"),
    ("6.1 unresolvable", "POST", "/nodefilter", {"json": {"design_ref": "file:///x"}}, 400),
    ("6.1 malformed", "POST", "/nodefilter", {"content": b"{"}, 400),
    ("6.1 bad filter", "POST", "/nodefilter",
     {"json": {"design_ref": REF, "node_filter": BAD_FILTER}}, 400),
    ("6.2 some", "GET", f"/nodes/{NODE}/builddata", {}, 200, "0.collected_date", ...),
    ("6.2 latest", "GET", f"/nodes/{NODE}/builddata?latest=True", {}, 200, "0.data_element", ...),
    ("6.2 none", "GET", "/nodes/x/builddata", {}, 404, "message", "No build data found"),
    # 7 boot actions
    ("7.1 units", "GET", f"/bootdata/{NODE}/units", {"headers": "node"}, 200,
     "header:Content-Disposition", f'attachment; filename="{NODE}-unit.tar.gz"'),
    ("7.1 files", "GET", f"/bootactions/nodes/{NODE}/files", {"headers": "node"}, 200,
     "header:Content-Type", "application/gzip"),
    ("7 no context", "GET", "/bootdata/x/units", {"headers": BARE}, 404, "description",
     "Error locating boot action for x", "title", "404 Not Found"),
    ("7 no action", "POST", "/bootaction/01J9ZC7M3W8Q6N2V5R4T1XKPHB", {"headers": BARE}, 404),
    ("7 unreadable id", "POST", "/bootaction/x", {"headers": BARE}, 404),
    ("7 no key", "POST", "/bootaction/{action}", {"headers": BARE}, 401, "title", "Unauthorized",
     "description", "No X-Bootaction-Key", "header:WWW-Authenticate", "Bootaction-Key"),
    ("7 wrong key", "POST", "/bootaction/{action}", {"headers": "node"}, 403, "title",
     "Unauthorized", "description", "Invalid X-Bootaction-Key"),
    ("7 body", "POST", "/bootaction/{action}", {"headers": "key", "json": {"status": "x"}}, 400,
     "description", "Error processing body."),
    ("7 unreported", "POST", "/bootaction/{silent}", {"headers": "silent", "json": {}}, 409,
     "title", "409 Conflict"),
    ("7.2 report", "POST", "/bootaction/{action}",
     {"headers": "key", "json": {"details": [{"message": "m", "error": False}]}}, 200,
     "node_name", NODE, "action_status", "incomplete", "action_name", ..., "task_id", ...),
    # 8 validation
    ("8 valid", "POST", "/validatedesign", {"json": {"href": REF}}, 200, "status", "Success",
     "message", "Site design passed validation"),
    ("8 empty", "POST", "/validatedesign", {"content": b""}, 400, "message",
     "Request body must not be empty for validation."),
    ("8 no href", "POST", "/validatedesign", {"json": {}}, 400, "message",
     'The "href" key must be provided in the request body.'),
    ("8 unresolvable", "POST", "/validatedesign", {"json": {"href": "file:///x"}}, 400,
     "status", "Failure", "details.messageList.0.name", "DD000",
     # Never null: contract, validation, section 2.
     "message", "Site design failed validation."),
    # 9 designs
    ("9 gone", "GET", "/designs", {}, 410, "type", "error"),
    ("9 gone for good", "POST", "/designs/x/parts", {"json": {}}, 410),
    ("9 options", "OPTIONS", "/designs/x", {"headers": BARE}, 200),
]  # fmt: skip


def test_every_row_has_a_name_of_its_own():
    names = [row[0] for row in ROWS]
    assert len(set(names)) == len(names)


async def test_every_row_of_the_tables(tmp_path):
    # Given a daemon with a finished task, build data and a deployed node
    async with daemon(tmp_path, auth={"throttle_failures": 100_000}) as drydock:
        task = await drydock.task(action="validate_design")
        store = drydock.app.services.store
        await store.write(
            Put(BuildData(NODE, task["task_id"], timestamp(), "lshw", "text/xml", "<list/>"))
        )
        node = await drydock.deployed(NODE, task["task_id"])
        waited = next(r for r in node.actions.values() if r.status is BootActionStatus.INCOMPLETE)
        silent = next(r for r in node.actions.values() if r.status is BootActionStatus.UNREPORTED)
        headers = {
            BARE: {},
            "admin": drydock.admin,
            "member": {"X-Auth-Token": drydock.token("member")},
            "node": {"X-Bootaction-Key": node.key},
            "key": {"X-Bootaction-Key": node.action_keys[waited.name]},
            "silent": {"X-Bootaction-Key": node.action_keys[silent.name]},
        }
        ids = {
            "task": task["task_id"],
            "action": waited.action_id,
            "final": waited.action_id,
            "silent": silent.action_id,
        }
        # When each row is asked, then each answers as the table says.
        wrong = []
        for name, method, path, how, *want in ROWS:
            answer = await ask(drydock, method, path.format(**ids), how, headers)
            wrong += [f"{name}: {text}" for text in differences(answer, want)]
        assert wrong == []


async def ask(drydock, method, path, how, headers):
    url = path[1:] if path.startswith("//versions") else V1 + path
    sent = dict(headers[how.get("headers", "admin")])
    if "json" in how:
        return await drydock.http.request(method, url, headers=sent, json=how["json"])
    if "type" in how or "content" in how:
        sent["Content-Type"] = how.get("type", JSON["Content-Type"])
        content = how.get("content", f'{{"design_ref": "{REF}"}}'.encode())
        return await drydock.http.request(method, url, headers=sent, content=content)
    return await drydock.http.request(method, url, headers=sent)


def differences(answer, want):
    status, *pairs = want
    if answer.status_code != status:
        yield f"{answer.status_code} instead of {status}: {answer.text[:200]}"
        return
    uuid.UUID(answer.headers["X-Drydock-Req"], version=4)
    for where, value in zip(pairs[::2], pairs[1::2], strict=True):
        found = at(answer, where)
        if (value is ... and found is None) or (value is not ... and found != value):
            yield f"{where} is {found!r} instead of {value!r}"


def at(answer, where):
    if where.startswith("header:"):
        return answer.headers.get(where.removeprefix("header:"))
    found = answer.json()
    parts = ["v1.0", "path"] if where == "v1.0.path" else where.split(".")
    for part in parts:
        found = found[int(part)] if isinstance(found, list) else found.get(part)
    return found
