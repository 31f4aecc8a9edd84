from drydockd.store.past import WritesGone


def test_who_asks_for_what_is_gone_is_told_where_to_go_on():
    gone = WritesGone(17)
    assert gone.next == 17
    assert "17" in str(gone)
