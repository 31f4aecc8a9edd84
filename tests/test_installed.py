from drydockd.installed import Installed, Sighting


def test_what_nobody_tells_is_none_or_zero():
    installed = Installed("d1")
    assert installed.then == installed.now == Sighting()
    assert (installed.platform, installed.storage, installed.network) == (None, None, None)
    assert (Sighting().inventory, Sighting().memory_mib) == (None, 0)
