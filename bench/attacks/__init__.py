"""What an attacker or a broken client does to a daemon: plain functions, used by tests too."""
