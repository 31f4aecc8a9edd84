import pytest

from drydockd.errors import InvalidInput, NotFound
from drydockd.model import BootActionStatus, Message
from drydockd.store import Put, Say
from drydockd.store.codec import encode_message
from drydockd.store.memory import MemoryStore
from drydockd.store.news import News, Spoken, Talk, Unread, Wording
from tests.store.helpers import MONDAY, a_boot_action, a_task

WORDS = [
    Message("", 'all "well"', context_type="document", context="rack-1"),
    Message("", ',"ts":"', error=True, extra={"name": "DD1", "documents": [{"ts": ""}]}),
    Message("", "", context_type="", context=""),
]


async def test_a_wording_is_what_its_messages_would_be_one_by_one():
    store = MemoryStore()
    told = []
    await store.write(Put(a_task("one")), Put(a_task("whole")))
    store.watch(lambda seq, news: told.append(news))
    for task_id in ("one", "whole"):
        await store.write(Put(Message(task_id, "before")))

    await store.write(*(Put(Message("one", *_rest(message))) for message in WORDS))
    await store.write(Say("whole", Wording(WORDS)))

    one, whole = store.messages("one"), store.messages("whole")
    assert [(m.seq, *_rest(m)) for m in whole] == [(m.seq, *_rest(m)) for m in one]
    assert {m.ts for m in whole[1:]} == {told[-1][0].ts}
    assert list(told[-1]) == whole[1:]
    assert store.error_count("whole") == store.error_count("one") == 1
    assert store.message_count("whole") == 4


async def test_a_wording_for_nobody_is_refused_and_one_without_words_is_nothing():
    store = MemoryStore()
    with pytest.raises(NotFound):
        await store.write(Say("nobody", Wording(WORDS)))
    await store.write(Put(a_task("a")), Say("a", Wording([])))
    assert store.message_count("a") == 0


def test_what_json_cannot_hold_is_refused_before_anybody_says_it():
    with pytest.raises(InvalidInput, match="cannot be stored"):
        Wording([Message("", "x", extra={"bad": object()})])


def test_news_are_the_records_of_a_write_and_count_a_wording_by_its_messages():
    row, news = a_boot_action("A", status=BootActionStatus.SUCCESS), News()
    news.parts += [row, Spoken("t", Wording(WORDS), after=4, ts=MONDAY)]

    assert len(news) == 4
    assert news[0] is row
    assert [(m.task_id, m.seq, m.ts) for m in news[1:]] == [("t", n, MONDAY) for n in (5, 6, 7)]
    assert news == [row, *news[1:]]
    assert news != [row]


def test_a_message_that_is_kept_as_bytes_is_a_record_like_any_other_once_it_is_read():
    news, message = News(), Message("t", "x", error=True, ts=MONDAY, seq=7)
    news.parts += [a_task("t"), Unread("t", 7, encode_message(message))]

    assert len(news) == 2
    assert list(news) == [a_task("t"), message]
    assert news[1] is news[1]
    assert [part.task_id for part in news.parts if isinstance(part, Talk)] == ["t"]


def _rest(message):
    return (
        message.message,
        message.error,
        message.context_type,
        message.context,
        "",
        message.extra,
    )
