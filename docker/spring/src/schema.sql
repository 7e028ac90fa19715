-- The tables of the service of the lost update. Replicas start at once, and
-- IF NOT EXISTS alone is no protection against a concurrent twin, hence the lock.
BEGIN;
SELECT pg_advisory_xact_lock(4);
CREATE TABLE IF NOT EXISTS requests (
    id         bigint PRIMARY KEY,
    value      bigint NOT NULL,
    kind       text NOT NULL,
    flag       boolean NOT NULL DEFAULT false,
    instance   text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at    timestamptz
);
CREATE TABLE IF NOT EXISTS effects (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id  bigint NOT NULL,
    value       bigint NOT NULL,
    origin      text NOT NULL,
    instance    text NOT NULL,
    executed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS intents (
    request_id bigint PRIMARY KEY REFERENCES requests,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at    timestamptz
);
CREATE INDEX IF NOT EXISTS intents_open ON intents (request_id) WHERE done_at IS NULL;
COMMIT;
