"""Baskets by owner, baskets that nobody touches, and what is erased of a person."""

from alembic import op

revision = "0003"
down_revision = "0002"

_UP = """
ALTER TABLE basket
    ADD COLUMN is_recurrent boolean NOT NULL DEFAULT false,
    ADD COLUMN changed_on date GENERATED ALWAYS AS ((changed_at AT TIME ZONE 'UTC')::date) STORED;
UPDATE basket SET is_recurrent = true WHERE document->'content' ? 'recurrence';
CREATE INDEX basket_by_owner ON basket (channel, owner, id);
CREATE INDEX basket_open_by_owner ON basket (channel, owner, id) WHERE is_open;
CREATE INDEX basket_untouched ON basket (channel, changed_on, id) WHERE is_open AND NOT is_recurrent;

CREATE INDEX customer_order_by_owner ON customer_order (channel, owner);

CREATE INDEX reference_channels ON reference (id) WHERE kind = 'channel';

CREATE TABLE erasure (
    channel text NOT NULL,
    owner text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    causation_id text,
    traceparent text,
    CONSTRAINT one_erasure_per_person_and_instant PRIMARY KEY (channel, owner, asked_at)
);

CREATE TABLE handover (
    channel text NOT NULL,
    basket_id text NOT NULL,
    former_owner text NOT NULL,
    handed_over_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_handover_per_owner_and_instant
        PRIMARY KEY (channel, basket_id, former_owner, handed_over_at)
);
CREATE INDEX handover_by_former_owner ON handover (channel, former_owner);
CREATE INDEX handover_by_age ON handover (handed_over_at);
"""

_DOWN = """
DROP TABLE handover, erasure;
DROP INDEX reference_channels;
DROP INDEX customer_order_by_owner;
DROP INDEX basket_untouched;
DROP INDEX basket_open_by_owner;
DROP INDEX basket_by_owner;
ALTER TABLE basket DROP COLUMN changed_on, DROP COLUMN is_recurrent;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
