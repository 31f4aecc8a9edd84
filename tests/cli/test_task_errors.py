from drydockd.api.result import SubtaskResult
from drydockd.cli.task_errors import causes, lines
from tests.api.examples import MESSAGE, RESULT


def result(*said, failures=()):
    details = {"errorCount": len(said), "messageList": [MESSAGE | one for one in said]}
    return SubtaskResult.model_validate(
        RESULT | {"task_id": "t", "failures": list(failures), "details": details}
    )


def on(node, text, ts="T2"):
    return {"context": node, "message": text, "ts": ts}


def test_a_cause_is_told_once_with_its_nodes_and_not_again_as_the_task_repeats_it():
    found = {
        "top": result(
            on("n1", "Node n1 failed deploy_node: n1: no answer from 10.0.0.1"),
            on("n2", "Node n2 failed deploy_node: n2: no answer from 10.0.0.2"),
        ),
        "c1": result(on("n1", "n1: no answer from 10.0.0.1", ts="T1")),
        "c2": result(on("n2", "n2: no answer from 10.0.0.2")),
        "c3": result(on("n3", "n3: another thing")),
    }
    assert list(lines(causes(found))) == [
        "2 nodes: n1, n2, first T1",
        "  n1: no answer from 10.0.0.1",
        "1 node: n3, first T2",
        "  n3: another thing",
    ]


def test_what_was_tried_again_says_how_often():
    found = {"c1": result(on("n1", "x")), "c2": result(on("n1", "x")), "c3": result(on("n1", "x"))}
    assert next(lines(causes(found))) == "1 node: n1, 3 times, first T2"


def test_a_finding_has_code_document_line_and_remedy():
    said = {
        "context_type": "document",
        "context": "n1",
        "message": "Duplicated IP Check: 10.0.0.1 is n2's",
        "ts": "T1",
        "extra": {
            "name": "DD2005",
            "level": "Error",
            "diagnostic": "give each its own",
            "documents": [{"schema": "drydock/BaremetalNode/v1", "name": "n1"}],
            "line": 7,
        },
    }
    assert list(lines(causes({"top": result(said)}))) == [
        "DD2005, drydock/BaremetalNode/v1 n1, line 7, first T1",
        "  Duplicated IP Check: 10.0.0.1 is n2's",
        "  to do: give each its own",
    ]


def test_what_a_node_reported_itself_is_told_under_its_name():
    said = {"context_type": "bootaction", "context": "01J9", "message": "no disk", "ts": "T1"}
    assert list(lines(causes({"c": result(said, failures=["n1"])}))) == [
        "1 node: n1, first T1",
        "  no disk",
    ]


def test_what_is_said_again_with_more_is_told_once():
    found = {
        "a": result(on("n1", "Boot action x timed out."), on("n2", "Boot action x timed out.")),
        "b": result(on("n1", "Boot action x timed out. n1 never fetched its boot data.")),
    }
    assert list(lines(causes(found))) == [
        "1 node: n2, first T2",
        "  Boot action x timed out.",
        "1 node: n1, first T2",
        "  Boot action x timed out. n1 never fetched its boot data.",
    ]
