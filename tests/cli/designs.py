"""Running `drydock design` as a user does, and a small design to run it on."""

from click.testing import CliRunner, Result

from drydockd.cli.root import cli

SMALL = """\
---
apiVersion: drydock/v1
kind: HostProfile
metadata: {name: base}
spec:
  hardware_profile: r640
  primary_network: lan
  oob: {type: ipmi, network: oob, account: root, credential: s3cret}
  platform:
    image: jammy
    kernel: ga-22.04
    kernel_params: {quiet: true, console: ttyS0}
  metadata: {tags: [prod, rackable], owner_data: {team: infra, tier: '1'}}
---
apiVersion: drydock/v1
kind: HostProfile
metadata: {name: worker}
spec:
  host_profile: base
  interfaces:
    eno1: {device_link: trunk, slaves: [nic1], networks: [lan], sriov: {vf_count: 4}}
  storage:
    physical_devices:
      sda:
        partitions:
          - {name: root, size: 30g, filesystem: {mountpoint: /, fstype: xfs}}
          - {name: boot, size: 1g, filesystem: {mountpoint: /boot}}
  metadata: {tags: ['!rackable', worker], owner_data: {tier: '2'}}
---
schema: drydock/HardwareProfile/v1
metadata: {schema: metadata/Document/v1, name: r640}
data: {vendor: Dell}
---
schema: drydock/Network/v1
metadata: {schema: metadata/Document/v1, name: lan}
data:
  cidr: 10.9.0.0/24
  dns: {domain: example.com, servers: '10.9.0.2'}
  routes: [{subnet: 0.0.0.0/0, gateway: 10.9.0.1}]
---
schema: drydock/Network/v1
metadata: {schema: metadata/Document/v1, name: oob}
data: {cidr: 10.8.0.0/24}
---
schema: drydock/NetworkLink/v1
metadata: {schema: metadata/Document/v1, name: trunk}
data: {allowed_networks: [lan], trunking: {default_network: lan}}
---
schema: drydock/BaremetalNode/v1
metadata: {schema: metadata/Document/v1, name: w01}
data:
  host_profile: worker
  platform: {kernel_params: {nosmt: true}}
  metadata: {tags: [gpu], rack: r1}
  storage:
    physical_devices:
      sda: {partitions: [{name: root, size: 60g}]}
  addressing: [{network: lan, address: 10.9.0.11}, {network: oob, address: 10.8.0.11}]
---
schema: drydock/BaremetalNode/v1
metadata: {schema: metadata/Document/v1, name: w02}
data:
  host_profile: worker
  addressing: [{network: lan, address: 10.9.0.12}, {network: oob, address: 10.8.0.12}]
---
schema: drydock/BootAction/v1
metadata: {schema: metadata/Document/v1, name: motd}
data:
  signaling: false
  assets:
    - {type: file, path: /etc/motd, permissions: '0644', data_pipeline: [utf8_decode, template],
       data: 'I am {{ node.hostname }}, {{ action.action_key }}'}
    - {type: unit, path: /etc/systemd/system/x.service, permissions: '444',
       location: 'http://files.example/{{ node.hostname }}.service',
       location_pipeline: [template]}
    - {type: pkg_list, data: {curl: '7.0-1', vim: null}}
    - {type: pkg_list, location: 'http://files.example/packages'}
"""


def drydock(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run `drydock` with these arguments; standard output and error are kept apart."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)


def line_of(text: str) -> int:
    """The line of SMALL, 1-based, that holds `text`."""
    return next(i for i, line in enumerate(SMALL.splitlines(), 1) if text in line)
