"""Events that are told to others over http: signed, in order, at least once."""

from drydockd.webhooks.courier import Courier, State
from drydockd.webhooks.couriers import Couriers
from drydockd.webhooks.sender import Sender

__all__ = ["Courier", "Couriers", "Sender", "State"]
