from drydockd.model import Action, Caller
from drydockd.site import DocumentRef, Finding, Level
from drydockd.tasks.words import messages, records
from drydockd.tasks.words.requests import TaskRequest

PASSED = Finding("DD2003", Level.INFO, "MTU: fine")
WRONG = Finding("DD2003", Level.ERROR, "MTU: no", "1280", (DocumentRef("drydock/Network/v1", "p"),))


def test_a_finding_keeps_code_level_diagnostic_and_documents():
    document = DocumentRef("drydock/Network/v1", "pxe")
    finding = Finding("DD2003", Level.ERROR, "MTU: too small", "1280 or more", (document,))

    message = messages.of_finding("t1", finding)

    assert (message.message, message.error) == ("MTU: too small", True)
    assert (message.context_type, message.context) == ("document", "pxe")
    assert message.extra == {
        "name": "DD2003",
        "level": "Error",
        "diagnostic": "1280 or more",
        "documents": [{"schema": "drydock/Network/v1", "name": "pxe"}],
    }


def test_a_warning_about_nothing_in_particular_is_no_error():
    message = messages.of_finding("t1", Finding("DD3001", Level.WARNING, "not checked"))
    assert (message.error, message.context_type, message.context) == (False, "NA", "NA")


def test_what_is_said_of_a_node_is_no_error_unless_it_says_so():
    assert messages.on_node("t", "n1", "x").error is False
    assert messages.on_node("t", "n1", "x", error=True).error is True


def test_messages_are_whole_up_to_the_limit_and_visibly_cut_above():
    fits = messages.message("t", "x" * messages.MESSAGE_LIMIT)
    cut = messages.message("t", "x" * (messages.MESSAGE_LIMIT + 1))

    assert fits.message == "x" * messages.MESSAGE_LIMIT
    assert len(cut.message) == messages.MESSAGE_LIMIT
    assert cut.message.endswith("... (cut)")


def test_the_words_that_clients_match_on():
    parent = records.top_level(TaskRequest(Action.DEPLOY_NODES, "r"), Caller(user="ops"))
    child = records.subtask(parent, Action.DEPLOY_NODE)

    started, collected = messages.subtask_started(child), messages.subtask_collected(child)

    assert started.message == f"Started subtask {child.task_id} for action deploy_node"
    assert collected.message == f"Collected subtask {child.task_id}"
    for message in (started, collected):
        assert (message.task_id, message.context_type, message.context, message.error) == (
            parent.task_id,
            "task",
            parent.task_id,
            False,
        )


def test_a_verdict_has_an_error_when_one_of_its_findings_is_one():
    assert not messages.Verdict().has_error
    assert not messages.Verdict([PASSED]).has_error
    assert messages.Verdict([PASSED, WRONG]).has_error


def test_the_wording_of_a_verdict_is_the_messages_of_its_findings_made_once():
    verdict = messages.Verdict(iter([PASSED, WRONG]))

    assert list(verdict.wording.messages) == [messages.of_finding("", f) for f in (PASSED, WRONG)]
    assert verdict.wording is verdict.wording
