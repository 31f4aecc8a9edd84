"""The real thing: a daemon process killed with SIGKILL while machines of another process deploy."""

from bench.resume import complaints, survive


async def test_a_deployment_survives_ten_kills(tmp_path):
    outcome = await survive(tmp_path, nodes=4, actions=2, kills=10, deploy=(1.0, 12.0), seed=7)

    assert complaints(outcome, nodes=4, actions=2) == []
    assert outcome.kills == 10
