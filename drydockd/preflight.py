"""The one checker, asked by `drydock config check` and the daemon: what would stop a start.

Every part is made as the start makes it, and let go; nothing is written, no port is taken, nobody
is asked over the network. What only the moment of the start can tell is not in it: a port in use,
a state directory that is locked or damaged (`drydock store check`).
"""

from __future__ import annotations

import errno
import logging
import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from drydockd import membership, parts
from drydockd.auth.jwtkeys import public_keys
from drydockd.auth.keystone import load_jws_keys
from drydockd.config import ConfigError, Loaded, Mistake, Settings
from drydockd.config import load as load_values
from drydockd.errors import InvalidConfig, InvalidInput, StoreRefused
from drydockd.handlers.listen import check_address
from drydockd.store.postgres.connect import library
from drydockd.store.statedir import StateDir, refuse_if_open_to_others
from drydockd.systemd import SOCKETS
from drydockd.tls import load_tls

Hear = Callable[[str], None]
# Tries one thing; raises InvalidConfig or StoreRefused if the start would.
Trial = Callable[[], object]
Option = tuple[str, str]

DEFAULT_CONFIG = Path("/etc/drydockd/drydockd.yaml")


def files_of(given: Sequence[Path]) -> list[Path]:
    """Return the files that are read: those given, else the usual one if it is there."""
    return list(given) or [path for path in (DEFAULT_CONFIG,) if path.exists()]


def load(
    files: Sequence[Path],
    environ: Mapping[str, str],
    *,
    hear: Hear = lambda text: None,
    is_activated: bool | None = None,
) -> Loaded:
    """Return the configuration if a daemon can start with it.

    Raises ConfigError with all mistakes: those of the values, and if all of them could be read,
    those of what the values name. `hear` is told what the parts would warn of. Looks with the
    eyes of the user it runs as, so run it as the daemon's. `is_activated`: the service manager
    holds the sockets; by default the environment says whether it does.
    """
    if is_activated is None:
        is_activated = SOCKETS in environ
    mistakes: list[Mistake] = []
    try:
        loaded = load_values(files, environ, parts.schema())
    except ConfigError as error:
        if error.loaded is None:
            raise
        loaded, mistakes = error.loaded, [*error.mistakes]
    with _overheard(hear):
        mistakes += [
            Mistake(loaded.origins.get(option, "configuration"), "", "", problem)
            for option, problem in problems(loaded.settings, loaded.base, is_activated=is_activated)
        ]
    if mistakes:
        raise ConfigError(mistakes)
    return loaded


def problems(
    settings: Settings, base: Path, *, is_activated: bool = False
) -> Iterator[tuple[Option, str]]:
    """Yield what stops a start: the option to look at, and the message.

    `base` is where relative policy files are; `is_activated`: the service manager holds the
    sockets, so the addresses need not be this machine's.
    """
    trials: list[Iterator[tuple[Option, Trial]]] = [
        _state(settings),
        _auth(settings),
        _policy(settings, base),
        _drivers(settings),
        _roots(settings),
        _tls(settings),
        _webhooks(settings),
    ]
    if not is_activated:
        trials.append(_addresses(settings))
    said = set()
    for option, trial in (pair for group in trials for pair in group):
        try:
            trial()
        except (InvalidConfig, StoreRefused) as error:
            if str(error) not in said:
                yield option, str(error)
            said.add(str(error))


def _state(settings: Settings) -> Iterator[tuple[Option, Trial]]:
    option = ("store", "state_dir")
    yield option, partial(_check_state_dir, settings)
    yield ("auth", "secret_file"), partial(_check_secret, settings)
    if settings.store.backend == "postgres":
        yield ("store", "url"), _check_library
        yield ("cluster", "address"), partial(membership.member_address, settings, "")


def _check_library() -> None:
    try:
        library()
    except InvalidInput as error:
        raise InvalidConfig(str(error)) from error


def _check_state_dir(settings: Settings) -> None:
    folder = settings.store.state_dir
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder")
        if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{there} cannot be written")
    except OSError as error:
        raise InvalidConfig(f"store.state_dir {folder}: {error.strerror}") from error
    if settings.store.backend == "tiny" and there == folder and any(folder.iterdir()):
        refuse_if_open_to_others(StateDir(folder))


def _check_secret(settings: Settings) -> None:
    # Made at the start if it is not there, but for daemons that share a store; one that is there
    # must be right. One that may not be seen is not there either: the folder's trial said so.
    if settings.store.backend == "postgres" or os.path.exists(parts.secret_file(settings)):
        parts.server_secret(settings, create=False)


def _auth(settings: Settings) -> Iterator[tuple[Option, Trial]]:
    auth = settings.auth
    yield ("keystone_authtoken", "auth_url"), partial(parts.identity, settings)
    if "jwt" in auth.strategy:
        for path in auth.jwt_public_keys:
            yield ("auth", "jwt_public_keys"), partial(public_keys, path)
        yield ("auth", "jwt_public_keys"), partial(_check_keys, settings)
    if "keystone" in auth.strategy:
        for path in auth.keystone_jws_keys:
            yield ("auth", "keystone_jws_keys"), partial(load_jws_keys, [path])


def _check_keys(settings: Settings) -> None:
    if keys := parts.jwt_keys(settings, create=False):
        parts.local_tokens(settings, keys)


def _policy(settings: Settings, base: Path) -> Iterator[tuple[Option, Trial]]:
    chosen = settings.oslo_policy
    # By default neither need be there; one that is named and missing would leave more allowed,
    # or less, than its author thinks.
    if "policy_file" in chosen.model_fields_set:
        file = base / chosen.policy_file
        yield ("oslo_policy", "policy_file"), partial(_check_named, "policy_file", file)
    if "policy_dirs" in chosen.model_fields_set:
        for folder in chosen.policy_dirs:
            named = partial(_check_named, "policy_dirs", base / folder)
            yield ("oslo_policy", "policy_dirs"), named
    yield ("oslo_policy", "policy_file"), partial(parts.policy, settings, base)


def _check_named(option: str, path: Path) -> None:
    try:
        path.stat()
    except OSError as error:
        raise InvalidConfig(f"oslo_policy.{option}: {path}: {error.strerror}") from error


def _drivers(settings: Settings) -> Iterator[tuple[Option, Trial]]:
    for kind, name in parts.enabled(settings):
        yield ("plugins", f"{kind}_driver"), partial(parts.driver, settings, kind, name)


def _roots(settings: Settings) -> Iterator[tuple[Option, Trial]]:
    for root in settings.network.allowed_roots:
        yield ("network", "allowed_roots"), partial(_check_root, root)


def _check_root(root: Path) -> None:
    try:
        os.scandir(root).close()
    except OSError as error:
        raise InvalidConfig(f"network.allowed_roots: {root}: {error.strerror}") from error


def _tls(settings: Settings) -> Iterator[tuple[Option, Trial]]:
    api, keystone = settings.api, settings.keystone_authtoken
    if api.tls_cert and api.tls_key:
        yield ("api", "tls_cert"), partial(load_tls, api.tls_cert, api.tls_key)
    if keystone.cafile:
        yield ("keystone_authtoken", "cafile"), partial(_check_ca, keystone.cafile)
    if keystone.certfile:
        pair = (keystone.certfile, keystone.keyfile)
        yield ("keystone_authtoken", "certfile"), partial(_check_client, *pair)


def _check_ca(path: Path) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise InvalidConfig(f"keystone_authtoken.cafile {path}: {error.strerror}") from error


def _check_client(certificate: Path, key: Path | None) -> None:
    try:
        ssl.create_default_context().load_cert_chain(certificate, key)
    except OSError as error:
        raise InvalidConfig(
            f"keystone_authtoken.certfile {certificate}, keyfile {key}: {error.strerror or error}"
        ) from error


def _webhooks(settings: Settings) -> Iterator[tuple[Option, Trial]]:
    for webhook in settings.events.webhooks:
        yield ("events", "webhooks"), partial(parts.sender, settings, webhook)


def _addresses(settings: Settings) -> Iterator[tuple[Option, Trial]]:
    api = settings.api
    yield ("api", "listen"), partial(check_address, "api.listen", api.listen)
    if api.node_listen:
        yield (
            ("api", "node_listen"),
            partial(check_address, "api.node_listen", api.node_listen, beside=api.listen),
        )


class _Hearing(logging.Handler):
    def __init__(self, hear: Hear) -> None:
        super().__init__(logging.WARNING)
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record.getMessage())


@contextmanager
def _overheard(hear: Hear) -> Iterator[None]:
    """Give warnings to `hear` instead of the log: the start makes the parts again, and logs."""
    logger = logging.getLogger("drydockd")
    handler, passed_on = _Hearing(hear), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = passed_on
