from drydockd.drivers.oob.redfish.lost import MOST, MOST_EACH, LostLogins


def test_of_so_many_bmcs_only_is_remembered_what_was_lost():
    lost = LostLogins()
    for number in range(MOST + 1):
        lost.note(f"https://{number}", 1.0)
    assert lost.of("https://0") == []
    assert lost.of(f"https://{MOST}") == [1.0]
    lost.forget(f"https://{MOST}")
    assert lost.of(f"https://{MOST}") == []


def test_of_a_bmc_that_loses_every_login_the_first_are_remembered():
    lost = LostLogins()
    for number in range(MOST_EACH + 1):
        lost.note("https://1", float(number))
    assert lost.of("https://1") == [float(number) for number in range(MOST_EACH)]
