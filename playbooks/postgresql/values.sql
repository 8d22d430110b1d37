-- Of one database, run for each: how far each sequence is, and large objects with the SHA-256 over
-- those of their pages.
SET search_path = pg_catalog;
SET statement_timeout = 0;
SELECT format('SELECT ''sequence'', %L, %L, last_value, is_called FROM %s', current_database(), seqrelid::regclass::text, seqrelid::regclass) FROM pg_sequence ORDER BY 1
\gexec
SELECT 'large object', current_database(), m.oid, pg_get_userbyid(lomowner), encode(sha256(string_agg(int4send(pageno) || sha256(data), '' ORDER BY pageno)), 'hex')
FROM pg_largeobject_metadata m LEFT JOIN pg_largeobject l ON l.loid = m.oid GROUP BY m.oid, lomowner;
