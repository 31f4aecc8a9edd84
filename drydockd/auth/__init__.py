"""Who asks, and what they may: strategies, policy, keys of nodes, audit.

Import from the modules, so that a command which only mints a token need not load Keystone's
library: `strategy` (Authenticator), `keystone`, `jwt`, `noauth`, `policy` (Policy), `bootkey`
(BootKeys), `secret` (load_secret), `identity` (ServiceIdentity), `throttle` (Throttle),
`audit` (Audit, Event), `certificates`.
"""
