"""What the contract shows of each answer."""

TASK_ID = "77ad2a44-0c7c-4a3a-8a4f-2d7a5a7b6c22"
CHILD_ID = "0f1d2c3b-4a59-4687-9f6e-5d4c3b2a1f0e"
TIME = "2026-01-31T10:20:30.123456+00:00"

MESSAGE = {
    "message": "Node cab01-n08 failed commissioning.",
    "error": True,
    "context_type": "node",
    "context": "cab01-n08",
    "ts": TIME,
    "extra": {},
}
RESULT = {
    "kind": "Status",
    "apiVersion": "v1.0",
    "metadata": {},
    "message": None,
    "reason": None,
    "status": "partial_success",
    "successes": ["cab01-n07"],
    "failures": ["cab01-n08"],
    "links": [
        {
            "rel": "detail_logs",
            "href": f"http://drydock-api:9000/api/v1.0/tasks/{TASK_ID}/builddata",
        }
    ],
    "details": {"errorCount": 1, "messageList": [MESSAGE]},
}
TASK = {
    "kind": "Task",
    "apiVersion": "v1",
    "task_id": TASK_ID,
    "action": "prepare_nodes",
    "parent_task_id": None,
    "design_ref": "file:///srv/site/site.yaml",
    "status": "complete",
    "result": RESULT,
    "node_filter": None,
    "subtask_id_list": [CHILD_ID],
    "created": TIME,
    "created_by": "ops",
    "updated": TIME,
    "terminated": None,
    "terminated_by": None,
    "terminate": False,
    "retry": 0,
}
TREE = {
    "init_task_id": TASK_ID,
    TASK_ID: TASK,
    CHILD_ID: None,
    "subtask_errors": {CHILD_ID: RESULT | {"task_id": CHILD_ID}},
}
BUILD_DATA = {
    "node_name": "cab01-n07",
    "task_id": TASK_ID,
    "collected_date": TIME,
    "generator": "lshw",
    "data_format": "text/xml",
    "data_element": "<list/>",
}
NODE = {
    "hostname": "cab01-n07",
    "memory": 131072,
    "cpu_count": 32,
    "status_name": "Deployed",
    "boot_mac": "52:54:00:aa:bb:cc",
    "boot_ip": "10.1.2.7",
    "power_state": "on",
    "power_address": "10.9.0.7",
}
NODE_VIEW = {
    "hostname": "cab01-n07",
    "provisioner": NODE,
    "provisioner_error": None,
    "task_id": TASK_ID,
    "action": "deploy_nodes",
    "step": "deploy_node",
    "step_task_id": CHILD_ID,
    "waiting_for": "the provisioner",
    "since": TIME,
    "until": TIME,
    "last_contact": None,
    "boot_data": {
        "task_id": CHILD_ID,
        "created": TIME,
        "closed": None,
        "delivered": {"units": TIME},
    },
    "boot_actions": [
        {
            "action_id": "01J9ZC7M3W8Q6N2V5R4T1XKPHB",
            "action_name": "ceph-prep",
            "status": "incomplete",
            "task_id": CHILD_ID,
            "updated": TIME,
        }
    ],
    "last": {
        "task_id": TASK_ID,
        "action": "deploy_nodes",
        "ended": TIME,
        "outcome": "failure",
        "step": "deploy_node",
        "step_task_id": CHILD_ID,
        "cause": "cab01-n07: ...",
        "remedy": "read the messages of the task",
    },
}
FINDING = {
    "kind": "ValidationMessage",
    "name": "DD2005",
    "message": "Duplicated IP Check: ...",
    "error": True,
    "level": "Error",
    "diagnostic": "...",
    "ts": TIME,
    "documents": [{"schema": "drydock/BaremetalNode/v1", "name": "cab01-n07"}],
}
VALIDATION = {
    "kind": "Status",
    "apiVersion": "v1.0",
    "metadata": {},
    "message": "Site design failed validation.",
    "reason": "See detail messages.",
    "status": "Failure",
    "code": 400,
    "details": {"errorCount": 1, "messageList": [FINDING]},
}
DRY_RUN = {
    "kind": "DryRun",
    "action": "deploy_nodes",
    "design_ref": "file:///srv/site/site.yaml",
    "nodes": ["cab01-n07"],
    "steps": {"cab01-n07": ["apply_node_networking", "deploy_node"]},
    "valid": False,
    "findings": [FINDING],
    "notes": [],
    "unmatched": {},
}
HEALTH = {
    "kind": "Status",
    "apiVersion": "v1.0",
    "metadata": {},
    "status": "Failure",
    "message": "Drydock failed to respond",
    "reason": "HealthCheck",
    "details": {
        "errorCount": 1,
        "messageList": [
            {"message": "Unable to connect to MaaS", "error": True, "kind": "SimpleMessage"}
        ],
    },
    "code": 503,
}
VERSION = {"path": "/api/v1.0", "status": "stable"}
BOOT_ACTION = {
    "node_name": "cab01-n07",
    "action_id": "01J9ZC7M3W8Q6N2V5R4T1XKPHB",
    "action_name": "ceph-prep",
    "task_id": TASK_ID,
    "action_status": "success",
}
BOOT_ACTION_ROW = {
    "node_name": "cab01-n07",
    "action_id": "01J9ZC7M3W8Q6N2V5R4T1XKPHB",
    "action_name": "ceph-prep",
    "status": "incomplete",
    "task_id": CHILD_ID,
    "updated": TIME,
}
ERROR = {"type": "error", "message": "Task 6f0c... does not exist", "retry": False}
STATE_EVENT = {
    "task_id": TASK_ID,
    "parent_task_id": None,
    "action": "deploy_nodes",
    "status": "running",
    "result": "incomplete",
    "retry": 0,
    "started": TIME,
    "deadline": None,
    "updated": TIME,
    "nodes": 2,
}
NODE_EVENT = {k: v for k, v in STATE_EVENT.items() if k != "nodes"} | {"node": "cab01-n07"}
MESSAGE_EVENT = MESSAGE | {"task_id": TASK_ID, "seq": 1}
STATUS = {
    "version": "0.1.0",
    "started": TIME,
    "uptime_seconds": 3700.5,
    "dependencies": [
        {"name": "store", "state": "up", "cause": None},
        {"name": "provisioner", "state": "down", "cause": "refused"},
        {"name": "keystone", "state": "none", "cause": None},
    ],
    "warnings": ["api.tls_cert ends tomorrow"],
    "tasks": [
        {
            "task_id": TASK_ID,
            "action": "deploy_nodes",
            "status": "running",
            "created": TIME,
            "created_by": "ops",
            "nodes": 3,
            "passed": 1,
            "failed": 1,
            "step": "deploy_node",
        }
    ],
    "failures": [
        {
            "task_id": TASK_ID,
            "action": "deploy_nodes",
            "step": "deploy_node",
            "cause": "n1: broke",
            "remedy": "mend it",
            "count": 2,
            "nodes": ["n1", "n2"],
        }
    ],
}
