"""What is told about tasks and nodes: events, a node now, a plan that is not carried out."""
