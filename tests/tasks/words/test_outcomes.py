from drydockd.tasks.words.outcomes import CUT, Outcome


def test_an_attempt_that_passed_is_its_nodes_success():
    result = Outcome(passed=True).result("n1")
    assert (result.status, result.successes, result.failures) == ("success", ("n1",), ())


def test_a_failed_one_says_why_and_one_cut_short_that_it_was_terminated():
    failed, cut = Outcome(passed=False, text="no answer").result("n1"), CUT.result("n1")
    assert (failed.failures, failed.message) == (("n1",), "no answer")
    assert (cut.failures, cut.message) == (("n1",), "Action terminated.")
