from drydockd.room.qemu.host import lacking, sentence

MORE = {"mmdebstrap": "mmdebstrap", "qemu-img": "qemu-utils"}


def everything(program):
    return f"/usr/bin/{program}"


def nothing(program):
    return None


def test_what_is_missing_is_said_by_the_names_of_packages_each_once():
    (packages, *_) = lacking(MORE, which=nothing, is_root=True)
    words = packages.removeprefix("apt-get install ").split()
    assert {"qemu-system-x86", "qemu-utils", "openipmi", "dnsmasq-base", "mmdebstrap"} <= {*words}
    assert len(words) == len(set(words))


def test_what_builds_is_missed_only_when_something_has_to_be_built():
    (packages, *_) = lacking({}, which=nothing, is_root=True)
    assert "mmdebstrap" not in packages


def test_only_root_can_lay_the_wires():
    assert any("root" in one for one in lacking({}, which=everything, is_root=False))


def test_the_sentence_says_how_many_machines_how_long_and_what_is_built():
    text = sentence(2, 2, ["the agent"])
    assert "builds the agent from Debian packages" in text
    assert "installs 2 machines in QEMU" in text
    assert "about 8 minutes" in text
    assert "builds" not in sentence(1, 2, [])
