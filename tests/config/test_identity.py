import pytest
from pydantic import ValidationError

from drydockd.config.identity import Auth


def test_algorithms_of_tokens_are_pinned():
    with pytest.raises(ValidationError, match="EdDSA"):
        Auth(jwt_algorithms=("none",))
