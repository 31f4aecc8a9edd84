"""One connection for one command: errors are sentences, and tell no password."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from drydockd.errors import StoreRefused, StoreUnavailable
from drydockd.store.postgres.address import shown_url, without_secrets
from drydockd.store.postgres.connect import connect, library


@asynccontextmanager
async def asked(url: str, purpose: str) -> AsyncIterator[Any]:
    """Connect as `purpose`, which the server's list of sessions shows.

    Raises InvalidInput for a URL that is none, StoreUnavailable where the database does not
    answer, StoreRefused where it answers with a refusal; none tells the password.
    """
    with telling(url):
        connection = await connect(url, purpose=purpose)
    try:
        with telling(url):
            yield connection
    finally:
        # What is not committed is undone by that.
        connection.terminate()


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Turn what the driver raises into errors of the store."""
    asyncpg = library()
    try:
        yield
    except asyncpg.UndefinedTableError as error:
        raise StoreRefused(
            f"{shown_url(url)} holds no store of drydockd ({error}): the first daemon makes one,"
            " and `drydock store copy` takes one there"
        ) from None
    except (asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError) as error:
        raise StoreUnavailable(_sentence(url, error)) from None
    except (asyncpg.PostgresError, asyncpg.InternalClientError) as error:
        raise StoreRefused(_sentence(url, error)) from None
    except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
        raise StoreUnavailable(_sentence(url, error)) from None


def _sentence(url: str, error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"{shown_url(url)}: {without_secrets(text, url)}"
