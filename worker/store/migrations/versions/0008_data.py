"""Data objects, and what was ordered of them."""

from alembic import op

revision = "0008"
down_revision = "0007"

_UP = """
CREATE TABLE data_object (
    channel text NOT NULL,
    id text NOT NULL,
    provider_id text NOT NULL,
    datasets text[] NOT NULL,
    attributes jsonb NOT NULL,
    files jsonb NOT NULL,
    files_count integer NOT NULL,
    files_size bigint NOT NULL,
    quota integer NOT NULL,
    west double precision,
    south double precision,
    east double precision,
    north double precision,
    created_at timestamptz NOT NULL,
    terms tsvector NOT NULL,
    put_era integer NOT NULL,
    put_by bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_data_object_per_channel_and_id PRIMARY KEY (channel, id)
);
CREATE INDEX data_object_terms ON data_object USING gin (terms);

CREATE TABLE data_attribute (
    channel text NOT NULL,
    name text NOT NULL,
    CONSTRAINT one_row_per_attribute PRIMARY KEY (channel, name)
);

CREATE TABLE era (
    era integer NOT NULL,
    cluster text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_row_per_era PRIMARY KEY (era)
);

CREATE TABLE order_data (
    channel text NOT NULL,
    order_id text NOT NULL,
    place bigint NOT NULL,
    dataset_id text NOT NULL,
    object_id text NOT NULL,
    files jsonb NOT NULL,
    CONSTRAINT one_row_per_place_in_an_order PRIMARY KEY (channel, order_id, place)
);

ALTER TABLE basket ADD COLUMN holds_datasets boolean NOT NULL DEFAULT false;
"""

_DOWN = """
ALTER TABLE basket DROP COLUMN holds_datasets;
DROP TABLE order_data;
DROP TABLE era;
DROP TABLE data_attribute;
DROP TABLE data_object;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
