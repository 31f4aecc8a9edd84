from drydockd.cluster.digests import differences, digests
from drydockd.store.base import Member
from tests.handlers.helpers import settings

SECRET = b"s" * 32


def of(tmp_path, policy=None, keys=("k1",), secret=SECRET, **sections):
    return digests(settings(tmp_path, **sections), policy or {"a": "role:b"}, secret, keys)


def changed(tmp_path, **options):
    before, after = of(tmp_path), of(tmp_path, **options)
    return {name for name in before if before[name] != after[name]}


def test_each_setting_that_has_to_be_the_same_has_a_digest_of_its_own(tmp_path):
    assert changed(tmp_path) == set()
    assert changed(tmp_path, policy={"a": "role:c"}) == {"policy"}
    assert changed(tmp_path, bootactions={"report_url": "http://x/y"}) == {"bootactions.report_url"}
    assert changed(tmp_path, bootactions={"reports": 7}) == {"limits"}
    assert changed(tmp_path, limits={"fan_out": 7}) == {"limits"}
    assert changed(tmp_path, timeouts={"deploy_node": 7}) == {"timeouts"}
    assert changed(tmp_path, fake_driver={"power_seconds": 7.0}) == {"drivers"}
    assert changed(tmp_path, plugins={"kubernetes_driver": None}) == {"drivers"}
    assert changed(tmp_path, keys=("k1", "k2")) == {"token keys"}
    assert changed(tmp_path, cluster={"lease_seconds": 7}) == {"cluster.lease_seconds"}


def test_what_may_differ_from_host_to_host_is_not_told(tmp_path):
    assert changed(tmp_path, api={"listen": "127.0.0.1:1"}, cluster={"name": "x"}) == set()
    assert of(tmp_path) == of(tmp_path / "elsewhere")


def test_who_has_not_the_secret_learns_nothing_by_guessing(tmp_path):
    mine, theirs = of(tmp_path), of(tmp_path, secret=b"t" * 32)
    assert not set(mine.values()) & set(theirs.values())


def test_each_other_daemon_that_differs_is_named_with_what():
    def member(name, **told):
        return Member(name, "", "", 0, False, 0.0, told)

    mine = {"policy": "1", "limits": "2"}
    others = [
        member("a", policy="0"),
        member("b", **mine),
        member("c", limits="3"),
        member("d"),  # it has not said anything yet
    ]
    assert differences("a", mine, others) == [
        "the daemons a and c differ in limits, policy: what a task comes to depends on which of"
        " them runs it"
    ]
