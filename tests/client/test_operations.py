"""Every operation of the API document has its method of the client, which asks for just that."""

import contextlib
import inspect
from collections.abc import Iterator

import pytest

from drydockd.client import Client
from drydockd.client.errors import ClientError
from drydockd.handlers import all_routes
from drydockd.handlers.document import operations

ID = "0b6c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"
OPERATIONS = {one.name: one for one in operations(all_routes(1, 1).all)}
# Method -> how it is called; each is named as its operation is.
CALLS = {
    "get_tasks": (),
    "get_task": (ID,),
    "create_task": ("file:///x.yaml", "verify_site"),
    "delete_tasks": (),
    "get_task_build_data": (ID,),
    "get_task_events": (ID,),
    "get_events": (),
    "terminate_task": (ID,),
    "retry_task": (ID,),
    "get_nodes": (),
    "get_node": ("a01",),
    "get_node_build_data": ("a01",),
    "get_nodes_for_filter": ("file:///x.yaml",),
    "validate_design": ("file:///x.yaml",),
    "get_bootactions": (),
    "report_bootaction": ("01J9ZC7M3W8Q6N2V5R4T1XKPHB", "00" * 32),
    "get_health": (),
    "get_health_extended": (),
    "get_status": (),
    "get_versions": (),
}
# What a client makes of several requests.
MADE_OF = {"get_task_errors", "wait_for_task", "watch_task", "follow_events"}
# Operation -> why the client has no method for it.
LEFT_OUT = {
    "get_openapi": "tools that read such documents fetch it themselves",
    "get_metrics": "Prometheus asks for it",
    "get_boot_units": "nodes fetch it, by what is written into their image",
    "get_boot_files": "nodes fetch it, by what is written into their image",
}


def test_every_operation_has_a_method_or_a_reason():
    current = {name for name, one in OPERATIONS.items() if not one.is_deprecated}
    assert current == CALLS.keys() | LEFT_OUT.keys()


def test_every_method_is_an_operation_or_made_of_some():
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"}
    assert methods == CALLS.keys() | MADE_OF


@pytest.mark.parametrize("name", CALLS)
def test_a_method_asks_for_the_operation_of_its_name(name, client, server):
    # The server knows nothing: what is asked is all that counts.
    with contextlib.suppress(ClientError):
        found = getattr(client, name)(*CALLS[name])
        if isinstance(found, Iterator):
            next(found)
    [asked] = server.asked
    route, _ = all_routes(1, 1).find(asked.path)
    one = OPERATIONS[name]
    assert (asked.method, route.pattern) == (one.method, one.route.pattern)
    assert set(asked.query) <= set(one.parameters)
