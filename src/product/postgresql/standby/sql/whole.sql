-- In one database of the upgraded server: the tables that no feed brings, which are copied whole. With
-- how their rows are told from each other, if not at all.
SET search_path = pg_catalog;
SELECT encode(convert_to(c.oid::regclass::text, 'UTF8'), 'hex'),
  CASE relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'n' THEN 'NOTHING' ELSE '' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind = 'r' AND relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid WHERE pubname = 'backout_standby' AND prrelid = c.oid)
ORDER BY 1;
