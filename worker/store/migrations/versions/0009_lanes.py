"""Recurrences of baskets with datasets fall due in a column of their own: no lane reads the other's."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE recurrence ADD COLUMN data_due_at timestamptz")
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS recurrence_data_due")  # of an attempt that failed
        op.execute(
            "CREATE INDEX CONCURRENTLY recurrence_data_due"
            " ON recurrence (data_due_at) WHERE data_due_at IS NOT NULL"
        )


def downgrade() -> None:
    op.execute("UPDATE recurrence SET next_due_at = data_due_at WHERE data_due_at IS NOT NULL")
    op.execute("DROP INDEX recurrence_data_due")
    op.execute("ALTER TABLE recurrence DROP COLUMN data_due_at")
