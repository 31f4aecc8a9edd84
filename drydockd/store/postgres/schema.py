"""The schema `drydock`: its tables, its functions, and who makes it.

Statements that others may wait behind lock in one order, or they lock each other out: first the
queue (`sql.QUEUE`) and the row of `head`, then those of `member`, then that of `lease`. So whoever
ends an epoch locks `head` first; from its commit on no guarded write of the epoch before can come
any more.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from drydockd.store.codec import ROW_CLASSES
from drydockd.store.postgres import sql

# Of the schema. A daemon that knows less refuses a newer one.
FORMAT = 1
# Whoever makes the schema holds this lock; any number will do that is always the same.
LOCK = 0x64727964
CHANNEL = "drydock"

# `record.arrival`, `record.place`: where the record stands among all by when it was first put.
TABLES = """
CREATE SCHEMA drydock;
CREATE TABLE drydock.head (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    seq bigint NOT NULL DEFAULT 0,
    chain bytea NOT NULL DEFAULT ''::bytea,
    origin bigint NOT NULL,
    format int NOT NULL,
    cluster text NOT NULL,
    secret_mark bytea
) WITH (fillfactor = 10);
CREATE TABLE drydock.write (
    seq bigint PRIMARY KEY,
    member int NOT NULL,
    n bigint NOT NULL,
    chain bytea NOT NULL,
    at timestamptz NOT NULL,
    size int NOT NULL
);
CREATE INDEX write_by_member ON drydock.write (member, n);
CREATE TABLE drydock.change (
    seq bigint,
    ord int,
    tab text NOT NULL,
    key text NOT NULL,
    doc bytea,
    PRIMARY KEY (seq, ord)
);
CREATE TABLE drydock.message (
    seq bigint,
    ord int,
    key text NOT NULL,
    doc bytea NOT NULL,
    PRIMARY KEY (seq, ord)
);
CREATE INDEX message_by_task ON drydock.message (key, seq, ord);
CREATE TABLE drydock.record (
    tab text,
    key text,
    seq bigint NOT NULL,
    doc bytea NOT NULL,
    arrival bigint NOT NULL,
    place int NOT NULL,
    PRIMARY KEY (tab, key)
) WITH (fillfactor = 80);
CREATE TABLE drydock.member (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text UNIQUE NOT NULL,
    session bigint NOT NULL DEFAULT 0,
    process uuid,
    beat timestamptz NOT NULL,
    address text NOT NULL DEFAULT '',
    version text NOT NULL DEFAULT '',
    applied bigint NOT NULL DEFAULT 0,
    settings text NOT NULL DEFAULT '{}'
);
CREATE TABLE drydock.lease (
    name text PRIMARY KEY,
    holder int REFERENCES drydock.member,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);
INSERT INTO drydock.lease VALUES ('runner', NULL, 0, '-infinity');
CREATE TABLE drydock.blob (
    digest text PRIMARY KEY,
    content bytea NOT NULL,
    put timestamptz NOT NULL
);
ALTER TABLE drydock.blob ALTER content SET STORAGE EXTERNAL;
INSERT INTO drydock.head (origin, format, cluster) VALUES (
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, %(format)d, gen_random_uuid()::text
);
"""

_VIEW = """
CREATE VIEW drydock.all_TABLE AS SELECT key, seq, convert_from(doc, 'UTF8')::json AS doc
FROM drydock.record WHERE tab = 'TABLE';
"""
_MESSAGES_VIEW = """
CREATE VIEW drydock.all_messages AS SELECT key AS task_id, seq, ord,
    convert_from(doc, 'UTF8')::json AS doc FROM drydock.message;
"""


def views() -> str:
    """For operators: ``SELECT doc->>'status' FROM drydock.all_tasks``. Nothing reads them."""
    return "".join(_VIEW.replace("TABLE", table) for table in ROW_CLASSES) + _MESSAGES_VIEW


def statements() -> str:
    """Everything, to be run in one transaction."""
    parts = [TABLES % {"format": FORMAT}, views(), sql.FUNCTIONS]
    if find_spec("drydockd.store.postgres.lease") is not None:
        parts.append(import_module("drydockd.store.postgres.lease").SQL)
    return "\n".join(parts)
