import pytest

from drydockd.config.allowed import allowances
from drydockd.config.options import Settings


def value(references, section, option):
    return next(
        a.value for a in allowances(references) if (a.section, a.option) == (section, option)
    )


@pytest.mark.parametrize(
    ("reference", "services", "hosts", "roots"),
    [
        ("deckhand+http://u:p@deckhand:9000/x", ["deckhand:9000"], ["deckhand:9000"], []),
        ("promenade+https://prom/x", ["prom"], ["prom"], []),
        ("https://[2001:db8::1]:8443/x", [], ["[2001:db8::1]:8443"], []),
        ("file:///srv/site%20a/site.yaml", [], [], ["/srv/site a"]),
        ("ftp://h/x", [], [], []),
        ("http://h:nine/x", [], [], []),
        ("", [], [], []),
    ],
)
def test_a_reference_tells_what_was_used(reference, services, hosts, roots):
    assert value([reference], "auth", "service_hosts") == services
    assert value([reference], "network", "allowed_hosts") == hosts
    assert value([reference], "network", "allowed_roots") == roots


def test_each_is_an_option_there_is_with_a_reason():
    for one in allowances():
        assert one.option in type(getattr(Settings(), one.section)).model_fields
        assert "The original" in one.why
