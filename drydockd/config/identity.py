"""Options of identity: who says who a caller is, and what he may do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    SecretStr,
    field_validator,
)

from drydockd.config.fields import (
    Listed,
    Paths,
    Section,
    Words,
    opt,
)

JWT_ALGORITHMS = frozenset({"HS256", "RS256", "ES256", "EdDSA"})


class Auth(Section):
    strategy: Annotated[tuple[Literal["keystone", "jwt", "noauth"], ...], Listed] = opt(
        ("keystone",), "Who says who you are: keystone, jwt, noauth; asked in order"
    )
    noauth_roles: Words = opt((), "Roles that noauth gives to everybody")
    noauth_force: bool = opt(False, "Allow noauth on addresses other than loopback")
    secret_file: Path | None = opt(
        None,
        "What the keys of nodes are derived from, 64 hex digits; null: secret in state_dir. The "
        "daemons of one database have the same",
    )
    jwt_secret_file: Path | None = opt(
        None, "Secret of HS256, 64 hex digits too; null: jwt.secret in state_dir"
    )
    jwt_algorithms: Words = opt(
        ("HS256",), "Signatures accepted: HS256 (by a secret), RS256, ES256, EdDSA"
    )
    jwt_public_keys: Paths = opt((), "PEM or JWKS files; list two while rotating")
    jwt_issuer: str = opt("drydockd", "Required iss claim")
    jwt_audience: str = opt("drydockd", "Required aud claim")
    jwt_leeway: int = opt(10, "Seconds that clocks may differ", ge=0, le=60)
    keystone_jws_keys: Paths = opt(
        (), "Keystone's public JWS keys (PEM): forged tokens are refused without a call"
    )
    service_hosts: Words = opt(
        (),
        "host or host:port that deckhand+ and promenade+ references may send the service "
        "token to; empty: none",
    )
    unknown_tokens_per_address: int = opt(
        60, "Wrong tokens a minute of one address that Keystone is asked about", ge=1, le=100000
    )
    unknown_tokens: int = opt(
        1200, "Wrong tokens a minute of all addresses that it is asked about", ge=1, le=1000000
    )
    refused_seconds: int = opt(
        10, "Seconds that Keystone's refusal of a token is remembered; 0: not", ge=0, le=300
    )
    throttle_failures: int = opt(
        10, "Wrong boot action keys from one address before answers are slowed", ge=1, le=100000
    )

    @field_validator("jwt_algorithms")
    @classmethod
    def _pinned(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or set(value) - JWT_ALGORITHMS:
            raise ValueError(f"name some of {', '.join(sorted(JWT_ALGORITHMS))}")
        return value

    @field_validator("strategy")
    @classmethod
    def _at_least_one(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one of keystone, jwt, noauth")
        return value


class KeystoneAuthtoken(Section):
    auth_url: str | None = opt(None, "Keystone, with or without /v3")
    auth_type: Literal["password", "v3password"] | None = opt(None, "Only passwords are offered")
    username: str | None = opt(None, "Service account")
    user_id: str | None = opt(None, "Service account by id")
    user_domain_name: str | None = opt(None, "Its domain")
    user_domain_id: str | None = opt(None, "Its domain by id")
    password: SecretStr | None = opt(None, "Its password")
    project_name: str | None = opt(None, "Scope")
    project_id: str | None = opt(None, "Scope by id")
    project_domain_name: str | None = opt(None, "Domain of the project")
    project_domain_id: str | None = opt(None, "Domain of the project by id")
    domain_id: str | None = opt(None, "Domain scope by id")
    domain_name: str | None = opt(None, "Domain scope")
    system_scope: str | None = opt(None, "System scope, e.g. all")
    trust_id: str | None = opt(None, "Trust scope")
    default_domain_id: str | None = opt(None, "Domain of user and project where unsaid, by id")
    default_domain_name: str | None = opt(None, "Domain of user and project where unsaid")
    www_authenticate_uri: str | None = opt(None, "Address in the 401 challenge; null: auth_url")
    auth_version: Literal["v3", "v3.0", "3"] | None = opt(None, "Only v3 is offered")
    http_connect_timeout: int | None = opt(None, "Seconds; null: 5", ge=1, le=60)
    http_request_max_retries: int = opt(3, "Attempts after the first", ge=0, le=100)
    token_cache_time: int = opt(
        300, "Seconds a checked token is believed; -1: asked every time", ge=-1, le=300
    )
    certfile: Path | None = opt(None, "Client certificate")
    keyfile: Path | None = opt(None, "Client key")
    cafile: Path | None = opt(None, "CA bundle")
    insecure: bool = opt(False, "Do not verify Keystone's certificate")
    service_token_roles: Words = opt(
        ("service",), "Roles that make a service token acceptable for expired user tokens"
    )
    service_token_roles_required: bool = opt(False, "Refuse service tokens without such a role")


class OsloPolicy(Section):
    policy_file: str = opt("policy.yaml", "Rules; relative to the configuration file")
    policy_dirs: Words = opt(("policy.d",), "Folders of more rules, read after the file, sorted")
    policy_default_rule: str = opt("default", "Rule for undefined names; undefined: denied")
