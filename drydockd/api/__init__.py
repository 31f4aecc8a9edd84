"""What goes over the wire: requests and answers of the API as pure data, one module per noun.

Handlers, client and command line share it. Nothing else of drydockd is imported here.
"""
