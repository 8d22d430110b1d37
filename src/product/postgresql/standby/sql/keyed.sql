-- In one database of the server that serves, the beginning of a statement: each table, and the key by
-- which its rows are told. `fed`: what is written there is fed; `by_key`: and each change tells the
-- key. For each column of the key: its name, its type as a value is written, and how a row is found by
-- it, whatever `=` may mean in the search path.
WITH tab AS (
  SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, primary_key.*,
    relpersistence = 'p' AND amname = 'heap' AND getdatabaseencoding() <> 'SQL_ASCII'
      AND EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid WHERE pubname = 'backout_standby' AND prrelid = c.oid) AS fed,
    relreplident = 'f' OR pg_get_replica_identity_index(c.oid) = indexrelid AS by_identity
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = relam
  LEFT JOIN LATERAL (
    SELECT indexrelid, string_agg(format('t.%I', a.attname), ', ' ORDER BY k.n) AS key,
      array_agg(a.attname::text ORDER BY k.n) AS columns,
      array_agg(format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attcollation <> y.typcollation THEN format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END ORDER BY k.n) AS types,
      string_agg(format('t.%I OPERATOR(%I.%s) k.column%s', a.attname, o.nspname, oprname, k.n), ' AND ' ORDER BY k.n) AS found,
      bool_or(a.attgenerated <> '') AS generated
    FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
    JOIN unnest(i.indclass::oid[]) WITH ORDINALITY f(opclass, n) USING (n)
    JOIN pg_attribute a ON a.attnum = k.attnum JOIN pg_type y ON y.oid = a.atttypid
    JOIN pg_opclass oc ON oc.oid = f.opclass
    LEFT JOIN (pg_amop JOIN pg_operator p ON p.oid = amopopr JOIN pg_namespace o ON o.oid = oprnamespace)
      ON amopfamily = opcfamily AND amopstrategy = 3 AND amoplefttype = opcintype AND amoprighttype = opcintype
    LEFT JOIN (pg_collation co JOIN pg_namespace cn ON cn.oid = collnamespace) ON co.oid = a.attcollation
    WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND k.n <= i.indnkeyatts
    GROUP BY indexrelid
  ) AS primary_key ON true
  WHERE relkind = 'r' AND relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
)
