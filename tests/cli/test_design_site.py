from drydockd.cli.design_site import Hidden, authorized_keys, values
from drydockd.site import AddressRange, Network, Region, Repository, Site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExample"


def with_keys(*keys):
    return Site(region=Region("r", authorized_keys=keys))


def test_a_key_is_shown_by_its_fingerprint_as_ssh_keygen_has_it():
    (shown,) = authorized_keys(with_keys(f"{KEY} x@example.com"))

    assert shown == ("ssh-ed25519 SHA256:WwQitKKewSA374kGO/vD1KsGY1MA1kRWjBgHUAaq+os x@example.com")


def test_options_before_a_key_stay_and_what_is_no_key_is_shown_as_it_is():
    first, second = authorized_keys(with_keys(f'from="10.0.0.1" {KEY}', "ssh-rsa !!"))

    assert first.startswith('from="10.0.0.1" ssh-ed25519 SHA256:')
    assert second == "ssh-rsa !! (not base64)"


def test_a_value_is_compared_by_more_than_it_shows():
    assert Hidden("***", "a") == Hidden("***", "b")
    assert Hidden("***", "a").raw != Hidden("***", "b").raw


def test_networks_are_compared_by_what_the_provisioner_is_told():
    network = Network(
        "n",
        "10.0.0.0/24",
        vlan_id="7",
        ranges=(AddressRange("dhcp", "10.0.0.1", "10.0.0.9"),),
        dhcp_relay_upstream_target="10.1.0.1",
    )

    assert values(Site(networks={"n": network}))["networks"] == {
        "n cidr": "10.0.0.0/24",
        "n vlan": "7",
        "n dhcp ranges": "10.0.0.1 to 10.0.0.9",
        "n dhcp relay": "None to 10.1.0.1",
    }


def test_repositories_are_compared_whole():
    region = Region("r", repositories=(Repository("main", "http://u:p@a/", "apt", gpgkey="k"),),
                    remove_unlisted=True)  # fmt: skip

    found = values(Site(region=region))["repositories"]

    assert set(found) == {"main", "those not listed"}
    assert "u:p" not in found["main"]
    assert "signed" in found["main"]
