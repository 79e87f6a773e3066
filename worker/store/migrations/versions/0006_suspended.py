"""Suspended recurrences, found among a million others: an operator's look must not read them all."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX recurrence_suspended ON recurrence (channel, basket_id) WHERE state = 'suspended'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX recurrence_suspended")
