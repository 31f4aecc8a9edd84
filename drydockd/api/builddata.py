"""What was learnt about a node. Source: contract, api, section 6.2; tasks, section 12."""

from __future__ import annotations

from drydockd.api.base import Answer


class BuildData(Answer):
    """One document: `data_format` is its media type, `collected_date` ISO 8601."""

    node_name: str
    task_id: str
    collected_date: str
    generator: str
    data_format: str
    data_element: str
