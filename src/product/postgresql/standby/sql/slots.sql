-- Of the upgraded server: which slots of ours there are, whether each can still go on, and the first
-- number that a transaction behind all of them has.
SELECT slot_name, CASE WHEN wal_status = 'lost' OR conflicting THEN 'lost' ELSE '' END,
  pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint - pg_catalog.age(catalog_xmin)
FROM pg_catalog.pg_replication_slots WHERE starts_with(slot_name, 'backout_standby_');
