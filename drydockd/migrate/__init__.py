"""Moving over: what the original kept in its PostgreSQL database, taken into a store of ours.

`database` reads, `rows` turns one row into one record or says why not, `carry` writes. It knows
the records and the store, like `tasks`, and nothing of the daemon: the only one who comes here is
the command line.
"""

from drydockd.migrate.carry import MOMENT_KEY, Carrier
from drydockd.migrate.database import Original
from drydockd.migrate.dry import rehearsal
from drydockd.migrate.rules import policy_differences
from drydockd.migrate.tally import Tally

__all__ = [
    "MOMENT_KEY",
    "Carrier",
    "Original",
    "Tally",
    "policy_differences",
    "rehearsal",
]
