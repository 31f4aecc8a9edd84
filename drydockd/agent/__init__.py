"""What runs on a node: the reporter. Standard library only; nothing of drydockd is imported."""
