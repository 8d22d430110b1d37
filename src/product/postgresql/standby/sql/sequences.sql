-- In one database: prints the statements that set another server's sequences to what they are here.
SET search_path = pg_catalog;
SELECT 'BEGIN;';
SELECT format('SELECT format(''SELECT pg_catalog.setval(%%L, %%s, %%L);'', %L, last_value, is_called) FROM %s', seqrelid::regclass, seqrelid::regclass) FROM pg_sequence
\gexec
SELECT 'COMMIT;';
