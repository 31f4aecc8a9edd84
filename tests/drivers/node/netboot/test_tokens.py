"""Keys of the boot network are derived, and each is good for one thing."""

from drydockd.drivers.node.netboot.tokens import NONCE, BootTokens, is_same

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


def test_a_token_is_of_one_machine_one_start_and_one_phase():
    tokens = BootTokens(b"s" * 32)
    made = {
        tokens.boot(MAC, 1, "install"),
        tokens.boot(OTHER, 1, "install"),
        tokens.boot(MAC, 2, "install"),
        tokens.boot(MAC, 1, "wipe"),
        tokens.session(MAC, 1, "install", "0" * 32),
        tokens.session(MAC, 1, "install", "1" * 32),
        tokens.first_boot(MAC, "1"),
        BootTokens(b"t" * 32).boot(MAC, 1, "install"),
    }
    assert len(made) == 8
    assert all(len(token) == 64 for token in made)


def test_a_restarted_daemon_knows_them_again():
    assert BootTokens(b"s").boot(MAC, 1, "wipe") == BootTokens(b"s").boot(MAC, 1, "wipe")


def test_comparing_takes_any_text():
    assert is_same("a", "a")
    assert not is_same("\u00fc", "a")


def test_a_nonce_has_128_bits_at_least():
    assert NONCE.fullmatch("0" * 32)
    assert not NONCE.fullmatch("0" * 31)
    assert not NONCE.fullmatch("x" * 32)
