-- Of the server that serves: a slot that ends with this session. Prints where it begins.
SET statement_timeout = '1s';
SELECT lsn FROM pg_catalog.pg_create_logical_replication_slot('backout_snapshot', 'pgoutput', true);
