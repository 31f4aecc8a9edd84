"""The root of the `drydock` command: global options. Nothing is contacted here."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Unpack

import click

import drydockd
from drydockd.cli import LazyGroup
from drydockd.cli.session import Access, Credentials

if TYPE_CHECKING:
    from drydockd.cli.output import Decorator

# The loggers of what carries our requests; they speak for every one of them at INFO.
NOISY = ("httpx", "httpcore", "keystoneauth", "urllib3")


def _os_option(name: str, help_text: str) -> Decorator:
    """An option in the field's spelling, ``--os_x``, and in the usual one, ``--os-x``."""
    return click.option(
        f"--os-{name.replace('_', '-')}",
        f"--os_{name}",
        f"os_{name}",
        envvar=f"OS_{name.upper()}",
        show_envvar=True,
        help=help_text,
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["--help"]})
@click.version_option(drydockd.__version__, prog_name="drydock", message="%(prog)s %(version)s")
@click.option("--debug/--no-debug", help="Log everything to standard error, secrets excepted.")
@_os_option("cloud", "Cloud of clouds.yaml; what is given besides goes before it.")
@_os_option("project_domain_name", "Domain of the project.")
@_os_option("project_domain_id", "The same by id.")
@_os_option("user_domain_name", "Domain of the user.")
@_os_option("user_domain_id", "The same by id.")
@_os_option("project_name", "Project to work in.")
@_os_option("project_id", "The same by id.")
@_os_option("username", "User name.")
@_os_option("user_id", "The same by id.")
@_os_option("password", "Password.")
@_os_option("application_credential_id", "Application credential, instead of a user.")
@_os_option("application_credential_secret", "Its secret.")
@_os_option("auth_url", "Keystone's URL.")
@_os_option("region_name", "Whose endpoint of the API is asked; else the first there is.")
@_os_option("interface", "Which of its endpoints; else internal.")
@_os_option("token", "A token, used as it is instead of a password.")
@click.option(
    "--url", "-u", envvar="DD_URL", show_envvar=True, help="The API's URL; else Keystone is asked."
)
@click.option("--no-auth", is_flag=True, help="Send no token, whatever else is set.")
@click.option("--insecure", is_flag=True, help="Do not verify certificates.")
@click.option(
    "--ca-file",
    "--os-cacert",
    "--os_cacert",
    "ca_file",
    type=click.Path(),
    envvar="OS_CACERT",
    show_envvar=True,
    help="Certificate authorities to trust: PEM file, or folder. Without it a cloud's, then "
    "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, the system's.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    /,
    debug: bool,
    insecure: bool,
    ca_file: str | None,
    **access: Unpack[Credentials],
) -> None:
    """Drive a drydockd, or work with its designs and state without one.

    Exit status: 0 done, 1 the API refused or did not answer, 2 wrong usage, 3 a task that
    was waited for did not succeed, 4 it did not end in the time given to `task wait`, 130
    interrupted (a task that was waited for goes on).
    """
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if debug else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
    )
    if not debug:
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.WARNING)
    ctx.obj = Access(verify=False if insecure else ca_file or True, **access)
