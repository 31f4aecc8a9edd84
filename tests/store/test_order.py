"""Keys in order of creation."""

from drydockd.store.order import Order


def an_order(*places):
    order = Order()
    for place in places:
        order.add(place)
    return order


def test_places_are_walked_in_order_of_creation_and_id():
    order = an_order(("2", "b"), ("1", "z"), ("2", "a"), ("3", "c"))
    assert list(order.after(None)) == ["z", "a", "b", "c"]
    assert len(order) == 4


def test_a_page_begins_behind_its_marker_even_when_that_is_gone():
    order = an_order(("1", "a"), ("2", "b"), ("3", "c"))
    order.discard(("2", "b"))
    order.discard(("2", "b"))
    assert list(order.after(("2", "b"))) == ["c"]
    assert list(order.after(("3", "c"))) == []


def test_before_is_strictly_before():
    assert an_order(("1", "a"), ("2", "b"), ("2", "c")).before("2") == ["a"]
