import re

import pytest

from drydockd.design.validate import status_document
from drydockd.errors import Busy
from drydockd.site import DocumentRef, Finding, Level
from tests.cases import CASES
from tests.handlers.helpers import JSON, REF, SITE, V1, daemon


async def test_a_valid_design_passes_with_one_message_per_rule(drydock):
    answer = await drydock.post(f"{V1}/validatedesign", {"rel": "design", "href": REF})
    shown = answer.json()
    assert (answer.status_code, shown["code"], shown["status"]) == (200, 200, "Success")
    assert (shown["message"], shown["reason"]) == ("Site design passed validation", None)
    assert shown["details"]["errorCount"] == 0
    message = shown["details"]["messageList"][0]
    assert message["kind"] == "ValidationMessage"
    assert message["message"] == "Rational Boot Storage: Validation successful."
    assert set(message) == {
        "kind",
        "name",
        "message",
        "error",
        "level",
        "diagnostic",
        "ts",
        "documents",
    }


async def test_asking_again_gives_the_same_fresh_answer(drydock):
    async def ask():
        shown = (await drydock.post(f"{V1}/validatedesign", {"href": REF})).json()
        return [m["message"] for m in shown["details"]["messageList"]]

    first = await ask()
    assert await ask() == first
    assert await ask() == first


async def test_an_invalid_design_is_400_with_the_findings(drydock, tmp_path):
    twice = tmp_path / "site.yaml"
    twice.write_text(duplicate_addresses(SITE.read_text()))
    answer = await drydock.post(f"{V1}/validatedesign", {"href": twice.as_uri()})
    shown = answer.json()
    assert (answer.status_code, shown["code"], shown["status"]) == (400, 400, "Failure")
    assert shown["message"] == "Site design failed validation."
    assert shown["reason"] == "See detail messages."
    found = [m for m in shown["details"]["messageList"] if m["error"]]
    assert shown["details"]["errorCount"] == len(found) > 0
    assert {m["name"] for m in found} == {"DD2005"}
    assert all(document["schema"].startswith("drydock/") for document in found[0]["documents"])


async def test_a_boot_action_that_cannot_render_fails_validation_and_dry_run(drydock, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_bytes(CASES["ba-template-typo"])
    answer = await drydock.post(f"{V1}/validatedesign", {"href": site.as_uri()})
    task = {"action": "deploy_nodes", "design_ref": site.as_uri(), "dry_run": True}
    plan = await drydock.post(f"{V1}/tasks", task)

    for messages in (
        answer.json()["details"]["messageList"],
        plan.json()["findings"],
    ):
        (found,) = [m for m in messages if m["name"] == "DD2911" and m["error"]]
        assert "node1: boot action hello, file /etc/hello" in found["message"]
        assert "'oma' (line 1)" in found["message"]


def duplicate_addresses(text: str) -> str:
    """Give the second node every static address of the first."""
    first, second = (m.start() for m in list(re.finditer(r"name: a0[12]-\w+\}", text)))
    third = text.index("name: a03-compute}")
    addresses = re.findall(r"address: ([0-9.]+)", text[first:second])
    theirs = iter(addresses)
    body = re.sub(
        r"address: [0-9.]+", lambda m: f"address: {next(theirs, m[0][9:])}", text[second:third]
    )
    return text[:second] + body + text[third:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Request body must not be empty for validation."),
        (b"{}", 'The "href" key must be provided in the request body.'),
        (b'{"href": "  "}', 'The "href" key must be provided in the request body.'),
        (b'{"href": 5}', 'The "href" key must be provided in the request body.'),
        (b'{"rel": "design", "hrfe": "file:///x"}', "'hrfe': unknown key, did you mean href?"),
        (b"[]", 'The "href" key must be provided in the request body.'),
        (b"{", f"{V1}/validatedesign: Invalid JSON in body: "),
    ],
)
async def test_what_is_no_request_is_400(drydock, content, message):
    answer = await drydock.http.post(
        f"{V1}/validatedesign", headers=drydock.admin | JSON, content=content
    )
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


@pytest.mark.parametrize(
    ("document", "name"),
    [("a: [", "DD000"), ("schema: drydock/BaremetalNode/v1\nmetadata: {name: x}\n", "DD001")],
)
async def test_documents_that_cannot_be_read_give_a_status_object(
    drydock, tmp_path, document, name
):
    (tmp_path / "bad.yaml").write_text(document)
    answer = await drydock.post(f"{V1}/validatedesign", {"href": (tmp_path / "bad.yaml").as_uri()})
    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (400, "Failure")
    # The same document as that of `drydock design validate`: never without a message.
    assert shown["message"] == "Site design failed validation."
    assert shown["reason"] == "See detail messages."
    assert {m["name"] for m in shown["details"]["messageList"] if m["error"]} == {name}


@pytest.mark.parametrize(
    "href", ["nonsense", "gopher://x/", "file:///nowhere", "http://127.0.0.1:9/"]
)
async def test_a_reference_that_leads_nowhere_is_one_dd000(tmp_path, href):
    async with daemon(tmp_path, network={"allowed_hosts": ("127.0.0.1",)}) as drydock:
        answer = await drydock.post(f"{V1}/validatedesign", {"href": href})
        assert answer.status_code == 400
        [message] = answer.json()["details"]["messageList"]
        assert (message["name"], message["error"]) == ("DD000", True)


async def test_documents_of_others_pass_with_a_warning(drydock, tmp_path):
    (tmp_path / "other.yaml").write_text("schema: other/Thing/v1\nmetadata: {name: x}\ndata: {}\n")
    answer = await drydock.post(
        f"{V1}/validatedesign", {"href": (tmp_path / "other.yaml").as_uri()}
    )
    assert answer.status_code == 200
    assert "Warning" in {m["level"] for m in answer.json()["details"]["messageList"]}


def test_a_warning_does_not_fail_a_design():
    finding = Finding("DD2006", Level.WARNING, "x", documents=(DocumentRef("s", "n"),))
    shown = status_document([finding])
    assert (shown["status"], shown["details"]["errorCount"]) == ("Success", 0)
    assert shown["details"]["messageList"][0]["documents"] == [{"schema": "s", "name": "n"}]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "designs"),
        ("POST", "designs"),
        ("GET", "designs/x"),
        ("GET", "designs/x/parts"),
        ("POST", "designs/x/parts"),
        ("GET", "designs/x/parts/Region"),
        ("GET", "designs/x/parts/Region/y"),
    ],
)
async def test_designs_are_gone(drydock, method, path):
    answer = await drydock.http.request(method, f"{V1}/{path}", headers=drydock.admin)
    assert answer.status_code == 410
    assert answer.json()["type"] == "error"


async def test_a_full_queue_is_503_and_says_when_to_come_again(drydock, monkeypatch):
    async def load(*_, **__):
        raise Busy("too many fetches wait", retry_after=7)

    monkeypatch.setattr(drydock.app.services.designs, "load", load)
    answer = await drydock.post(f"{V1}/validatedesign", {"href": REF})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert answer.json()["retry"] is True
