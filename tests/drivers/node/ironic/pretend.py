"""An Ironic for what a real one does not do on demand: states come as a test says, look by look.

A rule of `proxy`. After a verb the node takes the states of `ways[verb]`, one for each look at
it, the last of them for good.
"""

import copy
import json

from tests.drivers.node.ironic.proxy import answers, says
from tests.peers.ironic import seen

UUID = "0b1e5c4a-0000-4000-8000-000000000001"
MAC = "52:54:00:00:00:01"
WAYS = {
    "manage": ["manageable"],
    "inspect": ["inspecting", "inspect wait", "manageable"],
    "provide": ["cleaning", "available"],
    "active": ["deploying", "wait call-back", "active"],
    "deleted": ["deleting", "cleaning", "available"],
}


class PretendIronic:
    """One node, n1. `told` are the verbs it was told, `drives` what came with each."""

    def __init__(self, provision="enroll", inventory=True, **fields):
        given = {"uuid": UUID, "name": "n1", "provision_state": provision, "extra": {}}
        self.node = copy.deepcopy(given | fields)
        self.ports = [{"uuid": "p-1", "address": MAC, "node_uuid": UUID, "pxe_enabled": True}]
        self.inventory = seen(MAC) if inventory else None
        self.learns = seen(MAC)
        self.ways = copy.deepcopy(WAYS)
        self.coming = []
        self.told, self.drives, self.traits, self.events = [], [], set(), []
        self.conductors = [{"hostname": "c1", "alive": True}]
        self.drivers = [{"name": "fake-hardware", "hosts": ["c1"]}]
        self.last = {}  # what comes with a state, by its name

    def __call__(self, request):
        if request.path == "/v1/drivers":
            return answers({"drivers": self.drivers})
        if request.path == "/v1/conductors":
            return answers({"conductors": self.conductors})
        if request.path == "/v1/nodes":
            return answers({"nodes": [self.node] if self.node else []})
        if request.path == "/v1/ports":
            return self._ports(request)
        if self.node is None or request.path.split("/")[3] not in (UUID, self.node["name"]):
            return says(404, "Node could not be found.")
        return self._of_node(request, "/".join(request.path.split("/")[4:]))

    def _ports(self, request):
        if request.method == "POST":
            self.ports.append({"uuid": "p-2", "pxe_enabled": True, **request.body})
            return answers(self.ports[-1], 201)
        wanted = request.query.get("address")
        return answers({"ports": [p for p in self.ports if wanted in (None, p["address"])]})

    def _of_node(self, request, rest):
        if rest == "" and request.method == "GET":
            self._advance()
            return answers(self.node)
        if rest == "" and request.method == "PATCH":
            for change in request.body:
                self._change(change)
            return answers(self.node)
        if rest == "" and request.method == "DELETE":
            self.node = None
            return 204, {}, b""
        if rest == "inventory":
            if self.inventory is None:
                return says(404, "Node inventory record for node could not be found.")
            return answers({"inventory": self.inventory})
        if rest == "states/provision":
            return self._tell(request)
        if rest == "maintenance":
            self.node |= {"maintenance": False, "fault": None}
        elif rest == "ports":
            return answers({"ports": self.ports})
        elif rest == "history":
            return answers({"history": self.events})
        elif rest.startswith("traits/"):
            getattr(self.traits, "add" if request.method == "PUT" else "discard")(rest[7:])
        return 204, {}, b""

    def _advance(self):
        if self.coming:
            self.node["provision_state"] = self.coming.pop(0)
            self.node |= self.last.get(self.node["provision_state"], {})

    def _tell(self, request):
        verb = request.body["target"]
        if verb not in self.ways:
            return says(400, f"the hardware type does not support {verb}")
        self.told.append(verb)
        self.drives.append(request.body.get("configdrive"))
        self.coming = list(self.ways[verb])
        if verb == "inspect":
            self.inventory = self.learns
        if verb == "deleted":
            self.node |= {"instance_uuid": None, "instance_info": {}}
        return 202, {}, b""

    def _change(self, change):
        *way, last = change["path"].strip("/").split("/")
        place = self.node
        for part in way:
            place = place.setdefault(part, {})
        if change["op"] == "remove":
            place.pop(last)
        else:
            place[last] = json.loads(json.dumps(change["value"]))
