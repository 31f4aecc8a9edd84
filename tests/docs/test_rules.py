"""Validation rules: the table is what runs; every code that a document names exists."""

import ast
import inspect
import re
from pathlib import Path

from drydockd.design import findings
from drydockd.design.rules import all_rules
from tests.docs.pages import pages, rows

CODE = re.compile(r"\bDD\d{3,4}\b")


def test_the_table_holds_every_rule_in_its_order_with_its_file():
    written = [
        (row.cells["Code"], row.cells["Name"], *row.code("File")) for row in rows("Code", "File")
    ]
    # A rule without the catalogue is wrapped: the function of its own is in the wrapper.
    folder = Path(inspect.getfile(inspect.getmodule(all_rules))).parent
    files = {
        (said["CODE"], said["NAME"]): path.stem
        for path in folder.glob("[!_]*.py")
        for said in [constants(path)]
    }
    assert written == [(r.code, r.name, files[r.code, r.name]) for r in all_rules()]


def constants(path: Path) -> dict[str, object]:
    """The module's constants, by name."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            names, values = node.targets[0], node.value
            pairs = (
                zip(names.elts, values.elts, strict=True)
                if isinstance(names, ast.Tuple) and isinstance(values, ast.Tuple)
                else [(names, values)]
            )
            found |= {n.id: v.value for n, v in pairs if isinstance(v, ast.Constant)}
    return found


def test_every_code_that_a_document_names_exists():
    known = {rule.code for rule in all_rules()} | set(CODE.findall(inspect.getsource(findings)))
    wrong = [
        f"{page.name}:{number}: there is no {code}"
        for page in pages()
        for number, line in enumerate(page.path.read_text(encoding="utf-8").splitlines(), 1)
        for code in CODE.findall(line)
        if code not in known
    ]
    assert not wrong, "\n".join(wrong)
