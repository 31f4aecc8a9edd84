"""Keys in order of creation."""

import random

from drydockd.store.order import Order


def an_order(*places):
    order = Order()
    for place in places:
        order.add(place)
    return order


def test_places_are_walked_in_order_of_creation_and_id():
    order = an_order(("2", "b"), ("1", "z"), ("2", "a"), ("3", "c"))
    assert list(order) == ["z", "a", "b", "c"]
    assert len(order) == 4


def test_a_page_begins_behind_its_marker_even_when_that_is_gone():
    order = an_order(("1", "a"), ("2", "b"), ("3", "c"))
    order.discard(("2", "b"))
    order.discard(("2", "b"))
    assert order.some_after(("2", "b"), 9) == [("3", "c")]
    assert order.some_after(("3", "c"), 9) == []


def test_some_after_goes_on_where_it_was_whatever_came_and_went():
    order = an_order(*((f"{number:04}", "x") for number in range(0, 4000, 2)))
    place, seen = None, []
    while some := order.some_after(place, 300):
        seen += some
        place = some[-1]
        order.discard(place)  # its own place, one ahead, and a new one behind
        order.discard((f"{int(place[0]) + 40:04}", "x"))
        order.add((f"{int(place[0]) - 1:04}", "new"))
    assert len(seen) == len(set(seen)) == 2000 - 6
    assert seen == sorted(seen)
    assert order.some_after(("9", ""), 5) == []
    assert Order().some_after(None, 5) == []


def test_many_places_come_and_go_and_come_back():
    order = an_order(*((f"{number:04}", "x") for number in range(2000)))
    for number in range(0, 2000, 3):
        order.discard((f"{number:04}", "x"))
        order.discard((f"{number:04}", "x"))
    left = [number for number in range(2000) if number % 3]
    assert len(order) == len(list(order)) == len(left)
    for number in range(0, 2000, 3):
        order.add((f"{number:04}", "x"))
    assert len(order) == len(list(order)) == 2000
    for number in range(2000):
        order.discard((f"{number:04}", "x"))
    assert len(order) == 0
    assert list(order) == []


def test_it_agrees_with_a_sorted_set_whatever_happens():
    chance = random.Random(7)
    order, model = Order(), set()
    for _ in range(5000):
        place = (str(chance.randrange(600)), "x")
        if chance.random() < 0.5:
            if place not in model:
                order.add(place)
            model.add(place)
        else:
            order.discard(place)
            model.discard(place)
        assert len(order) == len(model)
    expected = sorted(model)
    assert list(order) == [key for _, key in expected]
    assert list(order.backwards()) == list(reversed(list(order)))
    assert order.some_after(("300", ""), 9999) == [p for p in expected if p > ("300", "")]


def test_some_before_gives_the_same_from_the_end():
    places = [(f"{number:04}", "x") for number in range(3000)]
    order = an_order(*places)
    place, seen = None, []
    while some := order.some_before(place, 300):
        assert len(some) <= 300
        seen += some
        place = some[-1]
        order.discard(place)
        order.add(("9", f"new {place}"))
    assert seen == places[::-1]
    assert an_order().some_before(None, 5) == []
    assert an_order(("2", "b")).some_before(("1", "a"), 5) == []
    assert an_order(("2", "b")).some_before(("3", "a"), 5) == [("2", "b")]
