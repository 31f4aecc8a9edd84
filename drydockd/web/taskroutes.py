"""The pages of tasks, on one screen."""

from __future__ import annotations

from tornado import web

from drydockd.handlers.routing import Route
from drydockd.web.dashboard import Dashboard
from drydockd.web.taskactions import RetryPage, StopPage
from drydockd.web.tasknew import CreateTask, NewTaskPage
from drydockd.web.taskpages import StepPage, TaskButtons, TaskListPage, TaskPage
from drydockd.web.taskstream import TaskStream
from drydockd.web.taskwatches import TaskWatches


class TasksPage(TaskListPage, CreateTask):
    """The list of tasks; a POST, from the page of a dry run, adds one."""

    policy = TaskListPage.policy | CreateTask.policy
    about = TaskListPage.about | CreateTask.about
    parameters = TaskListPage.parameters


def task_routes(dashboard: Dashboard, body_bytes: int) -> list[Route]:
    """Return the routes; `body_bytes` is what a form may have."""
    base = f"{dashboard.base}/tasks"
    parts = {"dashboard": dashboard, "watches": TaskWatches(dashboard.looks)}

    def route(path: str, handler: type[web.RequestHandler], body: int | None = None) -> Route:
        return Route(f"{base}{path}", handler, body, parts)

    return [
        route("", TasksPage, body_bytes),
        route("/new", NewTaskPage, body_bytes),
        route("/{task_id}", TaskPage),
        route("/{task_id}/stream", TaskStream),
        route("/{task_id}/buttons", TaskButtons),
        route("/{task_id}/steps/{action}", StepPage),
        route("/{task_id}/stop", StopPage, body_bytes),
        route("/{task_id}/retry", RetryPage, body_bytes),
    ]
