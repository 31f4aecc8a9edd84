"""A database takes no daemon of another cluster."""

import pytest

from drydockd.errors import InvalidConfig, StoreRefused
from drydockd.store import open_store
from tests.store.several.sharing import ENTRY, MARK, url_of

pytestmark = [pytest.mark.slow, pytest.mark.peer("postgres")]


@pytest.fixture
def opened(database):
    """Open a store on the database as the member `name`, with the mark of a secret."""

    async def open_as(name, mark=MARK):
        told = ENTRY | {"url": url_of(database), "name": name, "secret_mark": bytes.fromhex(mark)}
        return await open_store("postgres", **told)

    return open_as


async def test_a_daemon_with_another_secret_is_refused_and_told_which_file_to_copy(opened):
    store = await opened("a")
    with pytest.raises((InvalidConfig, StoreRefused), match=r"auth\.secret_file"):
        await opened("b", "66" * 32)
    assert [member.name for member in await store.members()] == ["a"]
    await store.close()
    with pytest.raises((InvalidConfig, StoreRefused)):  # not only while the other is there
        await opened("a", "66" * 32)
    again = await opened("b")
    assert {member.name for member in await again.members()} == {"a", "b"}
    await again.close()
