"""What a machine runs to be inspected, installed and wiped: standard library only, no drydockd.

It asks for its work and reports it; nobody connects to it. `work` is the whole life, `steps` the
installation in its order. It is shipped as one file: see `bundle` of drydockd.images.
Source: contract, netboot, section 5.
"""

VERSION = "1"
