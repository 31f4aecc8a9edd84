"""The provisioner `maas`: machines are enlisted, installed and wiped by a MAAS of the site.

`client` speaks with it, and only `paths` knows its paths. Source: contract, maas and maas-facts.
"""

from drydockd.drivers.node.maas.options import MaasOptions
from drydockd.drivers.node.maas.provisioner import MaasProvisioner
from drydockd.drivers.options import Offer

DRIVER = Offer(
    MaasProvisioner,
    MaasOptions,
    "maasdriver",
    "a MAAS of the site, version 3.3 to 3.8",
)
