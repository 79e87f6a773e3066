"""Who works on which queues, how often a message has been tried, and how many queues there are."""

from alembic import op

revision = "0004"
down_revision = "0003"

_UP = """
CREATE UNLOGGED TABLE attempt (
    digest bytea NOT NULL,
    count integer NOT NULL DEFAULT 1,
    tried_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_count_per_message PRIMARY KEY (digest)
);
CREATE INDEX attempt_by_age ON attempt (tried_at);

CREATE TABLE slot (
    slots integer NOT NULL,
    slot integer NOT NULL,
    worker text NOT NULL,
    consuming_since timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT one_row_per_slot PRIMARY KEY (slots, slot),
    CONSTRAINT slot_is_one_of_its_slots CHECK (slot >= 0 AND slot < slots)
);

CREATE TABLE partitioning (
    is_the_only_row boolean NOT NULL DEFAULT true,
    partitions integer NOT NULL,
    next_partitions integer,
    CONSTRAINT one_partitioning PRIMARY KEY (is_the_only_row),
    CONSTRAINT partitioning_is_one_row CHECK (is_the_only_row),
    CONSTRAINT partitions_are_some CHECK (partitions >= 1)
);
INSERT INTO partitioning (partitions) VALUES (8);
"""

_DOWN = "DROP TABLE partitioning, slot, attempt;"


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
