"""The API document and the page from it are those of the routes; nothing was broken unsaid."""

from tests.docs import api


def test_the_document_that_is_shipped_is_that_of_the_routes():
    shipped = api.DOCUMENT.read_text(encoding="utf-8")
    assert shipped == api.text(), "write it anew: python -m tests.docs"


def test_the_page_is_that_of_the_document():
    shipped = api.PAGE.read_text(encoding="utf-8")
    assert shipped == api.page(), "write it anew: python -m tests.docs"
