from drydockd.site import DocumentRef, Finding, Level
from drydockd.tasks.words.findings import finding_message


def test_a_finding_keeps_code_level_diagnostic_and_documents():
    document = DocumentRef("drydock/Network/v1", "pxe")
    finding = Finding("DD2003", Level.ERROR, "MTU: too small", "1280 or more", (document,))

    message = finding_message("t1", finding)

    assert (message.message, message.error) == ("MTU: too small", True)
    assert (message.context_type, message.context) == ("document", "pxe")
    assert message.extra == {
        "name": "DD2003",
        "level": "Error",
        "diagnostic": "1280 or more",
        "documents": [{"schema": "drydock/Network/v1", "name": "pxe"}],
    }


def test_a_warning_about_nothing_in_particular_is_no_error():
    message = finding_message("t1", Finding("DD3001", Level.WARNING, "not checked"))
    assert (message.error, message.context_type, message.context) == (False, "NA", "NA")
