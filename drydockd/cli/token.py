"""`drydock token`: mint local tokens, and tell why one is refused. Works without a daemon."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from drydockd.auth.jwt import LocalTokens, mint
from drydockd.auth.jwtkeys import SECRET_FILE, public_keys, secret_keys
from drydockd.cli.output import echo_json, output_option
from drydockd.errors import InvalidConfig

MAX_TTL_SECONDS = 30 * 86400
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
TIMES = ("iat", "nbf", "exp")

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="DRYDOCKD_STORE__STATE_DIR",
    show_envvar=True,
    help="The state directory, which holds the secret. Default: store.state_dir.",
)
issuer_option = click.option(
    "--issuer",
    envvar="DRYDOCKD_AUTH__JWT_ISSUER",
    show_envvar=True,
    help="Default: auth.jwt_issuer.",
)
audience_option = click.option(
    "--audience",
    envvar="DRYDOCKD_AUTH__JWT_AUDIENCE",
    show_envvar=True,
    help="Default: auth.jwt_audience.",
)
config_option = click.option(
    "--config",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The daemon's configuration, which gives the defaults. Repeatable; the usual one is"
    " read if it is there.",
)


@dataclass(frozen=True, slots=True)
class _Place:
    """What the daemon's configuration says about tokens, under what the options say."""

    issuer: str
    audience: str
    leeway_seconds: float
    public_keys: tuple[Path, ...]
    secret: Path


def _place(
    files: tuple[Path, ...], state_dir: Path | None, issuer: str | None, audience: str | None
) -> _Place:
    """Raises a ClickException for a configuration that was named and cannot be read."""
    from drydockd import parts, preflight
    from drydockd.cli.units import daemons_environment
    from drydockd.config import ConfigError, Settings, load

    settings = Settings()
    try:
        with daemons_environment(files) as environ:
            settings = load(preflight.files_of(files), environ, parts.schema()).settings
    except ConfigError as error:
        if files:
            raise click.ClickException(str(error)) from error
        if any(path.exists() for path in preflight.files_of(())):
            click.echo(f"note: the defaults are used, as {error}", err=True)
    auth = settings.auth
    return _Place(
        issuer or auth.jwt_issuer,
        audience or auth.jwt_audience,
        auth.jwt_leeway,
        auth.jwt_public_keys,
        state_dir / SECRET_FILE if state_dir else parts.jwt_secret_file(settings),
    )


def _ttl(ctx: click.Context, param: click.Parameter, value: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", value, re.ASCII)
    if match is None:
        raise click.BadParameter(f"{value!r}: a number and s, m, h or d, such as 45m or 12h")
    seconds = int(match[1]) * UNITS[match[2]]
    if seconds > MAX_TTL_SECONDS:
        raise click.BadParameter(f"{value}: a local token cannot be revoked; at most 30d")
    return seconds


@click.group()
def command() -> None:
    """Mint local tokens, and explain them."""


@command.command()
@click.option("--user", required=True, help="The name that appears in tasks and logs.")
@click.option("--role", "roles", multiple=True, required=True, help="May be repeated.")
@click.option("--ttl", callback=_ttl, default="12h", show_default=True, help="45m, 12h, 7d.")
@state_dir_option
@issuer_option
@audience_option
@config_option
def create(
    user: str,
    roles: tuple[str, ...],
    ttl: int,
    state_dir: Path | None,
    issuer: str | None,
    audience: str | None,
    files: tuple[Path, ...],
) -> None:
    """Print a token signed with the state directory's secret (made if there is none).

    Use it as OS_TOKEN or in the header X-Auth-Token; the daemon must list the strategy jwt.
    """
    if not user.isprintable() or not user.strip():
        raise click.BadParameter("must be text on one line", param_hint="--user")
    if not all(role.strip() and role.isprintable() for role in roles):
        raise click.BadParameter("must not be empty", param_hint="--role")
    place = _place(files, state_dir, issuer, audience)
    folder = place.secret.parent
    if not folder.is_dir():
        raise click.ClickException(f"{folder}: no such state directory; give --state-dir")
    try:
        key = secret_keys(place.secret, create=True)[0]
    except InvalidConfig as error:
        raise click.ClickException(str(error)) from error
    more = {"issuer": place.issuer, "audience": place.audience}
    click.echo(mint(key, user=user, roles=roles, ttl_seconds=ttl, **more))


@command.command()
@click.argument("token")
@state_dir_option
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A public key (PEM) or JWKS file the daemon trusts instead of its secret. Repeatable.",
)
@issuer_option
@audience_option
@config_option
@output_option("text")
def inspect(
    token: str,
    state_dir: Path | None,
    key_files: tuple[Path, ...],
    issuer: str | None,
    audience: str | None,
    files: tuple[Path, ...],
    output: str,
) -> None:
    """Show what TOKEN says, and whether and why it is refused (then the exit code is 1).

    Give - to read the token from standard input, which keeps it out of the shell's history.
    """
    text = sys.stdin.read().strip() if token == "-" else token  # noqa: S105
    place = _place(files, state_dir, issuer, audience)
    try:
        keys = [key for path in key_files or place.public_keys for key in public_keys(path)]
        if not key_files and (not keys or os.path.exists(place.secret)):
            keys += secret_keys(place.secret)
        tokens = LocalTokens(
            keys,
            issuer=place.issuer,
            audience=place.audience,
            leeway_seconds=place.leeway_seconds,
        )
    except InvalidConfig as error:
        raise click.ClickException(str(error)) from error
    inspection = tokens.inspect(text)
    if output == "json":
        found = {"header": inspection.header, "claims": inspection.claims}
        echo_json({**found, "accepted": not inspection.reason, "reason": inspection.reason})
    else:
        click.echo(f"header  {json.dumps(inspection.header)}")
        for name, value in sorted(inspection.claims.items()):
            click.echo(f"{name:<7} {_claim(name, value)}")
        click.echo(f"refused: {inspection.reason}" if inspection.reason else "accepted")
    sys.exit(1 if inspection.reason else 0)


def _claim(name: str, value: object) -> str:
    if name in TIMES and isinstance(value, int | float):
        try:
            return f"{value} ({datetime.fromtimestamp(value, UTC).isoformat()})"
        except (OverflowError, ValueError, OSError):
            return f"{value} (no date)"
    return json.dumps(value)
