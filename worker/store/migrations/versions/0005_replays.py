"""Dead letters that are handled once more: in whose name, what came of it, and who did what with them."""

from alembic import op

revision = "0005"
down_revision = "0004"

# A command on its way out is a row of the outbox that points at its letter. Its partition is none of those
# that a worker of the release before looks into, which would take it for an event.
_UP = """
ALTER TABLE dead_letter
    ADD COLUMN new_owner jsonb,
    ADD COLUMN operator text,
    ADD COLUMN expected_version bigint,
    ADD COLUMN outcome text,
    ADD COLUMN settled_at timestamptz,
    DROP CONSTRAINT dead_letter_state_is_known,
    ADD CONSTRAINT dead_letter_state_is_known
        CHECK (state IN ('parked', 'released', 'handled', 'discarded'));
CREATE INDEX dead_letter_by_state ON dead_letter (state, cause, id);
CREATE INDEX dead_letter_by_key ON dead_letter (channel, key);

CREATE TABLE dead_letter_audit (
    id bigint GENERATED ALWAYS AS IDENTITY,
    letter_id bigint NOT NULL,
    action text NOT NULL,
    who text NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_row_per_act PRIMARY KEY (letter_id, id),
    CONSTRAINT acts_go_with_their_letter FOREIGN KEY (letter_id) REFERENCES dead_letter (id) ON DELETE CASCADE
);

ALTER TABLE outbox ADD COLUMN dead_letter_id bigint;
"""

_DOWN = """
DELETE FROM outbox WHERE dead_letter_id IS NOT NULL;
ALTER TABLE outbox DROP COLUMN dead_letter_id;
DROP TABLE dead_letter_audit;
DROP INDEX dead_letter_by_key;
DROP INDEX dead_letter_by_state;
UPDATE dead_letter SET state = 'discarded' WHERE state = 'handled';
ALTER TABLE dead_letter
    DROP COLUMN settled_at, DROP COLUMN outcome, DROP COLUMN expected_version, DROP COLUMN operator,
    DROP COLUMN new_owner,
    DROP CONSTRAINT dead_letter_state_is_known,
    ADD CONSTRAINT dead_letter_state_is_known CHECK (state IN ('parked', 'released', 'discarded'));
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
