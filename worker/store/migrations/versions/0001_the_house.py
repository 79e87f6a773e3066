"""Baskets, reference data, inbox, outbox, dead letters."""

from alembic import op

revision = "0001"
down_revision = None

_UP = """
CREATE TABLE reference (
    channel text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    document jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_entry_per_channel_kind_and_id PRIMARY KEY (channel, kind, id)
);

CREATE TABLE basket (
    channel text NOT NULL,
    id text NOT NULL,
    owner text NOT NULL,
    version bigint NOT NULL,
    is_open boolean NOT NULL,
    document jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_basket_per_channel_and_id PRIMARY KEY (channel, id),
    CONSTRAINT basket_versions_start_at_one CHECK (version >= 1)
);

CREATE TABLE inbox (
    channel text NOT NULL,
    key text NOT NULL,
    message_id text NOT NULL,
    body_hash bytea NOT NULL,
    caller text,
    state text NOT NULL DEFAULT 'handled',
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_effect_per_message_id PRIMARY KEY (channel, key, message_id),
    CONSTRAINT inbox_state_is_known CHECK (state IN ('handled', 'parked', 'released'))
);
CREATE INDEX inbox_by_age ON inbox (received_at);

CREATE TABLE outbox (
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    channel text NOT NULL,
    key text NOT NULL,
    partition smallint NOT NULL,
    type text NOT NULL,
    correlation_id text,
    headers jsonb NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    CONSTRAINT one_row_per_event PRIMARY KEY (channel, key, event_id)
);
CREATE INDEX outbox_pending ON outbox (partition, seq) WHERE published_at IS NULL;
CREATE INDEX outbox_by_age ON outbox (created_at);

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    channel text NOT NULL,
    type text NOT NULL,
    message_id text,
    cause text NOT NULL,
    detail text NOT NULL,
    claims jsonb,
    properties jsonb NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    event_id uuid NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    replays integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'parked',
    parked_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dead_letter_state_is_known CHECK (state IN ('parked', 'released', 'discarded'))
);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE dead_letter, outbox, inbox, basket, reference")
