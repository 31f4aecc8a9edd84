"""The page: what people see of the daemon."""
