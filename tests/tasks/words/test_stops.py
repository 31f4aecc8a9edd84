from drydockd.errors import DrydockError
from drydockd.tasks.words.stops import StepFailed, Terminated


def test_they_are_no_errors_that_a_handler_would_answer():
    assert not issubclass(Terminated, DrydockError)
    assert not issubclass(StepFailed, DrydockError)
