"""Several daemons on one store: who of them may act, and what makes sure of it."""
