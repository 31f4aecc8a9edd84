"""Which templates cannot make more out of their input than they are given. Pure.

Look-ups, a few filters, conditions and shallow loops: what `sandbox` renders in this process.
"""

from __future__ import annotations

from jinja2 import nodes

PLAIN_DEPTH = 30
PLAIN_LOOP_DEPTH = 2
PLAIN_FILTERS = {
    *("urlencode", "lower", "upper", "trim", "length", "count", "first", "last"),
    *("tojson", "sort", "list", "string"),
}
PLAIN_FILTER_CHAIN = 3
PLAIN_TESTS = {"defined", "undefined", "none", "true", "false", "string", "mapping"}
PLAIN_METHODS = {"items", "keys", "values"}
PLAIN_NODES = (
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Const,
    nodes.Tuple,
    nodes.List,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.CondExpr,
    nodes.For,
    nodes.Call,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
)


def is_plain(node: nodes.Node, depth: int = 0, loops: int = 0, filters: int = 0) -> bool:
    """Say whether no part of the tree can make more out of its input than it is given."""
    if not isinstance(node, PLAIN_NODES) or not _is_plain_alone(node):
        return False
    loops += isinstance(node, nodes.For)
    # Counted along the path, not the chain: (a|x if b)|x is two filters as well.
    filters += isinstance(node, nodes.Filter)
    if depth > PLAIN_DEPTH or loops > PLAIN_LOOP_DEPTH or filters > PLAIN_FILTER_CHAIN:
        return False
    children = node.iter_child_nodes()
    return all(is_plain(child, depth + 1, loops, filters) for child in children)


def _is_plain_alone(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Name):
        return not node.name.startswith("_")
    if isinstance(node, nodes.Getattr):
        return not node.attr.startswith("_")
    if isinstance(node, nodes.Getitem):
        return isinstance(node.arg, nodes.Const)
    if isinstance(node, nodes.Tuple | nodes.List):
        # What a loop unpacks into, or a list to compare with; never a way to collect values.
        stored = isinstance(node, nodes.Tuple) and node.ctx == "store"
        return stored or all(isinstance(item, nodes.Const) for item in node.items)
    if isinstance(node, nodes.Filter):
        return _is_plain_filter(node)
    if isinstance(node, nodes.Test):
        return node.name in PLAIN_TESTS and not (node.args or node.kwargs)
    if isinstance(node, nodes.Call):
        return _is_plain_call(node)
    return not (isinstance(node, nodes.For) and node.recursive)


def _is_plain_call(node: nodes.Call) -> bool:
    """Only ``x.items()`` and its like, without arguments."""
    return (
        isinstance(node.node, nodes.Getattr)
        and node.node.attr in PLAIN_METHODS
        and not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    )


def _is_plain_filter(node: nodes.Filter) -> bool:
    if node.kwargs or node.dyn_args or node.dyn_kwargs or node.node is None:
        return False
    if node.name == "join":
        # A separator for every character multiplies: only on a value as the context has it.
        value = node.node
        while isinstance(value, nodes.Filter) and value.name in ("sort", "list") and value.node:
            value = value.node
        separators = [arg for arg in node.args if isinstance(arg, nodes.Const)]
        return (
            isinstance(value, nodes.Name | nodes.Getattr | nodes.Getitem)
            and len(separators) == len(node.args) <= 1
            and all(len(str(arg.value)) < 16 for arg in separators)
        )
    if node.name in ("default", "d"):
        return all(isinstance(arg, nodes.Const) for arg in node.args)
    return node.name in PLAIN_FILTERS and not node.args
