from drydockd.model import BuildData
from drydockd.web.facts import MOST_ROWS, MOST_TEXT, facts_of

LSHW = """<?xml version="1.0"?><list><node id="box" class="system">
<vendor>Dockside</vendor><product>One Unit</product><serial>S123</serial>
<node id="network" class="network" handle="PCI:0000:19:00.0"><businfo>pci@0000:19:00.0</businfo>
<logicalname>eno1</logicalname><serial>52:54:00:00:00:01</serial></node>
</node></list>"""
LLDP = """<?xml version="1.0"?><lldp label="LLDP neighbors"><interface name="eno1">
<chassis><name label="SysName">tor-a</name></chassis><port><id type="ifname">Eth1/7</id></port>
</interface></lldp>"""


def of(generator, text):
    return facts_of(BuildData("n1", "t1", "", generator, "text/plain", text))


def test_lshw_is_a_table_of_devices():
    facts = of("lshw", LSHW)
    assert ("Serial number", "S123") in facts.pairs
    [row] = facts.rows
    assert row[:4] == ("network", "eno1", "pci@0000:19:00.0", "52:54:00:00:00:01")
    assert len(row) == len(facts.head)


def test_neighbours_are_named_by_what_is_around_them():
    rows = dict(of("lldp", LLDP).rows)
    assert rows["eno1 › chassis › SysName"] == "tor-a"
    assert rows["eno1 › port › id"] == "Eth1/7"


def test_json_is_a_table_of_its_leaves():
    assert ("cpu › count", "32") in of("hardware", '{"cpu": {"count": 32}}').rows


def test_what_cannot_be_read_is_shown_as_it_is():
    for text in ("<list><node", "{broken", "plain words", ""):
        assert of("lshw", text).text == text
        assert of("x", text).text == text


def test_a_document_type_is_not_followed():
    text = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>'
    assert of("lldp", text).text == text


def test_long_ones_are_cut_and_it_is_said():
    facts = of("log", "x" * (MOST_TEXT + 1))
    assert (len(facts.text), facts.is_cut) == (MOST_TEXT, True)
    facts = of("x", "[" + ",".join(f'"{number}"' for number in range(MOST_ROWS + 1)) + "]")
    assert (len(facts.rows), facts.is_cut) == (MOST_ROWS, True)
