"""GET openapi.json: for everybody, the same for all, and not sent twice."""

import json

from drydockd.handlers.openapi import described, is_known, published
from tests.handlers.helpers import V1

PATH = f"{V1}/openapi.json"


async def test_anybody_gets_the_document(drydock):
    answer = await drydock.http.get(PATH)
    assert answer.status_code == 200
    assert answer.json() == described()
    assert answer.headers["Cache-Control"] == "public, max-age=300"


async def test_who_has_it_is_told_so_without_a_body(drydock):
    first = await drydock.http.get(PATH)
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await drydock.http.get(PATH, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    other = await drydock.http.get(PATH, headers={"If-None-Match": '"other"'})
    assert other.content == first.content


async def test_its_head_tells_the_tag_and_the_length(drydock):
    head = await drydock.http.head(PATH)
    assert head.headers["ETag"] == published()[1]
    assert int(head.headers["Content-Length"]) == len(published()[0])


def test_it_is_made_once_and_is_json():
    assert published() is published()
    assert json.loads(published()[0]) == described()


def test_a_tag_changes_with_what_is_sent():
    tag = published()[1]
    assert not is_known(tag, "")
    assert not is_known(tag, tag.strip('"'))
    assert is_known(tag, f"  {tag} ")
