from drydockd.api.drift import Difference, Drift


def test_a_drift_is_read_back_as_it_was_written():
    one = Difference(what="image", wanted="noble", found="jammy", source="design")
    drift = Drift(deployment_id="d1", differences=[one], absent=["memory"])
    again = Drift.model_validate_json(drift.model_dump_json())
    assert again.differences == [one]
    assert (again.absent, again.left_out, again["kind"]) == (["memory"], 0, "Drift")
