from drydockd import errors


def test_an_absent_source_may_be_tried_again_and_a_bad_design_may_not():
    assert issubclass(errors.SourceUnavailable, errors.Unavailable)
    assert not issubclass(errors.InvalidDesign, errors.Unavailable)


def test_no_driver_error_is_taken_for_absence_of_a_record():
    assert not issubclass(errors.NodeUnknown, errors.NotFound)


def test_every_error_is_in_the_tree_of_the_docstring():
    ours = [n for n, v in vars(errors).items() if isinstance(v, type)]
    assert [n for n in ours if n not in (errors.__doc__ or "")] == []


def test_a_challenge_travels_with_the_refusal():
    assert errors.Unauthenticated(challenge="Keystone").challenge == "Keystone"
