"""drydockd turns a site design into running bare-metal machines."""

__version__ = "0.1.0"
