from drydockd.api.dryrun import DryRun
from tests.api.examples import DRY_RUN


def test_a_dry_run_is_read():
    run = DryRun.model_validate(DRY_RUN)
    assert run.findings[0].documents[0].schema_name == "drydock/BaremetalNode/v1"
    assert run == DRY_RUN
