-- In one database of the server that serves: which tables are to be compared, and which of their
-- rows. A row that was written since the copy began has a transaction's number that was not given
-- before; what was deleted shows in the number of rows. Of a table without a primary key, and of one
-- that was copied whole: all. `from` is the first of these numbers.
SET search_path = pg_catalog;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SET lc_monetary = 'C';
SET row_security = off;
-- A few more: the number may have grown by what we do.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint - :from + 1000 AS since \gset
WITH tab AS (
  SELECT format('%I.%I', n.nspname, c.relname) AS name, key, pattern,
    relpersistence = 'p' AND amname = 'heap' AND getdatabaseencoding() <> 'SQL_ASCII' AND :since < 2000000000
      AND EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid WHERE pubname = 'backout_standby' AND prrelid = c.oid) AS fed
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = relam,
    LATERAL (
      SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY k.n) AS key,
        string_agg('%L::' || replace(format_type(a.atttypid, a.atttypmod), '%', '%%'), ', ' ORDER BY k.n) AS pattern
      FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attnum = k.attnum
      WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND k.n <= i.indnkeyatts
    ) AS primary_key
  WHERE relkind = 'r' AND relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
), hex AS (
  SELECT *, encode(convert_to(name, 'UTF8'), 'hex') AS digits FROM tab
)
SELECT CASE WHEN key IS NULL OR NOT fed THEN format('SELECT %L, ''all''', digits)
  ELSE format('SELECT %1$L, ''key'', encode(convert_to(%2$L, ''UTF8''), ''hex'') UNION ALL '
      'SELECT %1$L, ''row'', encode(convert_to(format(%3$L, %4$s), ''UTF8''), ''hex'') FROM ONLY %5$s t WHERE age(t.xmin) <= %6$s',
    digits, key, pattern, key, name, :since)
  END FROM hex ORDER BY name
\gexec
