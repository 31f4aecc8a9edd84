"""The dashboard for Grafana, from a table of its panels: `docs/grafana-dashboard.json`.

`python -m tests.docs` writes it. Source of the format: grafana.com, "Dashboard JSON model".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.pages import ROOT

FILE = ROOT / "docs" / "grafana-dashboard.json"
UID, TITLE = "drydockd", "drydockd"
# Grafana's columns; a panel's height is in its own units of 30 pixels.
COLUMNS, HEIGHT, SMALL = 24, 8, 4
SOURCE = {"type": "prometheus", "uid": "${source}"}
# What stands in each expression for the daemons that were chosen above the panels.
CHOSEN = 'instance=~"$instance"'
DOWN_UP = {"0": {"text": "down", "color": "red"}, "1": {"text": "up", "color": "green"}}


@dataclass(frozen=True)
class Panel:
    """`queries` are legend -> expression, where `@` stands for the daemons that were chosen.

    `kind` is Grafana's name of it; `about` is what an operator does when it looks wrong.
    """

    title: str
    about: str
    unit: str
    queries: dict[str, str]
    kind: str = "timeseries"
    width: int = 8
    is_stacked: bool = False
    states: dict[str, dict[str, str]] | None = None

    @property
    def height(self) -> int:
        return SMALL if self.kind == "stat" else HEIGHT


def stat(title: str, about: str, unit: str, query: str, **options) -> Panel:
    return Panel(title, about, unit, {"{{instance}}": query}, kind="stat", width=4, **options)


ROWS: dict[str, tuple[Panel, ...]] = {
    "Now": (
        stat("Daemon", "Down: systemctl status drydockd.", "none", 'up{job="drydockd",@}',
             states=DOWN_UP),
        stat("Store", "Down: nothing is acknowledged; drydock health says why.", "none",
             "drydock_store_up{@}", states=DOWN_UP),
        stat("Node provisioner", "Down: drydock status has what it said last.", "none",
             "drydock_provisioner_up{@}", states=DOWN_UP),
        stat("Keystone", "Down: only known tokens are let in.", "none", "drydock_keystone_up{@}",
             states=DOWN_UP),
        stat("Oldest task under way", "Hours: drydock task list, drydock node show.", "s",
             "time() - min by (instance) (drydock_oldest_unfinished_task_timestamp_seconds{@})"),
        stat("Room on the disk", "Little: writing stops when it is full.", "bytes",
             "drydock_store_free_bytes{@}"),
    ),
    "Work": (
        Panel("Tasks that ended", "Failures: drydock task list --result failure.", "none",
              {"{{action}} {{outcome}}": "sum by (action, outcome) "
               "(increase(drydock_tasks_ended_total{@}[$__rate_interval])) > 0"}, is_stacked=True),
        Panel("Tasks and subtasks under way", "What is queued waits for its turn.", "none",
              {"{{kind}}": 'sum by (kind) (drydock_tasks{kind!="finished",@})'}, is_stacked=True),
        Panel("Nodes", "In the provisioner's words.", "none",
              {"{{state}}": "sum by (state) (drydock_nodes{@})"}, is_stacked=True),
        Panel("Attempts at steps that failed", "One step on all nodes: its backend; one node: "
              "drydock node show.", "percentunit",
              {"{{step}}": 'sum by (step) (increase(drydock_node_steps_ended_total{outcome='
               '"failure",@}[1h])) / (sum by (step) '
               "(increase(drydock_node_steps_ended_total{@}[1h])) > 0)"}),
        Panel("Time of a step, 9 of 10 nodes", "Slower than last week: the backend, or the image.",
              "s", {"{{step}}": "histogram_quantile(0.9, sum by (le, step) "
                    "(rate(drydock_node_step_duration_seconds_bucket{@}[1h])))"}),
        Panel("Time of a task, 9 of 10", "Without the wait for its turn.", "s",
              {"{{action}}": "histogram_quantile(0.9, sum by (le, action) "
               "(rate(drydock_task_duration_seconds_bucket{@}[6h])))"}),
        Panel("Boot actions", "Missing ones: drydock bootaction list --status incomplete.", "none",
              {"{{outcome}}": "sum by (outcome) "
               "(increase(drydock_boot_actions_ended_total{@}[$__rate_interval]))"}),
        Panel("BMC operations a second", "drydock bmc check --site REF.", "ops",
              {"{{driver}}": "sum by (driver) "
               "(rate(drydock_bmc_calls_total{@}[$__rate_interval]))"}),
        Panel("BMC operations that failed", "refused: account or certificate; no_answer: network.",
              "none", {"{{driver}} {{kind}}": "sum by (driver, kind) "
                       "(increase(drydock_bmc_errors_total{@}[$__rate_interval])) > 0"}),
    ),
    "Callers": (
        Panel("Answers a second", "500 is a defect, 503 a limit or a store that is down.", "reqps",
              {"{{code}}": "sum by (code) "
               "(rate(drydock_http_requests_total{@}[$__rate_interval]))"}, is_stacked=True),
        Panel("Time of an answer, 99 of 100", "Streams and long polls are long on purpose.", "s",
              {"{{method}} {{route}}": "histogram_quantile(0.99, sum by (le, method, route) "
               "(rate(drydock_http_request_duration_seconds_bucket{@}[$__rate_interval])))"}),
        Panel("Refused", "From where: the logger drydock.audit.", "none",
              {"{{kind}}": "sum by (kind) "
               "(increase(drydock_auth_failures_total{@}[$__rate_interval]))",
               "late": "sum(increase(drydock_auth_delays_total{@}[$__rate_interval]))",
               "unasked": "sum(increase("
               "drydock_auth_unknown_tokens_refused_total{@}[$__rate_interval]))"}),
        Panel("Connections", "Near api.connections the next one is refused.", "none",
              {"{{kind}}": "sum by (kind) (drydock_connections{@})",
               "event streams": "sum(drydock_event_streams{@})",
               "long polls": "sum(drydock_long_polls{@})"}),
        Panel("Connections closed by the daemon", "evicted, refused: somebody opens too many.",
              "none", {"{{kind}}": "sum by (kind) "
                       "(increase(drydock_connections_closed_total{@}[$__rate_interval]))"}),
        Panel("Asked of Keystone a second", "As many as callers: tokens are not cached.", "reqps",
              {"{{instance}}": "rate(drydock_keystone_requests_total{@}[$__rate_interval])"}),
        Panel("Webhooks wait for", "The receiver does not take events: drydock health.", "s",
              {"{{webhook}}": "drydock_webhook_lag_seconds{@}",
               "{{webhook}} down": "drydock_webhook_up{@} == 0"}),
        Panel("Events for webhooks", "refused: left out for good.", "none",
              {"{{webhook}} taken": "increase(drydock_webhook_events_total{@}[$__rate_interval])",
               "{{webhook}} failed":
               "increase(drydock_webhook_failures_total{@}[$__rate_interval])",
               "{{webhook}} refused":
               "increase(drydock_webhook_refused_total{@}[$__rate_interval])",
               "{{webhook}} waiting": "drydock_webhook_lag_events{@}"}),
    ),
    "Several daemons on one database": (
        Panel("Who runs the tasks", "None: drydock health of each daemon; two: no more than a "
              "moment, the older one's writes are refused.", "none",
              {"{{instance}}": "drydockd_runner{@}",
               "changes of hands": "drydock_cluster_epoch{@}"}),
        Panel("Silence of the database", "Past store.stale_seconds a daemon answers nothing: its "
              "network.", "s", {"{{instance}}": "drydock_store_silent_seconds{@}"}),
        Panel("Behind the others", "In writes; who stays behind cannot read fast enough.", "none",
              {"{{instance}}": "scalar(max(drydock_store_applied_writes)) - "
               "drydock_store_applied_writes{@}"}),
        Panel("Daemons alive, as each sees it", "They differ: a network between them.", "none",
              {"{{instance}}": "drydock_cluster_members{@}"}),
        Panel("Clocks", "From the database's; over 1 s: NTP of that host.", "s",
              {"{{instance}}": "abs(drydock_cluster_clock_offset_seconds{@})"}),
    ),
    "Process": (
        Panel("Processor", "Of one core: there is one loop, and threads beside it.", "percentunit",
              {"{{instance}}": "rate(drydock_process_cpu_seconds_total{@}[$__rate_interval])"}),
        Panel("Memory", "MemoryMax= of the unit ends it.", "bytes",
              {"{{instance}}": "drydock_process_resident_memory_bytes{@}"}),
        Panel("File descriptors", "LimitNOFILE= of the unit.", "percentunit",
              {"{{instance}}": "drydock_process_open_fds{@} / drydock_process_max_fds{@}"}),
        Panel("Records", "Old tasks: drydock task delete.", "none",
              {"{{kind}}": "sum by (kind) (drydock_store_records{@})"}),
        Panel("Journal", "Grows until it is folded.", "bytes",
              {"{{instance}}": "drydock_store_journal_bytes{@}"}),
        Panel("Certificates end in", "Renew, then systemctl reload drydockd.", "s",
              {"{{kind}}": "drydock_certificate_expiry_timestamp_seconds{@} - time()"}),
    ),
}  # fmt: skip


def page() -> str:
    """The text of `docs/grafana-dashboard.json`."""
    model = {
        "uid": UID,
        "title": TITLE,
        "description": "drydockd: what it does, what it depends on, who calls it.",
        "tags": ["drydockd"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": list(_variables())},
        "annotations": {"list": [_restarts()]},
        "panels": list(_panels()),
    }
    return json.dumps(model, indent=1) + "\n"


def _variables() -> Iterator[dict[str, object]]:
    yield {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}
    yield {
        "name": "instance",
        "type": "query",
        "label": "Daemon",
        "datasource": SOURCE,
        "query": {"query": "label_values(drydock_build_info, instance)", "refId": "instance"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _restarts() -> dict[str, object]:
    return {
        "name": "starts of the daemon",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"changes(drydock_process_start_time_seconds{{{CHOSEN}}}[1m]) > 0",
        "titleFormat": "{{instance}} was started",
    }


def _panels() -> Iterator[dict[str, object]]:
    number = top = 0
    for name, panels in ROWS.items():
        number += 1
        yield {
            "id": number, "type": "row", "title": name, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        }  # fmt: skip
        top, left = top + 1, 0
        for panel in panels:
            if left + panel.width > COLUMNS:
                top, left = top + panel.height, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield _panel(panel, number, place)
            left += panel.width
        top += panels[-1].height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, object]:
    defaults: dict[str, object] = {"unit": panel.unit, "min": 0}
    if panel.states:
        defaults["mappings"] = [{"type": "value", "options": panel.states}]
    if panel.kind == "timeseries":
        mode = "normal" if panel.is_stacked else "none"
        defaults["custom"] = {
            "fillOpacity": 10,
            "showPoints": "never",
            "stacking": {"mode": mode, "group": "A"},
        }
    shown = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"}
    legend = {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi"},
    }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": shown if panel.kind == "stat" else legend,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": expression.replace("@", CHOSEN),
                "legendFormat": name,
            }
            for index, (name, expression) in enumerate(panel.queries.items())
        ],
    }
