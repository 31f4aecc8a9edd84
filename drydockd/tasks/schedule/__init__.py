"""Which task runs when, and its way from the queue to its end."""
