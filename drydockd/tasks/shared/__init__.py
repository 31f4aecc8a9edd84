"""What everything at work shares: durable writes, limits, news of changes."""
