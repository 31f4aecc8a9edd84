"""What is said about damage."""

from pathlib import Path

from drydockd.store.damage import Damage


def test_damage_says_where_what_and_what_to_do():
    text = str(Damage(Path("/var/lib/drydockd/drydock.journal"), 17, "the line is odd"))
    assert text.startswith("drydock.journal is damaged at byte 17: the line is odd.")
    assert "`drydock store repair --state-dir /var/lib/drydockd`" in text
