"""The few deliberate errors; each exists because some caller acts differently on it.

::

    DrydockError
    ├── InvalidInput          400  the caller's request is wrong; the message says where
    │   ├── InvalidFilter          a node filter; names the key
    │   └── InvalidDesign          a design does not parse, compile or validate
    ├── Unauthenticated       401
    ├── Forbidden             403
    ├── NotFound              404
    ├── Conflict              409  the state the caller assumed is gone
    │   └── Fenced                 another daemon has the right to act now
    ├── NotRunner                  this daemon has no right to act any more
    ├── Gone                  410
    ├── TooLarge              413
    ├── Misdirected           421  the request is for another host
    ├── TooMany               429  the caller has had its share, or asks too often
    ├── RenderError           500  a boot action asset could not be rendered
    ├── StoreRefused               the state directory cannot be used as it is
    ├── Unavailable           503  try again later (``retry: true``)
    │   ├── StoreUnavailable       the state directory cannot be written
    │   │   └── StoreStale         what others wrote last cannot be read now
    │   ├── SourceUnavailable      a design or asset source does not answer
    │   └── Busy                   a queue is full; told with Retry-After
    ├── InvalidConfig              the daemon must not start, or keeps what it had on a reload
    └── DriverError                a backend; never reaches a client as such
        ├── NodeUnknown            the backend certainly does not know the node
        ├── DriverTransient        connection, time-out, 429, 5xx: may be tried again
        ├── DriverPersistent       credentials, configuration: trying again is useless
        ├── DriverConflict         wrong state; the message names it
        ├── DriverUnsupported      a design value the backend cannot honour
        └── DriverLimit            the step's time limit passed

The status codes are applied in one table, in ``handlers/base.py``. Messages are written
for the operator: what, which one, what was seen, what to do; never a key or a token.
"""


class DrydockError(Exception):
    """The base; ``str(error)`` is a message an operator may read."""


class InvalidInput(DrydockError):
    """The request cannot be what its sender meant."""


class InvalidFilter(InvalidInput):
    """A node filter breaks the rules of contract, tasks, section 8; the message names the key."""


class InvalidDesign(InvalidInput):
    """A design reference or its documents are wrong, and stay wrong when fetched again."""


class Unauthenticated(DrydockError):
    """No valid identity. ``challenge`` is the value for WWW-Authenticate, if any.

    ``description`` says why, as far as the sender may know.
    """

    def __init__(
        self,
        message: str = "Unauthenticated",
        challenge: str | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(message)
        self.challenge = challenge
        self.description = description


class Forbidden(DrydockError):
    """An identity, but not the permission."""


class NotFound(DrydockError):
    """What was asked for does not exist; a failure to look is never a NotFound."""


class Conflict(DrydockError):
    """A compare-and-set failed: the record is no longer in the state the caller assumed."""


class Fenced(Conflict):
    """A guarded write came after the end of its epoch: another daemon is the runner now."""


class NotRunner(DrydockError):
    """This daemon's right to act is over for good: the process has to end."""


class Misdirected(DrydockError):
    """The request is for a host name that is not answered here."""


class Gone(DrydockError):
    """Something the original once offered and drydockd does not."""


class TooLarge(DrydockError):
    """A body, a document set or an asset is over its configured limit."""


class TooMany(DrydockError):
    """The caller has had its share; `retry_after` seconds, if any, are worth waiting."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RenderError(DrydockError):
    """An asset could not be rendered; the message names boot action, asset and cause.

    `bootaction` is the name of the boot action, where one is at fault.
    """

    def __init__(self, message: str, bootaction: str = "") -> None:
        super().__init__(message)
        self.bootaction = bootaction


class StoreRefused(DrydockError):
    """The state directory is locked, damaged, of a newer format or open to others.

    The message names the file, what was seen and the command that helps; trying again does not.
    """


class Unavailable(DrydockError):
    """Something needed is away for now; the same request may succeed in `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """A write did not reach the disk; memory and disk are unchanged."""


class StoreStale(StoreUnavailable):
    """What other daemons wrote last is not known here yet; what is, can be read."""


class SourceUnavailable(Unavailable):
    """A reference could not be fetched after all attempts; the message carries the last cause."""


class Busy(Unavailable):
    """So many wait already that one more is turned away; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int = 10) -> None:
        super().__init__(message, retry_after)


class InvalidConfig(DrydockError):
    """A setting, key or policy file is unusable; the message names option or file and the cure."""


class DriverError(DrydockError):
    """A driver could not do what was asked; raised by drivers, handled by the task steps."""


class NodeUnknown(DriverError):
    """The backend certainly does not know the node (a failed look-up is DriverTransient)."""


class DriverTransient(DriverError):
    """Connection, time-out, 429 or 5xx: worth another attempt within the step's limit.

    `retry_after`: the seconds that the backend asked to be left alone, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DriverPersistent(DriverError):
    """Credentials or configuration: another attempt would end the same way."""


class DriverConflict(DriverError):
    """The backend's node is in a state that does not allow the call; the message names it."""


class DriverUnsupported(DriverError):
    """The backend cannot honour a design value; the message names field and value."""


class DriverLimit(DriverError):
    """The time limit of the step passed; the backend's state is left as it is."""
