"""By which hash commands are distributed: a house in use keeps the one it has, a new one decides."""

from alembic import op

revision = "0007"
down_revision = "0006"

_UP = """
ALTER TABLE partitioning
    ADD COLUMN hash text,
    ADD CONSTRAINT partitioning_hash_is_known CHECK (hash IN ('x-modulus-hash', 'x-consistent-hash'));
"""

_DOWN = "ALTER TABLE partitioning DROP COLUMN hash;"


def upgrade() -> None:
    op.execute(_UP)
    is_in_use = op.get_bind().exec_driver_sql("SELECT EXISTS (SELECT FROM inbox)").scalar_one()
    if is_in_use:
        op.execute("UPDATE partitioning SET hash = 'x-consistent-hash'")


def downgrade() -> None:
    op.execute(_DOWN)
