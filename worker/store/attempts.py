"""How often a message was begun that may have ended its worker; written before it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

_NOT_FLUSHED = text("SET LOCAL synchronous_commit = off")

_BEGIN = text("""
INSERT INTO attempt (digest) VALUES (:digest)
ON CONFLICT (digest) DO UPDATE SET count = attempt.count + 1, tried_at = now()
RETURNING count
""")

_WITHDRAW = text("UPDATE attempt SET count = count - 1 WHERE digest = ANY (:digests) AND count > 0")

_SETTLE = text("DELETE FROM attempt WHERE digest = :digest")

_FORGET = text("""
DELETE FROM attempt WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM attempt WHERE tried_at < :before ORDER BY tried_at LIMIT :limit))
""")


def begin(tx: Connection, digest: bytes) -> int:
    """Count one more attempt; give which one it is, from 1.

    The commit need not reach the disk: it has to outlive this process, not the database.
    """
    tx.execute(_NOT_FLUSHED)
    count: int = tx.execute(_BEGIN, {"digest": digest}).scalar_one()
    return count


def withdraw(tx: Connection, digests: Sequence[bytes]) -> None:
    """Take attempts back that were no reason to suspect a message."""
    tx.execute(_NOT_FLUSHED)
    tx.execute(_WITHDRAW, {"digests": list(digests)})


def settle(tx: Connection, digest: bytes) -> None:
    """Forget about a message that is done, or is to be tried from the beginning."""
    tx.execute(_SETTLE, {"digest": digest})


def forget(tx: Connection, before: datetime, limit: int) -> int:
    """Remove at most `limit` counts that were last changed before an instant; give the number removed."""
    return tx.execute(_FORGET, {"before": before, "limit": limit}).rowcount
