"""From headers to a caller: the table of two tokens, several strategies, nothing else believed."""

import json
import logging

import pytest

from drydockd.auth.audit import Audit
from drydockd.auth.bootkey import BootKeys
from drydockd.auth.jwt import LocalTokens, mint
from drydockd.auth.jwtkeys import secret_key
from drydockd.auth.noauth import NoAuth
from drydockd.auth.secret import load_secret
from drydockd.auth.strategy import MAX_TOKEN_CHARS, Authenticator, marker
from drydockd.auth.throttle import Throttle
from drydockd.errors import Forbidden, InvalidConfig, Unavailable
from drydockd.model import BootContext, timestamp

UUID4 = "0b6c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"


class Away:
    """A strategy whose server does not answer."""

    name = "away"
    challenge = 'Keystone uri="http://keystone.example/v3"'

    def __init__(self):
        self.asked = 0

    def recognises(self, token):
        return False

    def anonymous(self, remote, headers):
        return None

    async def verify(self, token, remote=""):
        self.asked += 1
        raise Unavailable("Keystone does not answer")

    def why(self, token):
        return "it is away"

    async def close(self):
        pass


@pytest.fixture
def user(key):
    return mint(key, user="ann", roles=["member"], ttl_seconds=60)


@pytest.fixture
def service(key):
    return mint(key, user="shipyard", roles=["admin", "service"], ttl_seconds=60)


@pytest.fixture
def authenticator(tokens):
    return Authenticator([tokens])


async def identify(authenticator, **headers):
    names = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return await authenticator.identify(names, "10.0.0.1", request_id="r-1")


async def test_a_valid_user_token_is_the_user(authenticator, user):
    caller = await identify(authenticator, x_auth_token=user)
    assert (caller.user, caller.roles, caller.service_user) == ("ann", ("member",), None)
    assert caller.authenticated
    assert caller.request_id == "r-1"


async def test_a_service_token_beside_a_users_is_recorded_but_lends_no_roles(
    authenticator, user, service
):
    caller = await identify(authenticator, x_auth_token=user, x_service_token=service)
    assert (caller.user, caller.roles) == ("ann", ("member",))
    assert (caller.service_user, caller.service_roles) == ("shipyard", ("admin", "service"))


@pytest.mark.parametrize("user_token", [None, "garbage"])
async def test_a_service_token_alone_is_the_identity(authenticator, service, user_token):
    headers = {"x_auth_token": user_token} if user_token else {}
    caller = await identify(authenticator, x_service_token=service, **headers)
    assert (caller.user, caller.service_user) == ("shipyard", "shipyard")
    assert caller.authenticated


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_auth_token": ""},
        {"x_auth_token": "garbage"},
        {"x_service_token": "garbage"},
        {"x_auth_token": "garbage", "x_service_token": "garbage"},
        {"x_auth_token": "a b"},
        {"x_auth_token": "a\x00b"},
        {"x_auth_token": "é"},
        {"x_auth_token": "x" * (MAX_TOKEN_CHARS + 1)},
    ],
)
async def test_without_a_valid_token_there_is_no_identity(authenticator, headers):
    caller = await identify(authenticator, **headers)
    assert not caller.authenticated
    assert caller.roles == ()


async def test_a_valid_user_beside_an_invalid_service_is_no_identity(authenticator, user):
    caller = await identify(authenticator, x_auth_token=user, x_service_token="garbage")
    assert not caller.authenticated
    assert caller.user == ""


async def test_a_service_token_may_be_required_to_have_a_role(tokens, key, user, service):
    authenticator = Authenticator([tokens], service_roles=["Service"])
    caller = await identify(authenticator, x_auth_token=user, x_service_token=service)
    assert caller.service_user == "shipyard"
    plain = mint(key, user="plain", roles=["admin"], ttl_seconds=60)
    assert not (await identify(authenticator, x_service_token=plain)).authenticated
    both = await identify(authenticator, x_auth_token=user, x_service_token=plain)
    assert not both.authenticated


SPOOFED = {
    "X-Identity-Status": "Confirmed",
    "X-Roles": "admin",
    "X-User-Name": "root",
    "X-User-Id": "0",
    "X-Project-Id": "p",
    "X-Is-Admin-Project": "True",
    "X-Service-Identity-Status": "Confirmed",
    "X-Service-Roles": "admin",
    "X-Service-User-Name": "root",
    "Authorization": "Bearer x",
    "Cookie": "token=x",
}


async def test_identity_headers_from_the_wire_are_never_believed(authenticator, user):
    nobody = await authenticator.identify(SPOOFED, "10.0.0.1")
    assert not nobody.authenticated
    assert nobody.roles == ()
    caller = await authenticator.identify({**SPOOFED, "X-Auth-Token": user}, "10.0.0.1")
    assert (caller.user, caller.roles, caller.service_user) == ("ann", ("member",), None)


async def test_no_auth_gives_its_identity_whatever_the_request_says(caplog):
    authenticator = Authenticator([NoAuth(["member"], ["127.0.0.1"])])
    for headers in ({}, SPOOFED, {"X-Auth-Token": "any"}):
        caller = await authenticator.identify(headers, "127.0.0.1")
        assert (caller.user, caller.roles) == ("noauth", ("member",))
    assert not (await authenticator.identify({}, "10.0.0.1")).authenticated


def test_no_auth_stands_alone_and_no_strategy_is_refused(tokens):
    with pytest.raises(InvalidConfig, match="stands alone"):
        Authenticator([tokens, NoAuth([], ["127.0.0.1"])])
    with pytest.raises(InvalidConfig, match="empty"):
        Authenticator([])


async def test_an_unknown_token_while_the_server_is_away_is_unavailable_not_refused(tokens):
    away = Away()
    authenticator = Authenticator([away, tokens])
    with pytest.raises(Unavailable):
        await identify(authenticator, x_auth_token="gAAAA")
    assert away.asked == 1


async def test_local_tokens_need_no_server_and_are_not_shown_to_it(tokens, key, user):
    away = Away()
    authenticator = Authenticator([away, tokens])
    assert (await identify(authenticator, x_auth_token=user)).user == "ann"
    expired = mint(key, user="ann", roles=["admin"], ttl_seconds=-60)
    assert not (await identify(authenticator, x_auth_token=expired)).authenticated
    assert away.asked == 0


async def test_strategies_are_tried_in_order(tmp_path, tokens):
    other_key = secret_key(tmp_path / "other", create=True)
    other = LocalTokens([other_key], issuer="other")
    authenticator = Authenticator([tokens, other])
    token = mint(other_key, user="bob", roles=[], ttl_seconds=60, issuer="other")
    assert (await identify(authenticator, x_auth_token=token)).user == "bob"
    await authenticator.close()
    await authenticator.close()


def test_the_challenge_names_every_strategy(tokens):
    challenge = Authenticator([Away(), tokens]).challenge
    assert challenge == 'Keystone uri="http://keystone.example/v3", X-Auth-Token realm="drydockd"'


async def test_marker_and_end_user_are_taken_along(authenticator, user):
    caller = await identify(
        authenticator, x_auth_token=user, x_context_marker=UUID4.upper(), x_end_user="eve"
    )
    assert (caller.external_marker, caller.end_user) == (UUID4, "eve")
    caller = await identify(authenticator, x_auth_token=user, x_context_marker="x")
    assert (caller.external_marker, caller.end_user) == ("", "ann")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (UUID4, UUID4),
        (UUID4.upper(), UUID4),
        (UUID4.replace("-", ""), ""),
        (f"{{{UUID4}}}", ""),
        (UUID4[:14] + "1" + UUID4[15:], ""),
        (UUID4 + "\n", ""),
        ("0b6c1c1e-58a2-4d0b-9a2a1-c5d1f0e7a11", ""),
        ("", ""),
    ],
)
def test_only_a_uuid_of_version_4_is_a_marker(text, kept):
    assert marker(text) == kept


async def test_failures_are_slowed_and_counted_but_not_their_absence(tokens, user, service):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    throttle = Throttle(free=0, sleep=sleep)
    authenticator = Authenticator([tokens], throttle=throttle)
    await identify(authenticator)
    await identify(authenticator, x_auth_token=user)
    await identify(authenticator, x_auth_token="expired", x_service_token=service)
    assert waits == []
    await identify(authenticator, x_auth_token="garbage")
    assert +throttle.failures == {"token": 1}
    assert len(waits) == 1


async def test_logins_are_audited_once_and_refusals_always(tokens, user, caplog):
    caplog.set_level(logging.DEBUG, logger="drydockd.audit")
    authenticator = Authenticator([tokens], audit=Audit())
    for _ in range(3):
        await identify(authenticator, x_auth_token=user)
    for _ in range(2):
        await identify(authenticator, x_auth_token="garbage-token")
    lines = [json.loads(r.getMessage()) for r in caplog.records]
    assert [line["event"] for line in lines] == [
        "authn_login_success:ann",
        "authn_login_fail",
        "authn_login_fail",
    ]
    assert {line["request_id"] for line in lines} == {"r-1"}
    assert {line["source_ip"] for line in lines} == {"10.0.0.1"}
    assert user not in caplog.text
    assert "garbage-token" not in caplog.text


async def test_no_local_token_key_or_secret_reaches_the_log_at_debug(
    tmp_path, key, user, service, everything_logged
):
    tokens = LocalTokens([key])
    authenticator = Authenticator([tokens], audit=Audit(), throttle=Throttle())
    await identify(authenticator, x_auth_token=user, x_service_token=service)
    await identify(authenticator, x_auth_token="garbage-token")
    secret = load_secret(tmp_path / "secret")
    keys = BootKeys(secret)
    context = BootContext("n1", "c1", "t1", "", "", timestamp())
    with pytest.raises(Forbidden) as refusal:
        keys.check_node(context, keys.action_key("c1", "a1"))
    log = everything_logged() + str(refusal.value)
    assert "authn_login_fail" in log
    hidden = (secret.hex(), key.material.hex(), (tmp_path / "jwt.secret").read_text().strip())
    node_keys = (keys.node_key(context), keys.action_key("c1", "a1"))
    for text in (user, service, "garbage-token", *hidden, *node_keys):
        assert text not in log


@pytest.mark.parametrize(
    "sent",
    ["J%C3%B6rg", "Jörg", "Jörg".encode().decode("latin-1")],
    ids=["escaped", "8859", "utf8"],
)
async def test_an_end_user_is_read_however_his_letters_came(authenticator, sent):
    caller = await identify(authenticator, x_end_user=sent)
    assert caller.end_user == "Jörg"


async def why(authenticator, **headers):
    sent = {name.replace("_", "-").title(): text for name, text in headers.items()}
    caller, why = await authenticator.examine(sent, "10.0.0.1")
    assert not caller.authenticated
    return why


async def test_a_refusal_says_which_of_the_reasons_it_is(authenticator, key):
    def a_token(**changes):
        return mint(key, **({"user": "ann", "roles": ["admin"], "ttl_seconds": 60} | changes))

    assert await why(authenticator) == "no token: send one in X-Auth-Token"
    assert "malformed" in await why(authenticator, x_auth_token="two words")
    assert "malformed: not a JWT" in await why(authenticator, x_auth_token="gAAAA")
    late = await why(authenticator, x_auth_token=a_token(ttl_seconds=-7200))
    assert late == "X-Auth-Token: the token expired 2 h ago"
    issuer = await why(authenticator, x_auth_token=a_token(issuer="https://id.example"))
    assert issuer.endswith('was issued by "https://id.example", who is not trusted here')
    audience = await why(authenticator, x_auth_token=a_token(audience="other"))
    assert audience.endswith('is meant for "other", not for this daemon')
    forged = a_token()[:-4] + "AAAA"
    assert "unknown here" in await why(authenticator, x_auth_token=forged)
    for text in (issuer, audience):
        assert "drydockd" not in text, "what is expected here is nobody's business"


async def test_a_refusal_names_the_header_whose_token_it_was(authenticator, user):
    said = await why(authenticator, x_auth_token=user, x_service_token="gAAAA")
    assert said.startswith("X-Service-Token: the token is malformed")


async def test_the_role_that_a_service_token_lacks_is_said(tokens, user):
    authenticator = Authenticator([tokens], service_roles=["service"])
    said = await why(authenticator, x_auth_token=user, x_service_token=user)
    assert said == "X-Service-Token: it has none of the roles that services need"


async def test_who_is_known_has_no_reason(authenticator, user):
    assert (await authenticator.examine({"X-Auth-Token": user}, "10.0.0.1"))[1] == ""
