-- Of one database, run for each. One line for each row: database, table, primary key, SHA-256 over
-- the SHA-256 of each column (so that no row is too long, and NULL differs from an empty text). For
-- a table without a primary key: how often each row exists. What a column holds is compared as its
-- text, which these settings make the same on every server; bytes as they are. Materialized views
-- are not listed: a restore computes them anew.
SET search_path = pg_catalog;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SET xmlbinary = 'base64';
SET lc_monetary = 'C';
SET statement_timeout = 0;
SET row_security = off;
SET max_parallel_workers_per_gather = 0;
-- For the list of some rows (`listed`), the statements themselves.
\if :{?listed}
\set before 'encode(convert_to('
\set after ', ''UTF8''), ''hex'')'
\else
\set before ''
\set after ''
\endif
WITH col AS (
  SELECT a.attrelid, a.attname, a.attnum,
    format('coalesce(encode(sha256(%s), ''hex''), ''NULL'')',
      CASE WHEN a.atttypid = 'bytea'::regtype THEN format('t.%I', a.attname)
        ELSE format('convert_to(t.%I::text, getdatabaseencoding())', a.attname) END) AS hash
  FROM pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped
), tab AS (
  SELECT c.oid, n.nspname, c.relname,
    (SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY k.n)
      FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
      JOIN pg_attribute a ON a.attnum = k.attnum
      WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND k.n <= i.indnkeyatts) AS key,
    (SELECT 'encode(sha256(convert_to(' || string_agg(hash, ' || ' ORDER BY attname) || ', ''UTF8'')), ''hex'')'
      FROM col WHERE attrelid = c.oid) AS hash
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
)
SELECT :before format(
  CASE WHEN key IS NULL
    THEN 'COPY (SELECT %1$L, %2$L, ''no key'', count(*), %4$s FROM ONLY %5$I.%6$I t GROUP BY 5) TO STDOUT'
    ELSE 'COPY (SELECT %1$L, %2$L, ROW(%3$s)::text, %4$s FROM ONLY %5$I.%6$I t) TO STDOUT'
  END, current_database(), nspname || '.' || relname, key, coalesce(hash, quote_literal('no columns')), nspname, relname) :after
FROM tab ORDER BY nspname, relname
\if :{?listed}
\g
\else
\gexec
\endif
