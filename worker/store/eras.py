"""Eras: the clusters that this database has lived in, so that transaction ids can be compared.

Transaction ids count from the beginning in each cluster: in a restored dump, ids that were drawn before are
drawn once more. (era, transaction id) is never drawn twice, and grows with the era.
"""

from __future__ import annotations

from sqlalchemy import text

from worker.store.database import Transaction

# Named when initdb makes a cluster; a standby has its primary's name, a restored dump that of the new one.
_CURRENT = text("""
SELECT newest.era, newest.cluster IS NOT DISTINCT FROM here.cluster AS is_here
FROM (SELECT system_identifier::text AS cluster FROM pg_control_system()) AS here
LEFT JOIN (SELECT era, cluster FROM era ORDER BY era DESC LIMIT 1) AS newest ON true
""")

_BEGIN = text("""
INSERT INTO era (era, cluster)
SELECT :era, system_identifier::text FROM pg_control_system()
ON CONFLICT (era) DO NOTHING
""")


def current(tx: Transaction) -> int:
    """Give the era of this cluster; the first who asks in a new one begins it.

    Of two who begin it at once one waits for the other, and both give the same.
    """
    newest = tx.execute(_CURRENT).one()
    while not newest.is_here:
        tx.execute(_BEGIN, {"era": 1 if newest.era is None else newest.era + 1})
        newest = tx.execute(_CURRENT).one()
    return int(newest.era)
