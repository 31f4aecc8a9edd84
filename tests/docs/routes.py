"""What is written from the routes: the table of `docs/routes.md`, and `conf/policy.yaml`.

`python -m tests.docs` writes both anew; change the handlers and `drydockd/auth/rules.py` instead.
"""

import textwrap

from drydockd.auth.rules import PREFIX, RULES
from drydockd.handlers import V1, all_routes
from drydockd.handlers.base import NODE_KEY, OPEN
from drydockd.handlers.document import operations
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "routes.md"
POLICY = ROOT / "conf" / "policy.yaml"
# Stands for the blank in "GET tasks" while lines are broken.
TOGETHER = "\0"
WORDS = {OPEN: "anybody", NODE_KEY: "node key"}
HEAD = "| Route | Rule | Answers |\n|---|---|---|\n"
POLICY_HEAD = """\
# Who may do what. Every rule of drydockd with its default; uncomment a line to change it.
#
# A check is `role:NAME` (any case), `rule:NAME`, `user_id:ID`, `project_id:ID` and the like,
# joined by `and`, `or`, `not` and parentheses; "@" allows everyone, "!" no one.
# Files of the folder policy.d beside this one are read after it, in name order.
# What nobody defines is denied. A mistake in here refuses the start; on reload the rules in
# force stay. `drydock policy check --role NAME` shows what a role may do.
# More: docs/identity.md
"""


def served():
    """Every (method, route, rule), in the order of the table of routes."""
    return [
        (method, route, rule)
        for route in all_routes(1, 1).all
        for method, rule in route.handler.policy.items()
    ]


def table() -> str:
    """The rows of the API; a second path of a handler refers to the first."""
    rows, first = [], {}
    for one in operations(all_routes(1, 1).all):
        name = f"`{one.method} {one.route.pattern}`"
        own = first.setdefault((one.method, one.handler), name)
        said = one.handler.about[one.method]
        if one.is_twin:
            said = f"as {own}: the original's code and its documentation differ"
        parameters = ", ".join(f"`{p}`" for p in one.parameters)
        said += f"; parameters: {parameters}" if parameters else ""
        rows.append(f"| {name} | {WORDS.get(one.rule, f'`{one.rule}`')} | {said} |\n")
    return HEAD + "".join(rows)


def page() -> str:
    """`docs/routes.md` with its table as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEAD)
    return before + table() + "\n" + rest.partition("\n\n")[2]


def guarded(rule: str) -> list[str]:
    return [
        f"{method}{TOGETHER}{route.pattern.removeprefix(V1 + '/')}"
        for method, route, asked in served()
        if PREFIX + asked == rule
    ]


def policy() -> str:
    """`conf/policy.yaml`: every rule, what it guards, and its default, commented out."""
    parts = [POLICY_HEAD]
    for rule in RULES:
        note = ", ".join([*guarded(rule.name), *([rule.note] if rule.note else [])])
        lines = textwrap.wrap(note, 96, initial_indent="# ", subsequent_indent="# ")
        lines = [line.replace(TOGETHER, " ") for line in lines]
        parts.append("\n".join(["", *lines, f'#"{rule.name}": "{rule.check}"', ""]))
    return "".join(parts)
