-- What each database role may do. Run by the role that owns the database and runs `basketry migrate`; it needs
-- to be no superuser. Make the roles first, as one that may: \password asks for a password and sends none in plain.
--
--   CREATE ROLE basketry_worker LOGIN;    \password basketry_worker      of workers and schedulers
--   CREATE ROLE basketry_operator LOGIN;  \password basketry_operator    of people who look, and deal with dead letters
--
--   psql "$OWNER_URL" -v worker=basketry_worker -v operator=basketry_operator -f deploy/postgres/roles.sql
--
-- After `basketry migrate`, the first time and with each release. What a release adds is the worker's to use and the
-- operator's to read at once; only what operators may write beyond that waits for this script.

\set ON_ERROR_STOP on
\if :{?worker}
\else
  \set worker basketry_worker
\endif
\if :{?operator}
\else
  \set operator basketry_operator
\endif

BEGIN;

-- Nobody else gets in; nobody but the owner makes anything, temporary tables included.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC, :"worker", :"operator";
REVOKE ALL ON SCHEMA public FROM PUBLIC, :"worker", :"operator";
GRANT CONNECT ON DATABASE :"DBNAME" TO :"worker", :"operator";
GRANT USAGE ON SCHEMA public TO :"worker", :"operator";

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, :"worker", :"operator";
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, :"worker", :"operator";

-- Rows, and nothing of what holds them: no TRUNCATE, no trigger, no reference.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"worker";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO :"worker";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"worker";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO :"worker";

GRANT SELECT ON ALL TABLES IN SCHEMA public TO :"operator";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO :"operator";

-- The release that the schema is at is read at start, and written by `basketry migrate` alone. The operator settles
-- dead letters, and changes neither their messages nor in whose name they are; the audit is only added to.
SELECT format(command, role)
FROM (VALUES
    ('alembic_version', 'REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM %I', :'worker'),
    ('dead_letter_audit', 'GRANT INSERT ON dead_letter_audit TO %I', :'operator'),
    ('dead_letter_audit', 'GRANT UPDATE (state, replays, message_id, operator, expected_version, outcome, settled_at)'
                          ' ON dead_letter TO %I', :'operator'),
    ('dead_letter_audit', 'GRANT INSERT, UPDATE (state, body_hash, received_at) ON inbox TO %I', :'operator'),
    ('dead_letter_audit', 'GRANT INSERT ON outbox TO %I', :'operator'),
    ('dead_letter_audit', 'GRANT DELETE ON attempt TO %I', :'operator')
) AS wanted (needed, command, role)
WHERE to_regclass('public.' || needed) IS NOT NULL
\gexec

COMMIT;
