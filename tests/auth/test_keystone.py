"""Tokens of a real Keystone: valid, revoked, expired, forged, and while it is away."""

import asyncio
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from drydockd.auth.audit import Audit, fingerprint
from drydockd.auth.identity import ServiceIdentity
from drydockd.auth.keystone import Keystone, caller_of, load_jws_keys
from drydockd.auth.lookups import Lookups
from drydockd.auth.strategy import Authenticator
from drydockd.errors import InvalidConfig, TooMany, Unavailable
from tests.auth.helpers import account
from tests.peers.keystone import USERS


@pytest.fixture
async def make_strategy():
    made = []

    def make(server, *, pause_seconds=0.05, **options):
        identity = ServiceIdentity(account(server), pause_seconds=pause_seconds)
        made.append(identity)
        return Keystone(identity, **options)

    yield make
    for identity in made:
        await identity.close()


NEEDS_KEYSTONE = pytest.mark.peer("keystone")


# Said here, because a fixture asked for by name is not seen among those of the test.
@pytest.fixture(params=[pytest.param(kind, marks=NEEDS_KEYSTONE) for kind in ("fernet", "jws")])
def either_keystone(request):
    return request.getfixturevalue("keystone" if request.param == "fernet" else "keystone_jws")


@pytest.mark.parametrize(
    ("user", "roles"),
    [
        ("ann-admin", {"admin", "manager", "member", "reader"}),
        ("max-member", {"member", "reader"}),
        ("rita-reader", {"reader"}),
        ("shipyard", {"service"}),
    ],
)
async def test_a_token_by_password_is_its_user_with_the_roles_of_the_project(
    either_keystone, make_strategy, user, roles
):
    strategy = make_strategy(either_keystone)
    verified = await strategy.verify(either_keystone.token(user))
    caller = verified.caller
    assert (caller.user, set(caller.roles)) == (user, roles)
    assert caller.user_id
    assert caller.user_domain_id == "default"
    assert caller.project_id
    assert caller.project_domain_id == "default"
    assert caller.is_admin_project
    assert verified.is_fresh


async def test_an_unscoped_token_is_a_user_without_roles(keystone, make_strategy):
    verified = await make_strategy(keystone).verify(keystone.token("ann-admin", scoped=False))
    assert (verified.caller.user, verified.caller.roles) == ("ann-admin", ())
    assert verified.caller.project_id == ""


@pytest.mark.parametrize("token", ["garbage", "gAAAAABk" + "A" * 200, "a.b.c", "../../v3", "%00"])
async def test_garbage_is_refused(either_keystone, make_strategy, token):
    assert await make_strategy(either_keystone).verify(token) is None


async def test_a_token_is_asked_about_once(keystone, make_strategy):
    strategy = make_strategy(keystone)
    token = keystone.token("ann-admin")
    calls = keystone.calls()
    verified = [await strategy.verify(token) for _ in range(50)]
    assert keystone.calls() == calls + 1
    assert [v.is_fresh for v in verified] == [True] + [False] * 49


async def test_requests_at_the_same_time_share_one_call(keystone, make_strategy):
    strategy = make_strategy(keystone)
    token = keystone.token("max-member")
    calls = keystone.calls()
    found = await asyncio.gather(*(strategy.verify(token) for _ in range(30)))
    assert {v.caller.user for v in found} == {"max-member"}
    assert sum(v.is_fresh for v in found) == 1
    assert keystone.calls() == calls + 1
    assert not strategy._under_way


async def test_a_request_that_gives_up_does_not_take_the_others_with_it(keystone, make_strategy):
    strategy = make_strategy(keystone)
    token = keystone.token("rita-reader")
    first = asyncio.create_task(strategy.verify(token))
    await asyncio.sleep(0)
    second = asyncio.create_task(strategy.verify(token))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).caller.user == "rita-reader"


async def test_a_refusal_is_remembered_briefly(keystone, make_strategy):
    strategy = make_strategy(keystone)
    calls = keystone.calls()
    for _ in range(20):
        assert await strategy.verify("gAAAAABkgarbage") is None
    assert keystone.calls() == calls + 1


async def test_the_cache_can_be_switched_off(keystone, make_strategy):
    strategy = make_strategy(keystone, cache_seconds=-1)
    token = keystone.token("ann-admin")
    calls = keystone.calls()
    assert await strategy.verify(token)
    assert await strategy.verify(token)
    assert keystone.calls() == calls + 2


async def test_a_revoked_token_is_refused_once_its_cache_time_is_over(keystone, make_strategy):
    remembering, asking = make_strategy(keystone), make_strategy(keystone, cache_seconds=0)
    token = keystone.token("ann-admin")
    assert await remembering.verify(token)
    assert await asking.verify(token)
    keystone.revoke(token)
    assert await asking.verify(token) is None
    assert await remembering.verify(token)
    remembering._known._clock = lambda: time.monotonic() + 301
    assert await remembering.verify(token) is None


async def test_our_own_token_is_renewed_once_when_it_was_revoked(keystone, make_strategy):
    strategy = make_strategy(keystone, cache_seconds=0)
    own = await strategy._identity.token()
    keystone.revoke(own)
    logins = keystone.calls("POST /v3/auth/tokens")
    assert (await strategy.verify(keystone.token("ann-admin"))).caller.user == "ann-admin"
    assert await strategy._identity.token() != own
    assert keystone.calls("POST /v3/auth/tokens") == logins + 2  # ann's, and our new one


async def test_user_and_service_tokens_together(either_keystone, make_strategy):
    authenticator = Authenticator([make_strategy(either_keystone)], service_roles=["service"])
    user, service = either_keystone.token("max-member"), either_keystone.token("shipyard")
    both = {"X-Auth-Token": user, "X-Service-Token": service}
    caller = await authenticator.identify(both, "127.0.0.1")
    assert (caller.user, caller.service_user) == ("max-member", "shipyard")
    assert "service" not in caller.roles
    alone = await authenticator.identify({"X-Service-Token": service}, "127.0.0.1")
    assert (alone.user, alone.roles) == ("shipyard", ("service",))
    swapped = {"X-Auth-Token": service, "X-Service-Token": user}
    assert not (await authenticator.identify(swapped, "127.0.0.1")).authenticated
    spoiled = {"X-Auth-Token": user, "X-Service-Token": "garbage"}
    assert not (await authenticator.identify(spoiled, "127.0.0.1")).authenticated


async def test_while_keystone_is_away_known_tokens_go_on_and_unknown_ones_must_wait(
    make_keystone, make_strategy
):
    server = make_keystone()
    strategy = make_strategy(server)
    known, unknown = server.token("ann-admin"), server.token("max-member")
    assert await strategy.verify(known)

    server.stop()
    assert (await strategy.verify(known)).caller.user == "ann-admin"
    for token in (unknown, "garbage"):
        with pytest.raises(Unavailable, match="does not answer"):
            await strategy.verify(token)

    server.start()
    async with asyncio.timeout(60):  # its first answers may take longer than a probe waits
        while await strategy._identity.check(20) is not None:
            pass
    assert (await strategy.verify(unknown)).caller.user == "max-member"
    assert await strategy.verify("garbage") is None


async def test_one_clients_wrong_tokens_are_refused_before_keystone_is_asked(
    keystone, make_strategy
):
    """And cost neither who is known nor who logs in elsewhere anything."""
    strategy = make_strategy(keystone, cache_seconds=0, lookups=Lookups(per_address=5))
    operators = [keystone.token(user) for user in ("ann-admin", "max-member", "rita-reader")]
    for token in operators[:2]:
        assert await strategy.verify(token, "10.0.0.66")
    calls = keystone.calls()
    outcomes = [await outcome(strategy, f"gAAAAABk{n:0200}", "10.0.0.66") for n in range(50)]
    assert outcomes == [None] * 5 + [TooMany] * 45
    assert keystone.calls() == calls + 5
    # Of that very address: good before, so asked about again.
    assert (await strategy.verify(operators[0], "10.0.0.66")).caller.user == "ann-admin"
    assert await outcome(strategy, operators[2], "10.0.0.66") is TooMany
    # Of another address: new, and asked about.
    assert (await strategy.verify(operators[2], "10.0.0.7")).caller.user == "rita-reader"


async def outcome(strategy, token, remote):
    try:
        return await strategy.verify(token, remote)
    except (TooMany, Unavailable) as error:
        return type(error)


async def test_a_signed_token_is_asked_about_in_the_midst_of_a_flood(keystone_jws, make_strategy):
    keys = load_jws_keys([keystone_jws.public_keys])
    strategy = make_strategy(keystone_jws, jws_keys=keys, lookups=Lookups(per_address=1))
    for number in range(20):
        await outcome(strategy, f"gAAAAABk{number:0200}", "10.0.0.66")
    assert await outcome(strategy, "gAAAAABkwrong", "10.0.0.66") is TooMany
    token = keystone_jws.token("max-member")
    assert (await strategy.verify(token, "10.0.0.66")).caller.user == "max-member"


async def test_a_token_that_was_revoked_is_known_no_more(keystone, make_strategy):
    strategy = make_strategy(
        keystone, cache_seconds=0, refused_seconds=0, lookups=Lookups(per_address=1)
    )
    token = keystone.token("ann-admin")
    assert await strategy.verify(token, "10.0.0.1")
    keystone.revoke(token)
    assert await strategy.verify(token, "10.0.0.1") is None
    assert await outcome(strategy, token, "10.0.0.1") is None
    assert await outcome(strategy, token, "10.0.0.1") is TooMany


async def test_a_known_token_is_not_known_past_its_own_end(keystone, make_strategy):
    strategy = make_strategy(keystone)
    token = keystone.token("rita-reader")
    assert await strategy.verify(token)
    keystone.revoke(token)
    assert await strategy.verify(token), "remembered"
    strategy._known._wall_clock = lambda: time.time() + 3601  # Keystone's tokens last an hour
    assert await strategy.verify(token) is None, "asked for again"


async def test_an_own_account_that_may_not_validate_is_unavailable_not_a_401(keystone, caplog):
    powerless = account(
        keystone, username="rita-reader", password=USERS["rita-reader"][0], project_name="site"
    )
    identity = ServiceIdentity(powerless)
    with pytest.raises(Unavailable, match="cannot validate"):
        await Keystone(identity).verify(keystone.token("ann-admin"))
    assert "HTTP 403" in caplog.text
    await identity.close()


async def test_a_slow_keystone_does_not_hold_the_loop(keystone, make_strategy, monkeypatch):
    strategy = make_strategy(keystone)
    token = keystone.token("ann-admin")
    asked, release = threading.Event(), threading.Event()
    validate = strategy._identity.validate

    def slow(token):
        asked.set()
        assert release.wait(20), "the loop stood still while Keystone was asked"
        return validate(token)

    monkeypatch.setattr(strategy._identity, "validate", slow)
    checking = asyncio.create_task(strategy.verify(token))
    while not asked.is_set():
        await asyncio.sleep(0)
    release.set()
    assert await checking


@pytest.fixture
def signing_key(keystone_jws):
    return load_pem_private_key(keystone_jws.private_key.read_bytes(), None)


@pytest.fixture
def checking(keystone_jws, make_strategy):
    keys = load_jws_keys([keystone_jws.public_keys])
    return make_strategy(keystone_jws, jws_keys=keys)


async def test_a_forged_or_expired_jws_token_is_refused_without_a_call(
    keystone_jws, checking, signing_key
):
    real = keystone_jws.token("ann-admin")
    body = jwt.decode(real, options={"verify_signature": False})
    head, payload, signature = real.split(".")
    stranger = ec.generate_private_key(ec.SECP256R1())
    public = (keystone_jws.public_keys / "public.pem").read_bytes()
    late = body | {"iat": 1_600_000_000, "exp": 1_600_003_600}
    endless = {k: v for k, v in body.items() if k != "exp"}
    forged = [
        jwt.encode(body, stranger, "ES256"),
        jwt.encode(late, signing_key, "ES256"),
        jwt.encode(endless, signing_key, "ES256"),
        jwt.encode(body, None, "none"),
        jwt.encode(body, b"s" * 32, "HS256"),
        jwt.encode(body, signing_key, "ES256", headers={"crit": ["x"], "x": 1}),
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}.",
        "a.b.c",
    ]
    with pytest.raises(jwt.InvalidKeyError):
        jwt.encode(body, public, "HS256")
    calls, requests = keystone_jws.calls(), checking._identity.requests
    for token in forged:
        assert await checking.verify(token) is None, token
    assert keystone_jws.calls() == calls
    assert checking._identity.requests == requests


async def test_a_genuine_jws_token_still_needs_keystones_word(keystone_jws, checking, signing_key):
    token = keystone_jws.token("ann-admin")
    assert "admin" in (await checking.verify(token)).caller.roles
    # Signed by Keystone's own key, but for a user Keystone does not have.
    body = jwt.decode(token, options={"verify_signature": False}) | {"sub": "0" * 32}
    calls = keystone_jws.calls()
    assert await checking.verify(jwt.encode(body, signing_key, "ES256")) is None
    assert keystone_jws.calls() == calls + 1


async def test_other_formats_are_left_to_keystone(keystone, keystone_jws, make_strategy):
    keys = load_jws_keys([keystone_jws.public_keys / "public.pem"])
    strategy = make_strategy(keystone, jws_keys=keys)
    assert (await strategy.verify(keystone.token("ann-admin"))).caller.user == "ann-admin"


def test_keys_that_are_not_keystones_are_refused(tmp_path):
    with pytest.raises(InvalidConfig, match="no"):
        load_jws_keys([tmp_path])
    (tmp_path / "key.pem").write_text("x")
    with pytest.raises(InvalidConfig, match=r"key\.pem"):
        load_jws_keys([tmp_path])


def test_the_challenge_names_where_to_log_in(keystone, make_strategy):
    assert make_strategy(keystone).challenge == f'Keystone uri="{keystone.url}"'
    public = make_strategy(keystone, www_authenticate_uri="https://id.example")
    assert public.challenge == 'Keystone uri="https://id.example"'


@pytest.mark.parametrize(
    "body", [None, [], {}, {"token": {}}, {"token": {"user": {"name": "x"}}}, {"token": "x"}]
)
def test_an_answer_that_is_not_keystones_is_unavailable_never_a_caller(body):
    with pytest.raises(Unavailable):
        caller_of(body)


async def test_no_token_or_password_reaches_the_log_at_debug(
    keystone, keystone_jws, make_strategy, everything_logged, caplog
):
    logins = [
        (server, server.token("ann-admin"), server.token("shipyard"))
        for server in (keystone, keystone_jws)
    ]
    caplog.clear()  # the logins are the test's own
    secrets = ["gAAAAABk-garbage", USERS["drydock"][0], USERS["ann-admin"][0]]
    for server, user, service in logins:
        strategy = make_strategy(server)
        authenticator = Authenticator([strategy], audit=Audit())
        headers = {"X-Auth-Token": user, "X-Service-Token": service}
        assert (await authenticator.identify(headers, "127.0.0.1")).service_user == "shipyard"
        await authenticator.identify({"X-Auth-Token": "gAAAAABk-garbage"}, "127.0.0.1")
        secrets += [user, service, await strategy._identity.token()]
    log = everything_logged()
    assert "keystoneauth" in log
    assert fingerprint(logins[0][1]) in log
    for secret in secrets:
        assert secret not in log


async def test_a_refusal_says_what_is_known_of_the_token(keystone, make_strategy):
    strategy = make_strategy(keystone, cache_seconds=0)
    assert strategy.why("") == ""
    assert "unknown to Keystone" in strategy.why("gAAAAABk-garbage")
    token = keystone.token("ann-admin")
    assert await strategy.verify(token)
    strategy._known.put(token, None, time.time() - 300)
    assert strategy.why(token) == "the token expired 5 min ago"


def test_a_jws_token_says_itself_that_it_has_expired(keystone_jws, signing_key, make_strategy):
    keys = load_jws_keys([keystone_jws.public_keys])
    strategy = make_strategy(keystone_jws, jws_keys=keys)
    late = jwt.encode({"sub": "x", "exp": int(time.time()) - 3 * 86400}, signing_key, "ES256")
    assert strategy.why(late) == "the token expired 3 d ago"
    assert "malformed" in strategy.why("a.b.c")
