"""The image catalogue: what machines are installed from, and what they start to be installed.

A folder of entries, one YAML file each, beside the blobs they name. `catalogue` reads it; others
write it. drydockd ships recipes, never images. Source: contract, netboot, section 8.
"""
