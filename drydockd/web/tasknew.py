"""A new task: first what it would do, then, from that page only, the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from drydockd import errors
from drydockd.auth.audit import Event
from drydockd.design import Design
from drydockd.handlers import body
from drydockd.handlers.tasks import ACTION
from drydockd.model import API_ACTIONS, SITE_ACTIONS, Action, Task
from drydockd.site import Level
from drydockd.tasks import DryRun, TaskRequest
from drydockd.web import commands
from drydockd.web.confirming import Confirmation
from drydockd.web.taskpages import OfTaskPages

# The designs of so many tasks are offered.
RECENT = 50
# So many nodes may be named in one form.
MOST_NODES = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants; `nodes` None: all nodes of the design."""

    action: Action
    design_ref: str
    nodes: tuple[str, ...] | None

    def request(self, *, dry_run: bool = False) -> TaskRequest:
        wanted = commands.filter_of(self.nodes)
        return TaskRequest(self.action, self.design_ref, wanted, self.nodes is None, dry_run)


class OfNewTasks(OfTaskPages):
    """What the dry run and the task have in common."""

    def asked(self, given: Mapping[str, list[str]]) -> Asked | None:
        """Return what a form asks for; None while it does not say enough. Raises InvalidInput."""
        word = (given.get("action") or [""])[-1].strip()
        action = ACTION.read(word) if word else None
        ref = (given.get("design_ref") or [""])[-1].strip()
        if action is None or not ref:
            return None
        if action not in API_ACTIONS:
            raise errors.InvalidInput(f"action: {body.shown(action)} is a step, not a task")
        names = [name for text in given.get("node", ()) for name in text.replace(",", " ").split()]
        if len(names) > MOST_NODES:
            raise errors.InvalidInput(f"node: at most {MOST_NODES} names")
        is_all = action in SITE_ACTIONS or not names
        return Asked(action, ref, None if is_all else tuple(dict.fromkeys(names)))

    async def confirmation(self, asked: Asked, nodes: tuple[str, ...]) -> Confirmation:
        """Return what has to be typed before the action is taken on `nodes`."""
        design = await self._design(asked.design_ref)
        region = design.site.region
        return Confirmation(asked.action, region.name if region else "(no name)", nodes)

    async def _design(self, ref: str) -> Design:
        caller = self.caller
        return await self.services.designs.load(
            ref, marker=caller.external_marker, end_user=caller.end_user, owner=caller.user
        )


class NewTaskPage(OfNewTasks):
    """The dry run. It changes nothing, though a long list of nodes comes as a POST."""

    policy: ClassVar = {"GET": "read_task", "POST": "read_task"}
    about: ClassVar = {
        "GET": "what a new task would do; the form for one",
        "POST": "the same, for more nodes than an address holds",
    }
    parameters: ClassVar = {"GET": ("action", "design_ref", "node")}

    async def get(self) -> None:
        arguments = self.request.query_arguments
        given = {k: [v.decode("utf-8", "replace") for v in vs] for k, vs in arguments.items()}
        await self._show(given)

    async def post(self) -> None:
        await self._show(self.form)

    async def _show(self, given: Mapping[str, list[str]]) -> None:
        self.require("create_task")
        asked = self.asked(given)
        if asked is None:
            await self._ask(given)
            return
        self.require(asked.action)
        run = await self.services.tasks.submit(asked.request(dry_run=True), self.caller)
        if isinstance(run, DryRun):
            await self.show_run(asked, run)

    async def _ask(self, given: Mapping[str, list[str]]) -> None:
        refs = dict.fromkeys(t.design_ref for t in await self.newest(RECENT) if t.design_ref)
        self.render_page(
            "task_new.html",
            title="New task",
            actions=[action for action in API_ACTIONS if self.may(action)],
            action=(given.get("action") or [""])[-1],
            design_ref=(given.get("design_ref") or [""])[-1] or next(iter(refs), ""),
            design_refs=list(refs),
            nodes=" ".join(given.get("node", ())),
        )

    async def show_run(self, asked: Asked, run: DryRun) -> None:
        rows, trouble = await self._rows()
        await self.render_long(
            "task_dry_run.html",
            title=f"{asked.action}: what would happen",
            asked=asked,
            run=run,
            rows=rows,
            trouble=trouble,
            same_steps=_common(run),
            remarks=[finding for finding in run.findings if finding.level is not Level.INFO],
            confirm=await self.confirmation(asked, run.nodes),
            lines=commands.create(asked.action, asked.design_ref, asked.nodes, self.url),
        )

    async def _rows(self) -> tuple[dict[str, tuple[str, str]], str]:
        """Return state and power of the provisioner's nodes by name, or why it does not tell."""
        driver = self.services.node_driver
        if driver is None:
            return {}, "no node driver is enabled (plugins.node_driver)"
        try:
            rows = await driver.list_nodes()
        except errors.DrydockError as error:
            return {}, str(error)
        return {row.hostname: (row.status_name, row.power_state) for row in rows}, ""


def _common(run: DryRun) -> tuple[str, ...] | None:
    """Return the steps, if they are the same for every node."""
    steps = set(run.steps.values())
    return steps.pop() if len(steps) == 1 else None


class CreateTask(OfNewTasks):
    """From the page of the dry run: of exactly the nodes that stood there."""

    policy: ClassVar = {"POST": "create_task"}
    about: ClassVar = {"POST": "creates the task that the dry run showed"}

    async def post(self) -> None:
        asked = self.asked(self.form)
        if asked is None:
            raise errors.InvalidInput("action and design_ref are needed: begin with the dry run")
        self.require(asked.action)
        if self.field("shown") != "yes":
            raise errors.InvalidInput("Nothing was done: a task begins with its dry run")
        if asked.nodes is None and asked.action not in SITE_ACTIONS:
            raise errors.InvalidInput("Nothing was done: the dry run names the nodes; begin there")
        confirm = await self.confirmation(asked, asked.nodes or ())
        confirm.check(self.field("typed_name"), self.field("typed_count"))
        made = await self.services.tasks.submit(asked.request(), self.caller)
        if isinstance(made, Task):
            description = f"task {made.action}"
            self.record(
                Event.SENSITIVE_CREATE, self.caller.user, made.task_id, description=description
            )
            self.go(self.path_of(made))
