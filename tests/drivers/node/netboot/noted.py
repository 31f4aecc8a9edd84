"""A dnsmasq that does nothing."""


class Noted:
    """Stands for dnsmasq: remembers what it is told."""

    def __init__(self):
        self.applied, self.reserved, self.released, self.sick = [], [], [], None

    async def apply(self, networks):
        is_new = not self.applied or self.applied[-1] != networks
        self.applied.append(networks)
        return is_new

    async def reserve(self, *reservation):
        self.reserved.append(reservation)

    async def release(self, macs):
        self.released += macs

    def problem(self):
        return self.sick

    async def close(self):
        pass
