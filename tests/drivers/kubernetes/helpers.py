"""Drivers for the API server of tests/peers/kubernetes.py."""

import contextlib

from drydockd.drivers.kubernetes.direct import DirectKubernetes
from drydockd.drivers.kubernetes.options import DirectOptions
from tests.peers.kubernetes import TOKEN

NODE = "/api/v1/nodes/n1"


@contextlib.asynccontextmanager
async def driver_for(api, **options):
    """A driver with the token, unless the options say who it is."""
    if not {"token", "token_file", "client_certificate"} & options.keys():
        options["token"] = TOKEN
    driver = DirectKubernetes(DirectOptions(url=api.url, **options))
    try:
        yield driver
    finally:
        await driver.close()
