"""The API as a page: whole, linked, escaped, and without script."""

import copy
from html.parser import HTMLParser

import pytest

from drydockd.handlers.openapi import described
from drydockd.web.apipage import fragment, inline, prose, rendered

VOID = {"br", "img", "link", "meta", "input", "hr"}


class Page(HTMLParser):
    """Ids, links, elements and attributes of HTML; fails where an element is closed wrongly."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags, self.attributes, self.texts = [], [], set(), set(), []
        self.open = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def page():
    return Page(str(fragment()))


def test_every_operation_and_schema_has_an_anchor_of_its_own(page):
    document = described()
    names = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    schemas = [f"schema-{name}" for name in document["components"]["schemas"]]
    assert len(page.ids) == len(set(page.ids))
    assert {*names, *schemas} <= set(page.ids)


def test_every_link_leads_somewhere(page):
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    assert {link for link in page.links if not link.startswith("#")} == {"/api/v1.0/openapi.json"}


def test_there_is_no_script_and_no_style_in_it(page):
    assert not page.tags & {"script", "style", "iframe", "form"}
    assert not {name for name in page.attributes if name.startswith("on") or name == "style"}


def test_what_the_document_says_is_text():
    document = copy.deepcopy(described())
    evil = "<script>alert(1)</script>"
    document["info"]["description"] = evil
    document["paths"]["/versions"]["get"]["summary"] = f"`{evil}`"
    document["components"]["schemas"]["Task"]["description"] = evil
    page = Page(str(rendered(document)))
    assert "script" not in page.tags
    assert page.texts.count(evil) == 3


def test_backquotes_are_code_and_blank_lines_part_paragraphs():
    assert inline("a `b<` c") == "a <code>b&lt;</code> c"
    assert prose("one\n\ntwo\n") == "<p>one</p>\n<p>two</p>"


def test_it_is_made_once():
    assert fragment() is fragment()


async def test_everybody_may_read_it_in_the_frame_of_the_page(browser):
    answer = await browser.get("/api")
    assert answer.status_code == 200
    assert str(fragment()) in answer.text
    assert "Log out" not in answer.text
    await browser.log_in("admin")
    assert 'href="/ui/api" aria-current="page"' in (await browser.get("/api")).text
