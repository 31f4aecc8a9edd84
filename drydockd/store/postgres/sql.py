"""The statements of the store: one call writes, one asks for what was written."""

from __future__ import annotations

# `session over`: another process, or a newer connection, writes as this member now.
SESSION_OVER = "DRY01"
# The database holds fewer writes than were seen here.
HISTORY_LOST = "DRY02"

# Who wants the row of `head` queues for this lock first, and holds it as long: a row's lock goes to
# whoever comes by, and each one that waits for it wakes up for every new version of the row.
QUEUE = "PERFORM pg_advisory_xact_lock(1685222769);"

# A write as others are told of it, in one piece (rows.written).
HEAD_OF = (
    "int4send(w.member) || int8send(w.n) || int4send(w.size) || timestamptz_send(w.at) || w.chain"
)

# The reply has what others wrote since `base`, up to 64 KiB (and 4096 writes), as long as it fits
# the socket's buffer: it goes out while the order's lock is held, and must not wait for a client
# that does not read.
#
# `o_heads`: HEAD_OF each of those writes, one behind the other, and of each change and message its
# write, table (null: a message), key and document, in their order.
#
# `chain` is a hash over all writes: of the one before, then member, n and time of the write.
#
# Arguments: `base`: newest write that is known. `first_n`: the number of the first write among
# the member's. `guarded`: the first write that is guarded by `epoch`, from 1; 0: none.
# `sizes`: of each write, in bytes. Then changes (write, ord, table, key, document or null, and
# write and ord of the put that began the record's life here) and messages (write, ord, task,
# document).
WRITE = """
CREATE FUNCTION drydock.write(
    IN in_member int, IN in_session bigint, IN base bigint, IN in_epoch bigint,
    IN first_n bigint, IN guarded int, IN sizes int[],
    IN c_write int[], IN c_ord int[], IN c_tab text[], IN c_key text[], IN c_doc bytea[],
    IN c_born int[], IN c_place int[],
    IN m_write int[], IN m_ord int[], IN m_key text[], IN m_doc bytea[],
    OUT head bigint, OUT applied int, OUT verdict text, OUT chain bytea,
    OUT micros bigint,
    OUT o_heads bytea, OUT o_seq bigint[], OUT o_tab text[], OUT o_key text[], OUT o_doc bytea[]
) LANGUAGE plpgsql AS $$
DECLARE
    bytes bigint;
    known bigint;
    bad int;
    stamp timestamptz;
    chains bytea[] := '{}';
    who bytea := int4send(in_member);
    moment bytea;
BEGIN
    QUEUE
    SELECT h.seq, h.chain INTO head, chain FROM drydock.head h FOR UPDATE;
    PERFORM 1 FROM drydock.member m WHERE m.id = in_member AND m.session = in_session;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'session over' USING ERRCODE = 'DRY01';
    END IF;
    IF head < base THEN
        RAISE EXCEPTION 'history lost' USING ERRCODE = 'DRY02';
    END IF;
    applied := cardinality(sizes);
    verdict := 'ok';
    IF guarded > 0 THEN
        PERFORM 1 FROM drydock.lease l
        WHERE l.name = 'runner' AND l.holder = in_member AND l.epoch = in_epoch;
        IF NOT FOUND THEN
            verdict := 'fenced';
            applied := guarded - 1;
        END IF;
    END IF;
    IF head > base THEN
        IF head - base <= 4096 THEN
            SELECT sum(w.size), count(*) INTO bytes, known FROM drydock.write w
            WHERE w.seq > base AND w.seq <= head;
        END IF;
        IF known IS NULL OR known < head - base OR bytes > 65536 THEN
            verdict := 'behind';
            applied := 0;
            RETURN;
        END IF;
        SELECT string_agg(w.told, ''::bytea) INTO o_heads FROM (
            SELECT HEAD_OF AS told
            FROM drydock.write w WHERE w.seq > base AND w.seq <= head ORDER BY w.seq
        ) w;
        SELECT array_agg(x.seq), array_agg(x.tab), array_agg(x.key), array_agg(x.doc)
            INTO o_seq, o_tab, o_key, o_doc
        FROM (
            SELECT c.seq, c.ord, c.tab, c.key, c.doc
            FROM drydock.change c WHERE c.seq > base AND c.seq <= head
            UNION ALL
            SELECT m.seq, m.ord, NULL, m.key, m.doc
            FROM drydock.message m WHERE m.seq > base AND m.seq <= head
            ORDER BY 1, 2
        ) x;
        IF cardinality(c_write) > 0 OR 'tasks' = ANY(o_tab) THEN
            SELECT min(mine.write) INTO bad FROM (
                SELECT c.write FROM unnest(c_write, c_tab, c_key) c (write, tab, key)
                JOIN unnest(o_tab, o_key) o (tab, key) ON o.tab = c.tab AND o.key = c.key
                UNION ALL
                SELECT m.write FROM unnest(m_write, m_key) m (write, key)
                JOIN unnest(o_tab, o_key, o_doc) o (tab, key, doc)
                    ON o.tab = 'tasks' AND o.key = m.key AND o.doc IS NULL
            ) mine;
        END IF;
        IF bad <= applied THEN
            verdict := 'conflict';
            applied := bad - 1;
        END IF;
    END IF;
    IF applied = 0 THEN
        RETURN;
    END IF;

    stamp := clock_timestamp();
    micros := (extract(epoch FROM stamp) * 1000000)::bigint;
    moment := int8send(micros);
    FOR i IN 1..applied LOOP
        chain := sha256(chain || who || int8send(first_n + i - 1) || moment);
        chains[i] := chain;
    END LOOP;
    INSERT INTO drydock.write (seq, member, n, chain, at, size)
    SELECT head + i, in_member, first_n + i - 1, chains[i], stamp, sizes[i]
    FROM generate_series(1, applied) i;
    IF cardinality(m_write) > 0 THEN
        INSERT INTO drydock.message (seq, ord, key, doc)
        SELECT head + m.write, m.ord, m.key, m.doc
        FROM unnest(m_write, m_ord, m_key, m_doc) m (write, ord, key, doc)
        WHERE m.write <= applied;
    END IF;
    IF cardinality(c_write) > 0 THEN
        INSERT INTO drydock.change (seq, ord, tab, key, doc)
        SELECT head + c.write, c.ord, c.tab, c.key, c.doc
        FROM unnest(c_write, c_ord, c_tab, c_key, c_doc) c (write, ord, tab, key, doc)
        WHERE c.write <= applied;
        IF array_position(c_doc, NULL) IS NOT NULL THEN
            DELETE FROM drydock.record r USING (
                SELECT DISTINCT c.tab, c.key
                FROM unnest(c_write, c_tab, c_key, c_doc) c (write, tab, key, doc)
                WHERE c.doc IS NULL AND c.write <= applied
            ) gone WHERE r.tab = gone.tab AND r.key = gone.key;
            DELETE FROM drydock.message m USING (
                SELECT c.key, max(ARRAY[head + c.write, c.ord]) AS place
                FROM unnest(c_write, c_ord, c_tab, c_key, c_doc) c (write, ord, tab, key, doc)
                WHERE c.doc IS NULL AND c.tab = 'tasks' AND c.write <= applied
                GROUP BY c.key
            ) gone WHERE m.key = gone.key AND (m.seq, m.ord) < (gone.place[1], gone.place[2]);
        END IF;
        INSERT INTO drydock.record AS r (tab, key, seq, doc, arrival, place)
        SELECT n.tab, n.key, head + n.write, n.doc, head + n.born, n.place FROM (
            SELECT DISTINCT ON (c.tab, c.key) c.* FROM
                unnest(c_write, c_ord, c_tab, c_key, c_doc, c_born, c_place)
                c (write, ord, tab, key, doc, born, place)
            WHERE c.write <= applied ORDER BY c.tab, c.key, c.write DESC, c.ord DESC
        ) n WHERE n.doc IS NOT NULL
        ON CONFLICT (tab, key) DO UPDATE SET seq = excluded.seq, doc = excluded.doc;
    END IF;
    UPDATE drydock.head h SET seq = write.head + write.applied, chain = write.chain;
    PERFORM pg_notify('drydock', (head + applied) || ' ' || in_member);
END $$;
""".replace("HEAD_OF", HEAD_OF).replace("QUEUE", QUEUE)

# A daemon's process begins, or goes on after a connection was lost: what its older connections
# sent, and has not been done yet, is refused from here on. Its commit is one that a standby has
# to confirm, so all that was committed before is safe then too.
JOIN = """
CREATE FUNCTION drydock.join(
    IN in_member int, IN in_process uuid, OUT session bigint, OUT head bigint, OUT chain bytea
) LANGUAGE plpgsql AS $$
BEGIN
    QUEUE
    SELECT h.seq, h.chain INTO head, chain FROM drydock.head h FOR UPDATE;
    UPDATE drydock.member m SET session = m.session + 1
    WHERE m.id = in_member AND m.process = in_process RETURNING m.session INTO session;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'session over' USING ERRCODE = 'DRY01';
    END IF;
END $$;
""".replace("QUEUE", QUEUE)

FUNCTIONS = WRITE + JOIN

CALL_WRITE = (
    "SELECT * FROM drydock.write($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)"
)
CALL_JOIN = "SELECT * FROM drydock.join($1, $2)"

# Whole writes behind $1, some $2 bytes of them: (seq, ord, tab, key, doc), of each write first
# one with ord -1 and HEAD_OF.
FEED_WRITES = 4096  # as in the statement
FEED = """
WITH w AS MATERIALIZED (
    SELECT seq, member, n, size, at, chain FROM (
        SELECT seq, member, n, size, at, chain, sum(size) OVER (ORDER BY seq) - size AS before
        FROM (SELECT * FROM drydock.write WHERE seq > $1 ORDER BY seq LIMIT 4096) next
    ) summed WHERE before < $2
), until AS MATERIALIZED (SELECT max(seq) AS seq FROM w)
SELECT w.seq, -1 AS ord, '' AS tab, '' AS key, HEAD_OF AS doc FROM w
UNION ALL
SELECT c.seq, c.ord, c.tab, c.key, c.doc FROM drydock.change c
WHERE c.seq > $1 AND c.seq <= (SELECT seq FROM until)
UNION ALL
SELECT m.seq, m.ord, 'messages', m.key, m.doc FROM drydock.message m
WHERE m.seq > $1 AND m.seq <= (SELECT seq FROM until)
ORDER BY 1, 2
""".replace("HEAD_OF", HEAD_OF)

# A process begins as a member: the newest one of its name is the one.
ENTER = """
WITH h AS MATERIALIZED (SELECT seq FROM drydock.head FOR UPDATE)
INSERT INTO drydock.member AS m (name, session, process, beat, address, version)
SELECT $1, 1, $2, clock_timestamp(), $3, $4 FROM h
ON CONFLICT (name) DO UPDATE SET session = m.session + 1, process = $2, beat = clock_timestamp(),
    address = $3, version = $4, settings = '{}', applied = 0
RETURNING id, session
"""
LAST_N = "SELECT coalesce(max(n), 0) FROM drydock.write WHERE member = $1"
MINE = "SELECT n FROM drydock.write WHERE member = $1 AND n = ANY($2::bigint[])"
HEAD = "SELECT seq, chain, origin, format, cluster, secret_mark FROM drydock.head"
# What became of the write that was known last.
HISTORY = """
SELECT h.seq AS head, (SELECT min(seq) FROM drydock.write) AS first,
    CASE WHEN h.seq = $1 THEN h.chain
         ELSE (SELECT chain FROM drydock.write w WHERE w.seq = $1) END AS chain
FROM drydock.head h
"""
# Ends when all that was committed before it is safe on a standby too, if there is to be one.
SETTLE = "UPDATE drydock.member SET applied = applied WHERE id = $1"
