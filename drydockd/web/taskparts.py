"""The parts of a task's page as HTML: what the page is made of first and what changes later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment

from drydockd.model import Message
from drydockd.web.tasktree import State, Step, Tree
from drydockd.web.timeline import timeline

# So many nodes of a step and of a cause stand on the page; the rest is counted, and listed
# on a page of the step.
MOST_NODES = 48
MOST_DONE = 12
MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A message as it stands in the log: its place, counted from 1, and whose it is."""

    number: int
    node: str | None
    is_error: bool
    html: str


@dataclass(frozen=True, slots=True)
class Partial:
    """A piece of HTML and the element it goes to."""

    target: str
    swap: str
    html: str

    def __str__(self) -> str:
        return (
            f'<hx-partial hx-target="#{self.target}" hx-swap="{self.swap}">{self.html}</hx-partial>'
        )


class Parts:
    """Renders with the templates of `environment`."""

    def __init__(self, environment: Environment) -> None:
        self._macros = environment.get_template("task_parts.html").module

    def head(self, tree: Tree) -> str:
        """State, counts and times of the task: inside of ``#task-head``."""
        return self._render("head", tree)

    def causes(self, tree: Tree) -> str:
        """Why nodes failed: inside of ``#task-causes``."""
        return self._render("causes", tree, tree.causes, MOST_NAMED)

    def step(self, tree: Tree, step: Step) -> str:
        """One step with its nodes: the element ``#step-<action>``."""
        shown = step.shown(MOST_NODES, MOST_DONE)
        return self._render("step", tree, step, shown, len(step.nodes) - len(shown))

    def timeline(self, tree: Tree, now: str) -> str:
        """When how many nodes were in which step: inside of ``#task-timeline``."""
        end = tree.root.ended if tree.root else None
        return self._render("timeline", timeline(tree.steps.values(), end or now))

    def node(self, tree: Tree, name: str, reasons: Mapping[str, str | None]) -> str:
        """The way of one node through the steps: inside of ``#task-node``."""
        state = tree.tally.of(name) or State.WAITING
        return self._render("node", tree, name, state, tree.attempts.get(name, []), reasons)

    def line(
        self, root_id: str, number: int, message: Message, node: str | None, step: str
    ) -> Line:
        html = self._render("line", root_id, number, message, node, step)
        return Line(number, node, message.error, html)

    def earlier(self, root_id: str, first: int, node: str | None) -> str:
        """The link to what was said before the message numbered `first`: in ``#log-earlier``."""
        return self._render("earlier", root_id, first, node)

    def errors(self, root_id: str, first: int | None, node: str | None) -> str:
        """The link to the first error: inside of ``#log-errors``."""
        return self._render("errors", root_id, first, node)

    def _render(self, name: str, *arguments: object) -> str:
        text: str = getattr(self._macros, name)(*arguments)
        return text


def event(event_id: str, partials: Iterable[Partial]) -> bytes:
    """Return one server-sent event that brings the partials."""
    html = "".join(map(str, partials))
    # Each of these ends a line of a stream; in HTML they are all the same.
    data = html.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\ndata: ")
    return f"id: {event_id}\ndata: {data}\n\n".encode()


def joined(lines: Sequence[Line]) -> str:
    return "".join(line.html for line in lines)
