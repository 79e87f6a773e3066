"""Recurrences, their occurrences, orders."""

from alembic import op

revision = "0002"
down_revision = "0001"

_UP = """
CREATE TABLE recurrence (
    channel text NOT NULL,
    basket_id text NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL,
    next_due_at timestamptz,
    document jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_recurrence_per_basket PRIMARY KEY (channel, basket_id),
    CONSTRAINT recurrence_state_is_known
        CHECK (state IN ('active', 'paused', 'suspended', 'expired', 'removed'))
);
CREATE INDEX recurrence_due ON recurrence (next_due_at) WHERE next_due_at IS NOT NULL;

CREATE SEQUENCE order_number START 100001;

CREATE TABLE customer_order (
    channel text NOT NULL,
    id text NOT NULL,
    number text NOT NULL,
    basket_id text NOT NULL,
    owner text NOT NULL,
    placed_at timestamptz NOT NULL,
    document jsonb NOT NULL,
    CONSTRAINT one_order_per_channel_and_id PRIMARY KEY (channel, id),
    CONSTRAINT one_order_per_channel_and_number UNIQUE (channel, number)
);
CREATE INDEX customer_order_by_basket ON customer_order (channel, basket_id, placed_at);

CREATE TABLE occurrence (
    channel text NOT NULL,
    basket_id text NOT NULL,
    generation integer NOT NULL,
    n bigint NOT NULL,
    last_n bigint NOT NULL,
    due_at timestamptz NOT NULL,
    last_due_at timestamptz NOT NULL,
    order_id text,
    reason text,
    decided_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_decision_per_occurrence PRIMARY KEY (channel, basket_id, generation, n),
    CONSTRAINT occurrence_range_is_not_empty CHECK (last_n >= n),
    CONSTRAINT occurrence_is_either_ordered_or_skipped CHECK ((order_id IS NULL) <> (reason IS NULL))
);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE occurrence, customer_order, recurrence; DROP SEQUENCE order_number")
