from drydockd.api.cause import of_any_node


def test_what_belongs_to_one_node_does_not_make_another_cause():
    one = of_any_node("n1: no answer from 10.2.0.11 at 2026-01-31T10:20:30.123456+00:00", "n1")
    two = of_any_node("n12: no answer from 10.2.0.12 at 2026-01-31T10:20:31.123456+00:00", "n12")
    assert one == two == "*: no answer from * at *"
    assert of_any_node("n12 is not n1", "n1") == "n12 is not *"
