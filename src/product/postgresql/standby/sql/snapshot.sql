-- Of the server that serves: makes a slot, prints where it begins, and drops it. It goes with the
-- session in any case. Its name is one of ours (`backout_proof_`): no check takes it for another's.
SET statement_timeout = '1s';
SELECT lsn FROM pg_catalog.pg_create_logical_replication_slot('backout_proof_snapshot', 'pgoutput', true);
SELECT pg_catalog.pg_drop_replication_slot('backout_proof_snapshot');
