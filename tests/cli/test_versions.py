"""drydock versions."""


def test_versions_are_printed_as_they_come(drydock, server):
    server.answers["GET /versions"] = (200, {"v1.0": {"path": "/api/v1.0", "status": "stable"}})
    assert drydock("versions").stdout == '{"v1.0": {"path": "/api/v1.0", "status": "stable"}}\n'
