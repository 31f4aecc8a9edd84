"""Real peers every part's tests may ask for; each starts on first use."""

pytest_plugins = ["pytester", "tests.peers.needs", "tests.peers.keystone"]
