import time
from email.utils import parsedate_to_datetime

from drydockd.handlers import headers


def test_every_answer_begins_with_who_when_and_for_which_request():
    before = int(time.time())
    found = dict(headers.first("some-id"))
    moment = parsedate_to_datetime(found.pop("Date")).timestamp()

    assert before <= moment <= time.time()
    assert found == {
        "Server": "drydockd",
        "Content-Type": "application/json",
        "X-Drydock-Req": "some-id",
        "Cache-Control": "no-store",
    }


async def test_an_answer_has_each_of_them_once(drydock):
    answer = await drydock.get("/api/v1.0/tasks")
    for name in ("Server", "Content-Type", "Date", "X-Drydock-Req", "Cache-Control"):
        assert len(answer.headers.get_list(name)) == 1, name
    assert answer.headers["Server"] == "drydockd"
