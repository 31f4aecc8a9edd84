import pytest
from pydantic import ValidationError

from drydockd.api.validation import Validation, ValidationRequest
from tests.api.examples import VALIDATION


def test_the_conventional_keys_are_taken():
    given = {"rel": "design", "href": "file:///s", "type": "application/x-yaml"}
    assert ValidationRequest.model_validate(given).href == "file:///s"


@pytest.mark.parametrize("given", [{}, {"href": " "}, {"href": 5}, {"href": "r", "ref": "r"}])
def test_what_is_no_request(given):
    with pytest.raises(ValidationError):
        ValidationRequest.model_validate(given)


def test_the_contracts_words_for_a_missing_href():
    words = 'The "href" key must be provided in the request body.'
    assert ValidationRequest.refusal("href", {}) == words
    assert ValidationRequest.refusal("rel", {}) is None


def test_a_validation_is_read():
    assert Validation.model_validate(VALIDATION) == VALIDATION
