from prometheus_client import generate_latest

from drydockd.handlers.measure import Measures


def text(measures: Measures) -> str:
    return generate_latest(measures.registry).decode()


def test_requests_are_counted_by_pattern_method_and_code():
    measures = Measures()
    measures.request("/api/v1.0/tasks/{task_id}", "GET", 200, 0.002)
    measures.request("/api/v1.0/tasks/{task_id}", "GET", 200, 0.2)
    measures.request("", "BREW", 405, 0.1)
    shown = text(measures)
    labels = '{code="200",method="GET",route="/api/v1.0/tasks/{task_id}"}'
    assert f"drydock_http_requests_total{labels} 2.0" in shown
    assert 'le="0.0025",method="GET",route="/api/v1.0/tasks/{task_id}"} 1.0' in shown
    assert 'drydock_http_requests_total{code="405",method="other",route="unknown"} 1.0' in shown


def test_a_made_up_method_makes_no_new_label():
    measures = Measures()
    for number in range(50):
        measures.request("/x", f"M{number}", 405, 0.1)
    assert text(measures).count('method="other"') > 0
    assert "M7" not in text(measures)


def test_numbers_that_live_elsewhere_are_read_when_asked():
    measures, numbers = Measures(), {"queued": 1.0}
    measures.gauge("drydock_tasks", "Tasks.", lambda: iter(numbers.items()))
    measures.counter("drydock_failures", "Failures.", lambda: iter([("", 3.0)]))
    assert 'drydock_tasks{kind="queued"} 1.0' in text(measures)
    numbers["queued"] = 5.0
    assert 'drydock_tasks{kind="queued"} 5.0' in text(measures)
    assert "drydock_failures_total 3.0" in text(measures)


def test_names_are_prefixed_and_in_base_units():
    measures = Measures()
    names = {metric.name for metric in measures.registry.collect()}
    assert all(name.startswith(("drydock_", "python_")) for name in names), names


async def test_several_labels_and_the_whole_text():
    measures = Measures()
    measures.counter("drydock_e", "Errors.", lambda: [(("a", "b"), 2.0)], "driver", "kind")
    measures.gauge("drydock_n", "Nodes.", lambda: [("up", 1.0)], label="state")
    shown = (await measures.shown()).decode()
    assert 'drydock_e_total{driver="a",kind="b"} 2.0' in shown
    assert 'drydock_n{state="up"} 1.0' in shown
    assert "drydock_build_info{" in shown
