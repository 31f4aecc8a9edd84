"""Metrics: all that a daemon exports are documented, all that documents name are exported."""

import re
import subprocess

import pytest
import yaml

from drydockd.config import Settings
from tests.docs.pages import ROOT, codes, mentions, page, rows

# Not followed by more of a dotted name: drydock_provisioner.drivers is a package.
METRIC = re.compile(r"(?<![\w.])(?:(?:drydock|python)_[a-z0-9_*]+\b\*?|drydockd_runner)(?![.\w])")
RULES = ROOT / "docs" / "prometheus-rules.yaml"


def test_every_metric_is_in_a_table_with_its_type_and_labels(exported):
    written = {}
    for row in rows("Metric", "Type", "Labels"):
        for name in row.code("Metric"):
            assert name not in written, f"{row.where}: {name} stands twice"
            written[name] = (row.cells["Type"], set(row.code("Labels")))
    assert written.keys() == exported.keys()
    for name, (kind, labels) in exported.items():
        assert written[name][0] == kind, name
        assert labels is None or written[name][1] == labels, name


def test_every_metric_of_the_rules_is_exported_with_the_labels_they_ask_for(exported):
    text = RULES.read_text(encoding="utf-8")
    for name, _, wanted in re.findall(r"\b((?:drydockd?)_\w+)(\{([^}]*)\})?", text):
        assert name in exported, name
        for label in re.findall(r"(\w+)=", wanted):
            assert label in (exported[name][1] or ()), f"{name} has no label {label}"


def test_every_alert_of_the_rules_is_on_the_page_and_no_other():
    rules = [rule["alert"] for group in groups() for rule in group["rules"]]
    written = [name for row in rows("Alert") for name in row.code("Alert")]
    assert sorted(written) == sorted(rules)
    assert page("docs/metrics.md")


def groups():
    return yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]


def promtool(*arguments, text=""):
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.peer("prometheus")
def test_prometheus_finds_nothing_wrong_with_names_units_and_rules(text):
    promtool("check", "metrics", text=text)
    promtool("check", "rules", str(RULES))


# Numbers a minute apart from the start -> the alerts that must fire after an hour.
TIMELINES = [
    ({'drydock_webhook_lag_seconds{webhook="a"}': "900x60"}, {"DrydockdWebhookLags"}),
    ({'drydock_webhook_lag_seconds{webhook="a"}': "60x60"}, set()),
    ({'drydock_webhook_up{webhook="a"}': "0x60"}, {"DrydockdWebhookLags"}),
    ({'up{job="drydockd"}': "1x60"}, set()),
    ({'up{job="drydockd"}': "0x60"}, {"DrydockdDown"}),
    ({"drydock_store_up": "1 0x60"}, {"DrydockdStoreDown"}),
    ({"drydock_store_silent_seconds": "0+60x60"}, {"DrydockdStale"}),
    ({"drydock_store_silent_seconds": "0.5x60"}, set()),
    ({'drydockd_runner{instance="a"}': "0x60", 'drydockd_runner{instance="b"}': "1 0x60"},
     {"DrydockdNoRunner"}),
    ({'drydockd_runner{instance="a"}': "0x60", 'drydockd_runner{instance="b"}': "1x60"}, set()),
    ({"drydock_cluster_clock_offset_seconds": "-1.5x60"}, {"DrydockdClock"}),
    ({"drydock_cluster_clock_offset_seconds": "0.5x60"}, set()),
    ({"drydock_provisioner_up": "0x60"}, {"DrydockdProvisionerDown"}),
    ({"drydock_keystone_up": "0x60"}, {"DrydockdKeystoneDown"}),
    (
        {'drydock_tasks_ended_total{action="deploy_nodes",outcome="failure"}': "0x55 1x5"},
        {"DrydockdTaskFailed"},
    ),
    ({'drydock_tasks_ended_total{action="deploy_nodes",outcome="success"}': "0+1x60"}, set()),
    ({'drydock_oldest_unfinished_task_timestamp_seconds{action="a"}': "-14400x60"},
     {"DrydockdTaskStuck"}),
    (
        {
            'drydock_node_steps_ended_total{step="deploy_node",outcome="failure"}': "0+1x60",
            'drydock_node_steps_ended_total{step="deploy_node",outcome="success"}': "0+2x60",
        },
        {"DrydockdNodesFailing"},
    ),
    ({'drydock_boot_actions_ended_total{outcome="missing"}': "0x50 2x10"},
     {"DrydockdBootActionsMissing"}),
    (
        {
            'drydock_bmc_errors_total{driver="redfish",kind="no_answer"}': "0+1x60",
            'drydock_bmc_calls_total{driver="redfish"}': "0+5x60",
        },
        {"DrydockdBmcsFailing"},
    ),
    ({'drydock_certificate_expiry_timestamp_seconds{kind="api.tls_cert"}': "90000x60"},
     {"DrydockdCertificateEnds"}),
    ({'drydock_http_requests_total{route="/x",code="500"}': "0x55 1x5"}, {"DrydockdErrors"}),
    ({'drydock_auth_failures_total{kind="bootkey"}': "0+9x60"}, {"DrydockdKeysGuessed"}),
    ({"drydock_store_free_bytes": "1000000000x60"}, {"DrydockdDiskFills"}),
    ({"drydock_store_free_bytes": "9000000000x60"}, set()),
    ({"drydock_process_start_time_seconds": "1x45 2x5 3x5 4x5"}, {"DrydockdRestarts"}),
    ({"drydock_process_start_time_seconds": "1x50 2x10"}, set()),
    (
        {"drydock_process_open_fds": "800x60", "drydock_process_max_fds": "1000x60"},
        {"DrydockdDescriptors"},
    ),
    ({'drydock_connections_closed_total{kind="refused"}': "0x50 5x10"}, {"DrydockdRefuses"}),
    ({'drydock_connections_closed_total{kind="evicted"}': "0x50 5x10"}, set()),
    ({'drydock_bmc_errors_total{driver="redfish",kind="no_answer"}': "0+1x60",
      'drydock_bmc_calls_total{driver="redfish"}': "0+50x60"}, set()),
    ({'drydock_certificate_expiry_timestamp_seconds{kind="api.tls_cert"}': "9000000x60"}, set()),
    ({"drydock_store_up": "1x60", "drydock_provisioner_up": "1x60", "drydock_keystone_up": "1x60"},
     set()),
    ({'drydock_oldest_unfinished_task_timestamp_seconds{action="a"}': "0x60"}, set()),
    ({'drydock_http_requests_total{route="/x",code="503"}': "0+1x60"}, set()),
    ({'drydock_auth_failures_total{kind="bootkey"}': "0+1x60"}, set()),
    ({'drydock_boot_actions_ended_total{outcome="success"}': "0+1x60"}, set()),
]  # fmt: skip


@pytest.mark.process
@pytest.mark.peer("prometheus")
def test_each_rule_fires_when_it_has_to_and_no_other_does(tmp_path):
    names = [rule["alert"] for group in groups() for rule in group["rules"]]
    assert {name for _, fired in TIMELINES for name in fired} == set(names)
    cases = []
    for number, (series, fired) in enumerate(TIMELINES):
        wanted = [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                "eval_time": "1h",
                "exp_samples": [{"labels": "{}", "value": 1}] if name in fired else [],
            }
            for name in names
        ]
        given = [{"series": name, "values": values} for name, values in series.items()]
        cases.append(
            {"name": str(number), "interval": "1m", "input_series": given,
             "promql_expr_test": wanted}
        )  # fmt: skip
    file = tmp_path / "rules-test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": cases}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_every_metric_that_a_document_names_is_exported(exported):
    options = {
        option
        for info in Settings.model_fields.values()
        for option in getattr(info.annotation, "model_fields", ())
    }
    wrong = [
        f"{code.where}: no daemon exports {name}"
        for code in codes()
        for name in METRIC.findall(code.text)
        if name not in options and not any(mentions(metric, {name}) for metric in exported)
    ]
    assert not wrong, "\n".join(wrong)
