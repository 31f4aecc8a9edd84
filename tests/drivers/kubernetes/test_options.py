"""What a configuration may say of a cluster, and what contradicts itself."""

import pytest
from pydantic import ValidationError

from drydockd.drivers.kubernetes.options import DirectOptions, PromenadeOptions

URL = "https://k.example:6443"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": URL, "in_cluster": True}, "and only one"),
        ({"kubeconfig": "/k", "token_file": "/t"}, "go with url"),
        ({"in_cluster": True, "insecure": True}, "go with url"),
        ({"url": URL, "context": "c"}, "context goes with kubeconfig"),
        ({"url": URL, "token": "a", "token_file": "/t"}, "token_file and token: give one"),
        ({"url": URL, "client_key": "/k"}, "client_key without client_certificate"),
        ({"url": URL, "ca_file": "/c", "insecure": True}, "ca_file without checking"),
        ({"url": "k.example:6443"}, "say https://"),
        ({"url": "https://joe:secret@k.example"}, "no user, password"),
        ({"url": URL, "name_templates": "node"}, "must have {name} in it once"),
        ({"url": URL, "name_templates": "{name}.{domain}"}, "must have {name} in it once"),
        ({"url": URL, "name_templates": "{name"}, "must have {name} in it once"),
        ({"url": URL, "name_templates": []}, "name at least one"),
    ],
)
def test_options_that_contradict_each_other_are_told(options, said):
    with pytest.raises(ValidationError, match=said) as raised:
        DirectOptions(**options)
    assert "secret" not in str(raised.value)


def test_a_url_loses_its_last_slash_and_a_word_is_a_list():
    options = DirectOptions(url=f"{URL}/k8s/", name_templates="{name}, {name}.example.org")
    assert options.url == f"{URL}/k8s"
    assert options.name_templates == ("{name}", "{name}.example.org")


def test_a_ca_for_promenade_is_for_checking():
    with pytest.raises(ValidationError, match="ca_file without checking"):
        PromenadeOptions(ca_file="/c", insecure=True)


def test_a_token_is_not_shown():
    assert "s3cret" not in repr(DirectOptions(url=URL, token="s3cret"))
