import pytest
from pydantic import ValidationError

from drydockd.api.nodefilter import NodeFilterRequest


def test_a_filter_may_be_absent_or_null():
    for given in ({"design_ref": "r"}, {"design_ref": "r", "node_filter": None}):
        assert NodeFilterRequest.model_validate(given).node_filter is None


@pytest.mark.parametrize("given", [{}, {"design_ref": ""}, {"design_ref": "r", "filter": {}}])
def test_what_is_no_request(given):
    with pytest.raises(ValidationError):
        NodeFilterRequest.model_validate(given)


def test_the_contracts_words_for_a_missing_reference():
    words = "Missing input required value: design_ref"
    assert NodeFilterRequest.refusal("design_ref", {}) == words
    assert NodeFilterRequest.refusal("design_ref", {"design_ref": 5}) is None
