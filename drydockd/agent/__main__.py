"""``python -m drydockd.agent``: the reporter, where drydockd is installed."""

import sys

from drydockd.agent.reporter import main

sys.exit(main(sys.argv[1:]))
