"""Local tokens: what is accepted, and every known way around."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drydockd.auth.jwt import LocalTokens, RefusedToken, mint
from drydockd.auth.jwtkeys import public_keys, secret_key
from drydockd.errors import InvalidConfig

CLAIMS = {"iss": "drydockd", "aud": "drydockd", "sub": "u1", "name": "ann", "roles": ["admin"]}


def claims(**more):
    return CLAIMS | {"exp": int(time.time()) + 60} | more


def encoded(part):
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(key, header=None, payload=None):
    """A token by hand: HS256 with `key`, whatever header and payload say."""
    head = encoded({"alg": "HS256", "typ": "JWT"} | (header or {}))
    text = f"{head}.{encoded(claims() if payload is None else payload)}"
    return f"{text}.{encoded(hmac.digest(key, text.encode(), hashlib.sha256))}"


def pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def issuer(tmp_path):
    """An issuer's P-256 key and drydockd's view of it."""
    private = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "issuer.pem"
    path.write_bytes(pem(private))
    return private, public_keys(path)[0]


async def test_a_minted_token_is_its_users(key, tokens):
    token = mint(key, user="ann", roles=["admin", "member"], ttl_seconds=60)
    verified = await tokens.verify(token)
    assert verified.is_fresh
    assert (verified.caller.user, verified.caller.roles) == ("ann", ("admin", "member"))
    assert verified.caller.authenticated
    assert not (await tokens.verify(token)).is_fresh


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
    ids=["ES256", "EdDSA", "RS256"],
)
async def test_tokens_of_public_keys_are_accepted_with_and_without_key_id(
    tmp_path, private, algorithm
):
    (tmp_path / "issuer.pem").write_bytes(pem(private))
    tokens = LocalTokens(public_keys(tmp_path / "issuer.pem"))
    named = jwt.encode(claims(), private, algorithm, headers={"kid": "issuer"})
    assert (await tokens.verify(named)).caller.user_id == "u1"
    unnamed = jwt.encode(claims(), private, algorithm)
    assert (await tokens.verify(unnamed)).caller.user == "ann"


def test_a_rotation_accepts_both_keys_while_both_are_listed(tmp_path):
    old = secret_key(tmp_path / "old", create=True)
    new = secret_key(tmp_path / "new", create=True)
    token = mint(old, user="ann", roles=[], ttl_seconds=60)
    assert LocalTokens([new, old]).check(token)
    with pytest.raises(RefusedToken, match="unknown key id"):
        LocalTokens([new]).check(token)


def refused(tokens, token):
    with pytest.raises(RefusedToken) as refusal:
        tokens.check(token)
    return str(refusal.value)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
def test_a_token_without_signature_is_refused(tokens, algorithm):
    text = f"{encoded({'alg': algorithm})}.{encoded(claims())}."
    assert "no configured key is for the algorithm" in refused(tokens, text)


def test_alg_none_with_the_right_key_id_is_refused(key, tokens):
    text = f"{encoded({'alg': 'none', 'kid': key.kid})}.{encoded(claims())}."
    assert "is for HS256" in refused(tokens, text)


@pytest.mark.parametrize("kid", [None, "issuer"])
def test_a_public_key_is_never_a_shared_secret(issuer, kid):
    private, public = issuer
    tokens = LocalTokens([public])
    forged = signed(pem(private), {"kid": kid} if kid else None)
    assert "HS256" in refused(tokens, forged)


def test_a_key_id_cannot_lead_to_a_key_of_another_algorithm(key, issuer):
    private, public = issuer
    tokens = LocalTokens([key, public])
    by_public = jwt.encode(claims(), private, "ES256", headers={"kid": key.kid})
    assert "is for HS256" in refused(tokens, by_public)
    assert "is for ES256" in refused(tokens, signed(key.material, {"kid": public.kid}))


def test_a_key_id_names_exactly_one_key(tmp_path, key):
    other = secret_key(tmp_path / "other", create=True)
    tokens = LocalTokens([key, other])
    assert "signature" in refused(tokens, signed(key.material, {"kid": other.kid}))


@pytest.mark.parametrize(
    "kid",
    ["", "unknown", "../../../dev/null", "/dev/null", "x' OR '1'='1", "a\x00b", 7, ["x"], {}],
)
def test_an_unknown_key_id_is_refused_even_with_a_good_signature(key, tokens, kid):
    assert "unknown key id" in refused(tokens, signed(key.material, {"kid": kid}))


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "b64", None, ["x", 1]])
def test_critical_extensions_are_refused(key, tokens, crit):
    token = signed(key.material, {"crit": crit, "b64": True, "exp": 1})
    assert "crit" in refused(tokens, token)


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jku": "http://127.0.0.1:1/keys"},
        {"x5u": "http://127.0.0.1:1/cert"},
    ],
)
def test_a_key_the_token_brings_along_is_not_used(tokens, header):
    assert "signature" in refused(tokens, signed(b"a" * 32, header))


@pytest.mark.parametrize("claim", ["exp", "iss", "aud", "sub"])
def test_a_required_claim_must_be_there(key, tokens, claim):
    payload = claims()
    del payload[claim]
    assert claim in refused(tokens, signed(key.material, None, payload))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": "soon"}, "exp"),
        ({"exp": float("inf")}, ""),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"iat": 4_000_000_000}, "not valid yet"),
        ({"iss": "elsewhere"}, "trusts 'drydockd'"),
        ({"iss": ["drydockd"]}, ""),
        ({"aud": "maas"}, "this daemon is 'drydockd'"),
        ({"aud": []}, "aud"),
        ({"sub": 7}, ""),
        ({"roles": "admin"}, "list of names"),
        ({"roles": [1]}, "list of names"),
        ({"roles": [""]}, "list of names"),
        ({"roles": ["r"] * 65}, "more than 64"),
        ({"name": "ann\nroot"}, "one line"),
        ({"project_id": {}}, "one line"),
    ],
)
def test_a_wrong_claim_is_refused_and_explained(key, tokens, wrong, why):
    assert why in refused(tokens, signed(key.material, None, claims(**wrong)))


def test_a_token_without_roles_has_none(key, tokens):
    payload = claims()
    del payload["roles"]
    caller, _ = tokens.check(signed(key.material, None, payload))
    assert caller.roles == ()


def test_the_leeway_is_bounded(key):
    just_expired = signed(key.material, None, claims(exp=int(time.time()) - 5))
    assert LocalTokens([key], leeway_seconds=10).check(just_expired)
    assert "expired" in refused(LocalTokens([key], leeway_seconds=0), just_expired)
    with pytest.raises(InvalidConfig, match="leeway"):
        LocalTokens([key], leeway_seconds=3600)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "gAAAAABk", f"{encoded([])}.e30.x",
     f"{encoded(b'[' * 3000)}.e30.x", "x" * 9000, "=.=.="],
)  # fmt: skip
def test_garbage_is_refused(tokens, token):
    assert refused(tokens, token)
    assert not tokens.recognises(token)


def test_a_changed_token_is_refused(key, tokens):
    head, body, signature = mint(key, user="m", roles=["member"], ttl_seconds=60).split(".")
    forged = encoded(claims())
    assert "signature" in refused(tokens, f"{head}.{forged}.{signature}")
    assert refused(tokens, f"{head}.{body}.")
    assert refused(tokens, f"{head}.{body}.{signature[:-2]}")


def test_a_token_says_whose_it_is_by_its_issuer(key, tokens):
    assert tokens.recognises(mint(key, user="a", roles=[], ttl_seconds=1))
    other = mint(key, user="a", roles=[], ttl_seconds=1, issuer="other")
    assert not tokens.recognises(other)


def test_an_inspection_shows_the_parts_and_the_reason(key, tokens):
    good = tokens.inspect(mint(key, user="ann", roles=["admin"], ttl_seconds=60))
    assert (good.reason, good.claims["sub"], good.header["kid"]) == ("", "ann", key.kid)
    bad = tokens.inspect(signed(key.material, None, claims(aud="maas")))
    assert bad.claims["aud"] == "maas"
    assert "maas" in bad.reason
    none = tokens.inspect("gAAAA")
    assert (none.header, none.claims) == ({}, {})
    assert "not a JWT" in none.reason


def test_no_key_is_refused(key, issuer):
    with pytest.raises(InvalidConfig, match="needs a key"):
        LocalTokens([])
    with pytest.raises(ValueError, match="secret file"):
        mint(issuer[1], user="a", roles=[], ttl_seconds=1)


async def test_a_remembered_token_still_ends(key):
    tokens = LocalTokens([key], leeway_seconds=0)
    token = signed(key.material, None, claims(exp=int(time.time()) + 60))
    await tokens.verify(token)
    tokens._cache._wall_clock = lambda: time.time() + 61
    tokens.check = lambda token: (_ for _ in ()).throw(RefusedToken("asked again"))
    assert await tokens.verify(token) is None
