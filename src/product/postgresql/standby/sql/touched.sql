-- In one database of the server that serves: which tables are to be compared, and which of their
-- rows. A row that was written since the copy began has a transaction's number that was not given
-- before; what was deleted shows in the number of rows. Of a table without a primary key, and of one
-- that was copied whole: all. `from` is the first of these numbers.
, hex AS (
  SELECT *, encode(convert_to(name, 'UTF8'), 'hex') AS digits,
    -- A few more: the number may have grown by what we do.
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - :from + 1000 AS since,
    (SELECT string_agg('%L::' || replace(type, '%', '%%'), ', ' ORDER BY n) FROM unnest(types) WITH ORDINALITY one (type, n)) AS pattern
  FROM tab
)
SELECT CASE WHEN key IS NULL OR NOT fed OR since >= 2000000000 THEN format('SELECT %L, ''all''', digits)
  ELSE format('SELECT %1$L, ''key'', encode(convert_to(%2$L, ''UTF8''), ''hex'') UNION ALL '
      'SELECT %1$L, ''row'', encode(convert_to(format(%3$L, %4$s), ''UTF8''), ''hex'') FROM ONLY %5$s t WHERE age(t.xmin) <= %6$s',
    digits, key, pattern, key, name, since)
  END FROM hex ORDER BY name
\gexec
