from drydockd.design.adopt.draft import drafts
from drydockd.design.adopt.machine import Machine


def test_the_order_of_the_machines_changes_nothing():
    machines = [Machine("n1"), Machine("n2", model="Box")]
    assert drafts(machines) == drafts(machines[::-1])


def test_two_machines_whose_names_make_one_host_name_are_both_kept():
    found = drafts([Machine("N 1"), Machine("n-1")])
    assert len({draft.name for draft in found if draft.kind == "BaremetalNode"}) == 2
