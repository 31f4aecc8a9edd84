from drydockd.web.links import MOST, SECONDS, Links
from tests.web.test_attempts import Clock


def test_a_code_is_good_once():
    links = Links()
    code = links.offer("token")
    assert links.take(code) == "token"
    assert links.take(code) is None


def test_a_code_is_good_for_a_while():
    clock = Clock()
    links = Links(clock)
    code = links.offer("token")
    clock.now += SECONDS
    assert links.take(code) is None


def test_codes_that_nobody_takes_do_not_pile_up():
    links = Links()
    first = links.offer("token")
    for _ in range(MOST):
        links.offer("token")
    assert links.take(first) is None
    assert "token" not in repr(links._offers)
