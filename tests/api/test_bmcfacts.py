from drydockd.api.bmcfacts import BmcFacts


def test_what_a_bmc_does_not_say_is_not_there():
    facts = BmcFacts(power="on", serial="A1")
    assert facts.as_dict() == {"power": "on", "serial": "A1"}
    assert BmcFacts.model_validate_json(facts.model_dump_json(exclude_none=True)).serial == "A1"
