"""`drydock api-schema`: the API as an OpenAPI document, without a daemon."""

from __future__ import annotations

import json

import click

from drydockd.handlers.openapi import described


@click.command()
def command() -> None:
    """Print the API of this version as an OpenAPI 3.1 document, in JSON.

    It is what a daemon answers to GET /api/v1.0/openapi.json, for tools that make clients, tests
    or pages of it. No daemon is asked.
    """
    click.echo(json.dumps(described(), indent=1, ensure_ascii=False))
