-- Before the upgrade: what is in the way of slots that are made in it, by what the new server will
-- read in the configuration files. One line for each.
SET search_path = pg_catalog;
WITH want AS (
  SELECT name, coalesce((SELECT f.setting FROM pg_file_settings f WHERE f.name = s.name ORDER BY seqno DESC LIMIT 1), setting) AS setting
  FROM pg_settings s WHERE name IN ('wal_level', 'max_slot_wal_keep_size', 'max_replication_slots', 'max_wal_senders')
), fed AS (
  SELECT count(*) AS databases FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2
)
SELECT format('wal_level is %s, and only logical can feed a standby', setting) FROM want WHERE name = 'wal_level' AND setting <> 'logical'
UNION ALL
SELECT 'max_slot_wal_keep_size is not limited: a slot that nobody takes from would fill the disk' FROM want
  WHERE name = 'max_slot_wal_keep_size' AND setting = '-1'
UNION ALL
SELECT format('%s is %s, and %s databases need one each', name, setting, databases) FROM want, fed
  WHERE name IN ('max_replication_slots', 'max_wal_senders') AND setting::int < databases;
