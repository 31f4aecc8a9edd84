"""What tasks are made of: settings, requests, records, their states and results. Pure."""
