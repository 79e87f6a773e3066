"""Suspended recurrences, found among a million others: an operator's look must not read them all."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS recurrence_suspended")  # of an attempt that failed
        op.execute(
            "CREATE INDEX CONCURRENTLY recurrence_suspended"
            " ON recurrence (channel, basket_id) WHERE state = 'suspended'"
        )


def downgrade() -> None:
    op.execute("DROP INDEX recurrence_suspended")
