"""The driver for BMCs that speak Redfish (DSP0266), with an own client: no library's.

None can be cancelled, keeps a deadline, or reads the state before it repeats a reset whose answer
was lost. Source: contract, oob-faults, B.
"""

from drydockd.drivers.oob.redfish.driver import RedfishOob
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.options import Offer

DRIVER = Offer(RedfishOob, RedfishOptions, "redfish_driver", "BMCs that speak Redfish")
