"""By which hash commands are distributed: a house in use keeps the one it has, a new one decides."""

from alembic import op

revision = "0007"
down_revision = "0006"

_UP = """
ALTER TABLE partitioning
    ADD COLUMN hash text,
    ADD CONSTRAINT partitioning_hash_is_known CHECK (hash IN ('x-modulus-hash', 'x-consistent-hash'));
UPDATE partitioning SET hash = 'x-consistent-hash' WHERE EXISTS (SELECT FROM inbox);
"""

_DOWN = "ALTER TABLE partitioning DROP COLUMN hash;"


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
