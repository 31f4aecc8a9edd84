"""The documents of the scripted BMC (`tests.peers.bmc`): what it answers to those who read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ROOT = "/redfish/v1"
METADATA = """\
<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">
  <edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/ServiceRoot_v1.xml">
    <edmx:Include Namespace="ServiceRoot"/>
    <edmx:Include Namespace="ServiceRoot.v1_15_0"/>
  </edmx:Reference>
  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">
      <EntityContainer Name="Service" Extends="ServiceRoot.v1_15_0.ServiceContainer"/>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
"""


@dataclass
class Machine:
    """One system behind the BMC. `lag`: how many reads its power takes to follow."""

    id: str = "1"
    power: str = "Off"
    lag: int = 0
    serial: str = "SN-0001"
    uuid: str = "8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0001"
    macs: list = field(default_factory=lambda: ["52:54:00:AA:00:01"])
    type: str = "Physical"
    name: str = ""
    sku: str = ""
    boot: dict = field(default_factory=dict)
    more: dict = field(default_factory=dict)
    resets: list = field(default_factory=list)
    # How often a running machine was cut off.
    cuts: int = 0
    # Power states that the next reads show, before the one it ends in.
    coming: list = field(default_factory=list)
    version: int = 1

    def read_power(self) -> str:
        if self.coming:
            self.power = self.coming.pop(0)
        return self.power

    def settle(self) -> str:
        """The state it is on its way to."""
        return self.coming[-1] if self.coming else self.power


def a_boot(**more) -> dict:
    return {
        "BootSourceOverrideEnabled": "Disabled",
        "BootSourceOverrideTarget": "None",
        "BootSourceOverrideMode": "UEFI",
        **more,
    }


class Documents:
    """Reads the attributes of the BMC that it is a part of."""

    def get(self, path: str) -> dict | None:
        path = path.rstrip("/")
        fixed = {
            "/redfish": lambda: {"v1": f"{ROOT}/"},
            ROOT: self._root,
            f"{ROOT}/odata": self._odata,
            f"{ROOT}/SessionService": self._session_service,
            f"{ROOT}/SessionService/Sessions": self._sessions,
            f"{ROOT}/Systems": self._systems,
            f"{ROOT}/Managers": lambda: _collection(f"{ROOT}/Managers", ["bmc"], "Manager"),
            f"{ROOT}/Managers/bmc": self._manager,
            f"{ROOT}/Chassis": lambda: _collection(f"{ROOT}/Chassis", ["1"], "Chassis"),
            f"{ROOT}/Tasks/7": lambda: None if self.task_is_gone else self.task_body,
        }
        if path in fixed:
            return fixed[path]()
        if match := re.fullmatch(rf"{ROOT}/Systems/([^/]+)(?:/(.*))?", path):
            machine = next((m for m in self.machines if m.id == match[1]), None)
            return self._under_system(machine, match[2] or "") if machine else None
        if match := re.fullmatch(rf"{ROOT}/Chassis/1(?:/(.*))?", path):
            return self._under_chassis(match[1] or "")
        if match := re.fullmatch(rf"{ROOT}/SessionService/Sessions/([^/]+)", path):
            return self._session(match[1]) if path in self.sessions else None
        return None

    def _root(self) -> dict:
        body = {
            "@odata.id": f"{ROOT}/",
            "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "Vendor": "Scripted",
            "RedfishVersion": "1.15.0",
            "UUID": "92384634-2938-2342-8820-489239905423",
            "Systems": {"@odata.id": f"{ROOT}/Systems"},
            "Managers": {"@odata.id": f"{ROOT}/Managers"},
            "Chassis": {"@odata.id": f"{ROOT}/Chassis"},
            "Links": {},
        }
        if self.links == "links":
            body["Links"]["Sessions"] = {"@odata.id": f"{ROOT}/SessionService/Sessions"}
        if self.links in ("links", "service") and self.has_sessions:
            body["SessionService"] = {"@odata.id": f"{ROOT}/SessionService"}
        if not self.has_sessions:
            body["Links"] = {}
        return body

    def _odata(self) -> dict:
        names = ("Systems", "Managers", "Chassis")
        listed = [{"name": n, "kind": "Singleton", "url": f"{ROOT}/{n}"} for n in names]
        root = {"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"}
        return {"@odata.context": f"{ROOT}/$metadata", "value": [root, *listed]}

    def _session_service(self) -> dict | None:
        if not self.has_sessions:
            return None
        return {
            "@odata.id": f"{ROOT}/SessionService",
            "@odata.type": "#SessionService.v1_1_8.SessionService",
            "Id": "SessionService",
            "Name": "Session Service",
            "ServiceEnabled": True,
            "SessionTimeout": 1800,
            "Sessions": {"@odata.id": f"{ROOT}/SessionService/Sessions"},
        }

    def _sessions(self) -> dict | None:
        if not self.has_sessions:
            return None
        names = [path.rpartition("/")[2] for path in self.sessions]
        return _collection(f"{ROOT}/SessionService/Sessions", names, "Session")

    def _session(self, name: str) -> dict:
        path = f"{ROOT}/SessionService/Sessions/{name}"
        told = {
            "@odata.id": path,
            "@odata.type": "#Session.v1_5_0.Session",
            "Id": name,
            "Name": "User Session",
            "UserName": self.account,
            **self.session_notes.get(path, {}),
        }
        return {key: value for key, value in told.items() if key not in self.untold_of_sessions}

    def _systems(self) -> dict:
        names = [machine.id for machine in self.machines]
        if self.empty_collections:
            self.empty_collections -= 1
            names = []
        return _collection(f"{ROOT}/Systems", names, "ComputerSystem")

    def _manager(self) -> dict:
        return {
            "@odata.id": f"{ROOT}/Managers/bmc",
            "@odata.type": "#Manager.v1_19_0.Manager",
            "Id": "bmc",
            "Name": "Manager",
            "ManagerType": "BMC",
            "FirmwareVersion": "7.10.30.00",
        }

    def _under_system(self, machine: Machine, rest: str) -> dict | None:
        path = f"{ROOT}/Systems/{machine.id}"
        if rest in ("", "SD"):
            return self._system(machine, path, rest)
        if rest == "ResetActionInfo" and self.action_info:
            parameter = {"Name": "ResetType", "AllowableValues": self.reset_types or []}
            return {"@odata.id": f"{path}/{rest}", "Id": rest, "Parameters": [parameter]}
        nics = f"{path}/EthernetInterfaces"
        names = [str(number) for number in range(len(machine.macs))]
        if rest == "EthernetInterfaces" and not self.adapter_ports:
            return _collection(nics, names, "EthernetInterface")
        if (name := rest.removeprefix("EthernetInterfaces/")) in names and not self.adapter_ports:
            mac = machine.macs[int(name)]
            return {
                "@odata.id": f"{nics}/{name}",
                "@odata.type": "#EthernetInterface.v1_9_0.EthernetInterface",
                "Id": name,
                "Name": f"NIC {name}",
                "MACAddress": mac,
            }
        return None

    def _system(self, machine: Machine, path: str, rest: str) -> dict:
        action = {"target": f"{path}/Actions/ComputerSystem.Reset"}
        if self.action_info:
            action["@Redfish.ActionInfo"] = f"{path}/ResetActionInfo"
        elif self.reset_types is not None:
            action["ResetType@Redfish.AllowableValues"] = self.reset_types
        place = f"{path}/{rest}" if rest else path
        body = {
            "@odata.id": place,
            "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
            "@odata.etag": self.etag(machine),
            "Id": machine.id,
            "Name": f"System {machine.id}",
            "SystemType": machine.type,
            "Manufacturer": "Example Inc.",
            "Model": "Scripted 9000",
            "SerialNumber": machine.serial,
            "UUID": machine.uuid,
            "HostName": machine.name,
            "PowerState": machine.read_power(),
            "Boot": dict(machine.boot),
            "Actions": {"#ComputerSystem.Reset": action},
            "Links": {
                "ManagedBy": [{"@odata.id": f"{ROOT}/Managers/bmc"}],
                "Chassis": [{"@odata.id": f"{ROOT}/Chassis/1"}],
            },
            **machine.more,
        }
        if machine.sku:
            body["SKU"] = machine.sku
        if not self.adapter_ports:
            body["EthernetInterfaces"] = {"@odata.id": f"{path}/EthernetInterfaces"}
        if self.settings_only and not rest:
            settings = {"SettingsObject": {"@odata.id": f"{path}/SD"}}
            body["@Redfish.Settings"] = settings
        return body

    def _under_chassis(self, rest: str) -> dict | None:
        path = f"{ROOT}/Chassis/1"
        kind = self.adapter_ports
        chassis = {
            "@odata.id": path,
            "@odata.type": "#Chassis.v1_23_0.Chassis",
            "Id": "1",
            "Name": "Chassis",
            "ChassisType": "RackMount",
        }
        if not kind:
            return chassis if not rest else None
        adapters = f"{path}/NetworkAdapters"
        ports = f"{adapters}/NIC.1/{kind}"
        documents = {
            "": {**chassis, "NetworkAdapters": {"@odata.id": adapters}},
            "NetworkAdapters": _collection(adapters, ["NIC.1"], "NetworkAdapter"),
            "NetworkAdapters/NIC.1": {"Id": "NIC.1", kind: {"@odata.id": ports}},
            f"NetworkAdapters/NIC.1/{kind}": _collection(ports, ["1"], "Port"),
            f"NetworkAdapters/NIC.1/{kind}/1": {
                "Ports": {"Ethernet": {"AssociatedMACAddresses": self.machine.macs}},
                "NetworkPorts": {"AssociatedNetworkAddresses": self.machine.macs},
                "NetworkDeviceFunctions": {"Ethernet": {"MACAddress": self.machine.macs[0]}},
            }[kind],
        }
        return documents.get(rest)


def _collection(path: str, names: list, kind: str) -> dict:
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": f"{kind} Collection",
        "Members@odata.count": len(names),
        "Members": [{"@odata.id": f"{path}/{name}"} for name in names],
    }


def error(message_id: str, text: str = "", args: tuple = ()) -> dict:
    note = {"MessageId": message_id, "Message": text, "MessageArgs": list(args)}
    return {
        "error": {
            "code": "Base.1.13.GeneralError",
            "message": "A general error has occurred.",
            "@Message.ExtendedInfo": [note],
        }
    }
