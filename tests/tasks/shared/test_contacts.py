from drydockd.tasks.shared.contacts import Contacts


def test_what_was_heard_here_is_told_to_others_once():
    mine, other = Contacts(), Contacts()
    mine.note("n1")
    other.learn(mine.take())
    assert other.of("n1") == mine.of("n1") != ""
    assert mine.take() == {}
    assert other.take() == {}


def test_a_later_word_counts_whoever_heard_it():
    contacts = Contacts()
    contacts.note("n1")
    now = contacts.of("n1")
    contacts.learn({"n1": "2020-01-01 00:00:00.000000"})
    assert contacts.of("n1") == now
    contacts.learn({"n1": "9020-01-01 00:00:00.000000"})
    assert contacts.of("n1").startswith("9020")
    assert contacts.of("n2") == ""
