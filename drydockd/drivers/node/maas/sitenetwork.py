"""Writes a site's networks to MAAS: reads, compares, changes only what differs and is ours.

Every step may be repeated; an interrupted run is simply made again. Source: contract, maas,
section 5, ``create_network_template``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drydockd.drivers.base import SiteNote
from drydockd.drivers.node.maas import domains, siteplan, sitestate
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.records import Records
from drydockd.drivers.node.maas.siteplan import SitePlan, WantedLink, WantedNetwork, WantedRoute
from drydockd.drivers.node.maas.sitestate import SiteState, Subnet, Vlan
from drydockd.errors import DriverPersistent
from drydockd.site import Network, NetworkLink


async def apply(
    client: MaasClient,
    records: Records,
    links: Mapping[str, NetworkLink],
    networks: Mapping[str, Network],
) -> Sequence[SiteNote]:
    """Return a note per network, and one per problem.

    Raises DriverConflict before the first write: a range overlaps another one.
    """
    wanted = siteplan.plan(links, networks)
    await records.keep_domains({n.name: n.dns_domain for n in networks.values()})
    if not wanted.links:
        return [*wanted.problems, SiteNote("no network links to write")]
    state = await sitestate.read(client, with_racks=any(n.has_dhcp for n in wanted.networks))
    stale = siteplan.stale_ranges(wanted, state)
    siteplan.check(wanted, state, stale)
    return await _Writer(client, records, state).write(wanted, stale)


class _Writer:
    """One run; `_subnets` and `_vlans` grow with what is written."""

    def __init__(self, client: MaasClient, records: Records, state: SiteState) -> None:
        self._client = client
        self._records = records
        self._state = state
        self._subnets = dict(state.subnets)
        self._vlans = dict(state.vlans)
        self._domains = set(state.domains)
        self._notes: list[SiteNote] = []

    async def write(self, plan: SitePlan, stale: Sequence[sitestate.Range]) -> Sequence[SiteNote]:
        self._notes += plan.problems
        await self._records.claim(
            gateways={n.cidr: n.gateway for n in plan.networks if n.gateway},
            routes=[route for n in plan.networks for route in n.routes],
        )
        # An older range goes first: a newer one may overlap it.
        await self._end_dhcp(plan, stale)
        for one in stale:
            await self._client.delete(at("iprange", id=one.id))
        written: list[WantedNetwork] = []
        for link in plan.links:
            written += await self._link(link)
        for network in written:
            await self._routes(network)
        await self._drop_routes(plan)
        await self._records.settle(
            gateways={n.cidr: n.gateway for n in plan.networks if n.gateway},
            routes=[route for n in plan.networks for route in n.routes],
            left_alone=plan.left_alone,
        )
        return self._notes

    # -- fabrics and VLANs

    async def _link(self, link: WantedLink) -> list[WantedNetwork]:
        try:
            fabric_id = siteplan.fabric_of(link, self._state)
        except ValueError as error:
            text = f"link {link.name}: {error}"
            self._notes.append(SiteNote(text, True, "network_link", link.name))
            return []
        fabric_id = await self._fabric(link, fabric_id)
        await self._untagged(link, fabric_id)
        written = []
        for network in link.networks:
            try:
                text = await self._network(network, link, fabric_id)
                written.append(network)
                await self._dhcp(network)
            except DriverPersistent as error:
                self._trouble(network, str(error))
                continue
            text = f"network {network.name}: subnet {network.cidr} on fabric {link.name}, {text}"
            self._notes.append(SiteNote(text, False, "network", network.name))
        return written

    async def _fabric(self, link: WantedLink, fabric_id: int | None) -> int:
        form: Form = {"name": link.name}
        if fabric_id is None:
            made = await self._client.post(at("fabrics"), form=form)
            for document in made.get("vlans") or ():
                self._keep(sitestate.vlan_of(document))
            return int(made["id"])
        if self._state.fabrics[fabric_id] != link.name:
            await self._client.put(at("fabric", id=fabric_id), form)
        return fabric_id

    async def _untagged(self, link: WantedLink, fabric_id: int) -> None:
        """The VLAN without a tag has the link's MTU, unless a network says another."""
        told = [n.mtu for n in link.networks if n.vid == 0 and n.mtu is not None]
        mtu = max(told, default=link.mtu)
        vlan = self._vlan_at(fabric_id, 0)
        if vlan is not None and vlan.mtu != mtu:
            await self._change_vlan(vlan, {"mtu": mtu})

    async def _vlan(self, network: WantedNetwork, link: WantedLink, fabric_id: int) -> Vlan:
        there = [n for n in link.networks if n.vid == network.vid]
        told = [n.mtu for n in there if n.mtu is not None]
        mtu = max(told, default=link.mtu)
        vlan = self._vlan_at(fabric_id, network.vid)
        if vlan is None:
            form: Form = {"name": network.name, "vid": network.vid, "mtu": mtu}
            made = await self._client.post(at("vlans", fabric=fabric_id), form=form)
            return self._keep(sitestate.vlan_of(made))
        change: dict[str, str | int] = {}
        # Two networks of one VLAN, as in a dual stack: it has the name of one.
        if vlan.name not in {n.name for n in there}:
            change["name"] = network.name
        if vlan.mtu != mtu:
            change["mtu"] = mtu
        return await self._change_vlan(vlan, change) if change else vlan

    async def _change_vlan(self, vlan: Vlan, form: Form) -> Vlan:
        path = at("vlan", fabric=vlan.fabric_id, vid=vlan.vid)
        return self._keep(sitestate.vlan_of(await self._client.put(path, form)))

    def _vlan_at(self, fabric_id: int, vid: int) -> Vlan | None:
        for vlan in self._vlans.values():
            if (vlan.fabric_id, vlan.vid) == (fabric_id, vid):
                return vlan
        return None

    def _keep(self, vlan: Vlan) -> Vlan:
        self._vlans[vlan.id] = vlan
        return vlan

    # -- subnets and ranges

    async def _network(self, network: WantedNetwork, link: WantedLink, fabric_id: int) -> str:
        if network.domain and network.domain not in self._domains:
            await domains.ensure(self._client, network.domain)
            self._domains.add(network.domain)
        vlan = await self._vlan(network, link, fabric_id)
        verdict = await self._subnet(network, vlan)
        await self._ranges(network)
        return verdict

    async def _subnet(self, network: WantedNetwork, vlan: Vlan) -> str:
        known = self._subnets.get(network.cidr)
        if known is None:
            form = {**_subnet_form(network, vlan), "cidr": network.cidr}
            made = await self._client.post(at("subnets"), form={k: v for k, v in form.items() if v})
            self._subnets[network.cidr] = sitestate.subnet_of(made)
            return "created"
        change = self._subnet_change(network, vlan, known)
        if not change:
            return "as it was"
        answer = await self._client.put(at("subnet", id=known.id), change)
        self._subnets[network.cidr] = sitestate.subnet_of(answer)
        return f"changed: {', '.join(change)}"

    def _subnet_change(self, network: WantedNetwork, vlan: Vlan, known: Subnet) -> Form:
        now: Form = {
            "name": known.name,
            "vlan": known.vlan_id,
            "gateway_ip": known.gateway or "",
            "dns_servers": ",".join(known.dns),
        }
        wanted = dict(_subnet_form(network, vlan))
        if network.gateway is None and not self._records.gave_gateway(network.cidr, known.gateway):
            # Somebody else's gateway, which the design says nothing about.
            wanted.pop("gateway_ip")
        return {name: value for name, value in wanted.items() if now[name] != value}

    async def _ranges(self, network: WantedNetwork) -> None:
        there = {(r.type, r.start, r.end) for r in self._state.ranges}
        for one in network.ranges:
            if (one.type, one.start, one.end) in there:
                continue
            form: Form = {
                "type": one.type,
                "start_ip": one.start,
                "end_ip": one.end,
                "subnet": self._subnets[network.cidr].id,
                "comment": f"{siteplan.COMMENT}: network {network.name}",
            }
            await self._client.post(at("ipranges"), form=form)

    # -- DHCP

    async def _dhcp(self, network: WantedNetwork) -> None:
        """Turn it on, with its racks, in one request; a dynamic range must be there before."""
        if not network.has_dhcp:
            return
        vlan = self._vlans[self._subnets[network.cidr].vlan_id]
        if network.relay:
            await self._relay(network, vlan, network.relay)
            return
        primary, secondary = siteplan.racks_for(vlan, self._state.racks)
        if primary is None:
            raise DriverPersistent(
                f"no DHCP: no healthy rack controller has an interface on its VLAN {vlan.vid}"
            )
        now = (vlan.dhcp_on, vlan.primary_rack, vlan.secondary_rack, vlan.relay_vlan)
        if now != (True, primary, secondary, None):
            # An empty value resets; one left out would stay.
            form: Form = {
                "dhcp_on": True,
                "primary_rack": primary,
                "secondary_rack": secondary or "",
                "relay_vlan": "" if vlan.relay_vlan is not None else None,
            }
            await self._change_vlan(vlan, form)

    async def _relay(self, network: WantedNetwork, vlan: Vlan, target: str) -> None:
        relay = siteplan.relay_for(target, self._state.racks)
        if relay is None:
            raise DriverPersistent(
                f"no DHCP: dhcp_relay.upstream_target {target} is no address of a healthy rack "
                "controller"
            )
        if vlan.relay_vlan == relay and not vlan.dhcp_on:
            return
        await self._change_vlan(
            vlan, {**_OFF, "relay_vlan": relay} if vlan.dhcp_on else {"relay_vlan": relay}
        )

    async def _end_dhcp(self, plan: SitePlan, stale: Sequence[sitestate.Range]) -> None:
        """DHCP ends where the last of its ranges was ours and goes."""
        for cidr in {one.cidr for one in stale if one.type == "dynamic"}:
            subnet = self._subnets.get(cidr)
            vlan = self._vlans.get(subnet.vlan_id) if subnet else None
            if vlan is None or not vlan.dhcp_on:
                continue
            beside = {s.cidr for s in self._subnets.values() if s.vlan_id == vlan.id}
            stay = [r for r in self._state.ranges if r.cidr in beside and r not in stale]
            wanted = any(n.has_dhcp and n.cidr in beside for n in plan.networks)
            if not wanted and not any(one.type == "dynamic" for one in stay):
                await self._change_vlan(vlan, _OFF)

    # -- routes

    async def _routes(self, network: WantedNetwork) -> None:
        for route in network.routes:
            destination = self._subnets.get(route.destination)
            if destination is None:
                text = f"route to {route.destination}: MAAS has no such subnet"
                self._trouble(network, text)
                continue
            await self._route(route, self._subnets[network.cidr], destination)

    async def _route(self, route: WantedRoute, source: Subnet, destination: Subnet) -> None:
        form: Form = {
            "source": source.id,
            "destination": destination.id,
            "gateway_ip": route.gateway,
            "metric": route.metric,
        }
        for known in self._state.routes:
            if _key(known) == _key(route):
                if known.metric != route.metric:
                    await self._client.put(at("static-route", id=known.id), form)
                return
        await self._client.post(at("static-routes"), form=form)

    async def _drop_routes(self, plan: SitePlan) -> None:
        wanted = {_key(route) for network in plan.networks for route in network.routes}
        for known in self._state.routes:
            is_ours = self._records.made_route(_key(known))
            if is_ours and _key(known) not in wanted and known.source not in plan.left_alone:
                await self._client.delete(at("static-route", id=known.id))

    def _trouble(self, network: WantedNetwork, text: str) -> None:
        text = f"network {network.name}: {text}"
        self._notes.append(SiteNote(text, network.is_judged, "network", network.name))


_OFF: Form = {"dhcp_on": False, "primary_rack": "", "secondary_rack": ""}


def _key(route: WantedRoute | sitestate.StaticRoute) -> tuple[str, str, str]:
    return route.source, route.destination, route.gateway


def _subnet_form(network: WantedNetwork, vlan: Vlan) -> Form:
    return {
        "name": network.name,
        "vlan": vlan.id,
        "gateway_ip": network.gateway or "",
        "dns_servers": ",".join(network.dns),
    }
