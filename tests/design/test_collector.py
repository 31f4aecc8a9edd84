"""Large designs do not make the garbage collector hold the loop."""

import gc
import threading
import weakref

from drydockd.design.collector import paused, spare
from drydockd.site import Addressing, Node, Site


class Watched(dict):
    """A mapping whose end can be seen."""


def a_site(watched: Watched) -> Site:
    address = (Addressing("lan", "static", "10.0.0.1"),)
    return Site(nodes={"n": Node("n", addressing=address, owner_data=watched)})


def test_collections_pause_for_the_block():
    assert gc.isenabled()
    with paused():
        assert not gc.isenabled()
        with paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_the_pause():
    try:
        with paused():
            raise ValueError
    except ValueError:
        assert gc.isenabled()


def test_pauses_of_threads_overlap():
    inside, go = threading.Event(), threading.Event()

    def work():
        with paused():
            inside.set()
            go.wait(5)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(5)
    with paused():
        pass
    assert not gc.isenabled()
    go.set()
    thread.join()
    assert gc.isenabled()


def test_who_has_switched_collections_off_keeps_them_off():
    gc.disable()
    try:
        with paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_spared_site_is_not_visited_and_still_freed():
    watched = Watched()
    site = a_site(watched)
    end = weakref.ref(watched)
    spare(site)
    node = site.nodes["n"]
    assert not gc.is_tracked(node)
    assert not gc.is_tracked(node.addressing[0])
    gc.collect()
    assert node.addressing[0].address == "10.0.0.1"
    del site, node, watched
    assert end() is None


def test_sparing_twice_is_harmless():
    site = a_site(Watched())
    spare(site)
    spare(site)
    spare(Site())
