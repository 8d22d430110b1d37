-- Of the server that serves: the transactions that have a number, and of these, the ones that have
-- written their commit, and wait until another server has it.
SELECT string_agg(backend_xid::text, ' '), string_agg(backend_xid::text, ' ') FILTER (WHERE wait_event = 'SyncRep')
FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid();
