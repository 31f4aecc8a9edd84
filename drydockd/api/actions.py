"""The names of what can be done: by a caller's task, and by the steps below it."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """Every action name a task record may carry."""

    VALIDATE_DESIGN = "validate_design"
    VERIFY_SITE = "verify_site"
    PREPARE_SITE = "prepare_site"
    VERIFY_NODES = "verify_nodes"
    PREPARE_NODES = "prepare_nodes"
    DEPLOY_NODES = "deploy_nodes"
    DESTROY_NODES = "destroy_nodes"
    RELABEL_NODES = "relabel_nodes"
    # ours
    ACCEPT_NODES = "accept_nodes"
    POWER_ON_NODES = "power_on_nodes"
    POWER_OFF_NODES = "power_off_nodes"
    POWER_CYCLE_NODES = "power_cycle_nodes"
    # internal
    NOOP = "noop"
    BOOTACTION_REPORT = "bootaction_report"
    # out of band
    VALIDATE_OOB_SERVICES = "validate_oob_services"
    CONFIG_NODE_PXE = "config_node_pxe"
    SET_NODE_BOOT = "set_node_boot"
    POWER_OFF_NODE = "power_off_node"
    POWER_ON_NODE = "power_on_node"
    POWER_CYCLE_NODE = "power_cycle_node"
    INTERROGATE_OOB = "interrogate_oob"
    # node provisioner
    VALIDATE_NODE_SERVICES = "validate_node_services"
    CREATE_NETWORK_TEMPLATE = "create_network_template"
    CREATE_STORAGE_TEMPLATE = "create_storage_template"
    CREATE_BOOT_MEDIA = "create_boot_media"
    CONFIGURE_USER_CREDENTIALS = "configure_user_credentials"
    CONFIGURE_NODE_PROVISIONER = "configure_node_provisioner"
    PREPARE_HARDWARE_CONFIG = "prepare_hardware_config"
    IDENTIFY_NODE = "identify_node"
    CONFIGURE_HARDWARE = "configure_hardware"
    INTERROGATE_NODE = "interrogate_node"
    APPLY_NODE_NETWORKING = "apply_node_networking"
    APPLY_NODE_STORAGE = "apply_node_storage"
    APPLY_NODE_PLATFORM = "apply_node_platform"
    DEPLOY_NODE = "deploy_node"
    DESTROY_NODE = "destroy_node"
    # kubernetes
    RELABEL_NODE = "relabel_node"


API_ACTIONS = (
    Action.VALIDATE_DESIGN,
    Action.VERIFY_SITE,
    Action.PREPARE_SITE,
    Action.VERIFY_NODES,
    Action.PREPARE_NODES,
    Action.DEPLOY_NODES,
    Action.DESTROY_NODES,
    Action.RELABEL_NODES,
    Action.ACCEPT_NODES,
    Action.POWER_ON_NODES,
    Action.POWER_OFF_NODES,
    Action.POWER_CYCLE_NODES,
)
SITE_ACTIONS = (Action.VALIDATE_DESIGN, Action.VERIFY_SITE, Action.PREPARE_SITE)
# The names of the original's documentation; its code, and ours, use the plural.
SINGULAR = {
    "verify_node": Action.VERIFY_NODES,
    "prepare_node": Action.PREPARE_NODES,
    "deploy_node": Action.DEPLOY_NODES,
    "destroy_node": Action.DESTROY_NODES,
    "relabel_node": Action.RELABEL_NODES,
}
# What a caller may write -> the action meant.
CALLED = {str(action): action for action in API_ACTIONS} | SINGULAR
