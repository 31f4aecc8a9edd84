from drydockd.design.words import words
from drydockd.design.yamlstream import documents


def test_words_are_told_as_they_stand_in_the_document():
    (document,) = documents(b"base: &b {x: off, y: 010}\nm: {<<: *b, y: 1:20, z: 'no'}\nl: [on]\n")

    assert list(words(document, "m")) == [
        ("x", "off", False, 1),
        ("y", "010", 8, 1),
        ("y", "1:20", 80, 2),
        ("z", "no", "no", 2),
    ]
    assert list(words(document, "l")) == [(0, "on", True, 3)]
    assert list(words(document, "l", 0)) == [(None, "on", True, 3)]
    assert not list(words(document, "m", "nothing"))


def test_a_path_goes_through_what_is_merged():
    (document,) = documents(b"a: &a {labels: {x: on}}\nb: {<<: [*a]}\n")

    assert list(words(document, "b", "labels")) == [("x", "on", True, 1)]
