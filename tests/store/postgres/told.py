"""What the database tells of a write of another daemon, made by hand."""

import struct

_SINCE_2000 = 946_684_800_000_000


def head(member, n, size, micros, chain):
    """As sql.HEAD_OF."""
    return struct.pack(">iqiq", member, n, size, micros - _SINCE_2000) + chain


def lines(write):
    """As sql.FEED, of a rows.Written with a chain."""
    told = head(write.member, write.n, write.size, write.micros, write.chain)
    return [(write.seq, -1, "", "", told), *write.lines]
