"""How driver steps run: one node at one step, a step, nodes through several steps."""
