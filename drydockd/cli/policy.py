"""`drydock policy`: what the rule files allow to whom. Works without a daemon."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from drydockd.auth.policy import DEFAULT_RULE, Policy
from drydockd.auth.rules import RULES, full_name
from drydockd.cli.output import echo_json, output_option
from drydockd.errors import InvalidConfig
from drydockd.model import Caller

NO_ROLE = "(no role)"


@click.group()
def command() -> None:
    """Ask the policy rules."""


@command.command()
@click.option(
    "--role",
    "roles",
    multiple=True,
    help="A column: one role, or several joined by commas. May be repeated. "
    "Default: admin, member, reader.",
)
@click.option("--rule", "rules", multiple=True, help="Only this rule. May be repeated.")
@click.option(
    "--policy-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/drydockd/policy.yaml"),
    show_default=True,
    help="Absent: the defaults.",
)
@click.option(
    "--policy-dir",
    "policy_dirs",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Read after the file. May be repeated. Default: policy.d beside the file.",
)
@click.option("--default-rule", default=DEFAULT_RULE, show_default=True)
@output_option("text")
def check(
    roles: tuple[str, ...],
    rules: tuple[str, ...],
    policy_file: Path,
    policy_dirs: tuple[Path, ...],
    default_rule: str,
    output: str,
) -> None:
    """Print which rules a role satisfies.

    With --rule the exit code is 1 if anything asked for is denied. Broken files are
    reported as the daemon would report them.
    """
    folders = policy_dirs or (policy_file.parent / "policy.d",)
    try:
        policy = Policy(policy_file, folders, default_rule)
    except InvalidConfig as error:
        raise click.ClickException(str(error)) from error
    names = [full_name(name) for name in rules] or [rule.name for rule in RULES]
    columns = roles or ("admin", "member", "reader")
    answers = {name: [policy.allows(name, _caller(c)) for c in columns] for name in names}
    checks = policy.checks()
    unknown = "the default rule" if default_rule in checks else "denied"
    texts = {name: checks.get(name, f"(not defined: {unknown})") for name in names}
    if output == "json":
        heads = [column or NO_ROLE for column in columns]
        echo_json(
            [
                {"rule": name, "check": texts[name], **dict(zip(heads, row, strict=True))}
                for name, row in answers.items()
            ]
        )
    else:
        _print(texts, columns, answers)
    if rules and not all(all(row) for row in answers.values()):
        sys.exit(1)


def _caller(column: str) -> Caller:
    roles = tuple(role.strip() for role in column.split(",") if role.strip())
    return Caller(user="anyone", roles=roles, is_admin_project=True)


def _print(texts: dict[str, str], columns: tuple[str, ...], answers: dict[str, list[bool]]) -> None:
    heads = [column or NO_ROLE for column in columns]
    width = max(len(name) for name in answers)
    click.echo("  ".join([f"{'rule':<{width}}", *heads, "check"]))
    for name, row in answers.items():
        cells = [
            f"{'yes' if is_allowed else 'no':<{len(head)}}"
            for is_allowed, head in zip(row, heads, strict=True)
        ]
        click.echo("  ".join([f"{name:<{width}}", *cells, texts[name]]))
