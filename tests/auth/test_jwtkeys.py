"""Key files of local tokens: one algorithm per key, public keys only."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from drydockd.auth.jwtkeys import check_distinct, public_keys, secret_key
from drydockd.errors import InvalidConfig


def write_public(path, private):
    path.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return path


def as_jwk(algorithm, private, **more):
    text = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key())
    return json.loads(text) | more


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
    ids=["P-256", "Ed25519", "RSA"],
)
def test_a_public_key_is_for_one_algorithm_and_named_after_its_file(tmp_path, private, algorithm):
    (key,) = public_keys(write_public(tmp_path / "issuer-7.pem", private))
    assert (key.kid, key.algorithm) == ("issuer-7", algorithm)
    jwks = tmp_path / "keys.json"
    jwks.write_text(json.dumps({"keys": [as_jwk(algorithm, private, kid="k1", use="sig")]}))
    assert [(k.kid, k.algorithm) for k in public_keys(jwks)] == [("k1", algorithm)]


@pytest.mark.parametrize(
    "private",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)],
    ids=["P-384", "RSA 1024"],
)
def test_other_keys_are_refused(tmp_path, private):
    with pytest.raises(InvalidConfig, match=r"issuer\.pem"):
        public_keys(write_public(tmp_path / "issuer.pem", private))


def test_a_private_key_is_refused(tmp_path):
    path = tmp_path / "issuer.pem"
    private = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(InvalidConfig, match="private key"):
        public_keys(path)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "x"}, "secret key material"),
        ({"kty": "RSA", "d": "AQAB", "kid": "x"}, "secret key material"),
        ({"kty": "RSA"}, "no `kid`"),
        ({"kty": "RSA", "kid": "x"}, "key 1"),
        ({"kty": "what", "kid": "x"}, "key 1"),
        ("text", "not an object"),
        (as_jwk("ES256", ec.generate_private_key(ec.SECP256R1()), kid="x", alg="none"), "alg"),
        (as_jwk("ES256", ec.generate_private_key(ec.SECP256R1()), kid="x", alg="HS256"), "alg"),
    ],
)
def test_a_jwks_with_a_bad_key_is_refused(tmp_path, entry, complaint):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [entry]}))
    with pytest.raises(InvalidConfig, match=complaint):
        public_keys(path)


def test_keys_for_encryption_are_passed_over(tmp_path):
    path = tmp_path / "keys.json"
    entry = as_jwk("ES256", ec.generate_private_key(ec.SECP256R1()), kid="x", use="enc")
    path.write_text(json.dumps({"keys": [entry]}))
    assert public_keys(path) == []


@pytest.mark.parametrize("content", ["", "{", '{"keys": []}', '{"keys": 3}', "garbage"])
def test_a_file_that_holds_no_key_is_refused(tmp_path, content):
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(InvalidConfig, match="keys"):
        public_keys(path)


def test_a_missing_and_a_huge_file_are_refused(tmp_path):
    with pytest.raises(InvalidConfig, match="cannot read"):
        public_keys(tmp_path / "gone.pem")
    (tmp_path / "huge").write_bytes(b"x" * (1 << 21))
    with pytest.raises(InvalidConfig, match="larger"):
        public_keys(tmp_path / "huge")


def test_a_secret_names_its_key_without_showing_it(tmp_path):
    key = secret_key(tmp_path / "jwt.secret", create=True)
    again = secret_key(tmp_path / "jwt.secret")
    assert (key.kid, key.algorithm) == (again.kid, "HS256")
    secret = (tmp_path / "jwt.secret").read_text().strip()
    assert secret not in repr(key)
    assert key.kid not in secret
    assert key.material.hex() != secret
    assert key.material.hex() not in repr(key)


def test_two_keys_of_one_id_are_refused(tmp_path):
    key = secret_key(tmp_path / "jwt.secret", create=True)
    check_distinct([key])
    with pytest.raises(InvalidConfig, match="is already"):
        check_distinct([key, secret_key(tmp_path / "jwt.secret")])
