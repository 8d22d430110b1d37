-- Tables, foreign keys and events, for the choice of what is carried whole. A table: engine, bytes,
-- whether it has a primary key, an index that a row is found by (none but the primary key, where a
-- column is generated: the log does not have it), generated columns that are stored or indexed, and
-- a unique index over texts of any length. A foreign key: child, parent, whether what happens to the
-- parent's row happens to the child's. An event that is off: the log does not say that one has run,
-- and that it was the last time.
SELECT 'table', t.TABLE_SCHEMA, t.TABLE_NAME, IFNULL(t.ENGINE, ''), IFNULL(t.DATA_LENGTH, 0), IFNULL(i.PRI, 0), IF(IFNULL(i.PRI, 0) = 0 AND IFNULL(g.`GENERATED`, 0), 0, IFNULL(i.FOUND, 0)), IFNULL(g.STORED, 0) + IFNULL(v.INDEXED, 0), IFNULL(i.HASHED, 0)
FROM information_schema.TABLES t
LEFT JOIN (SELECT TABLE_SCHEMA, TABLE_NAME, MAX(INDEX_NAME = 'PRIMARY') AS PRI, MAX(INDEX_TYPE = 'BTREE' AND IGNORED = 'NO') AS FOUND, MAX(INDEX_TYPE = 'HASH') AS HASHED
  FROM information_schema.STATISTICS GROUP BY TABLE_SCHEMA, TABLE_NAME) i ON i.TABLE_SCHEMA = t.TABLE_SCHEMA AND i.TABLE_NAME = t.TABLE_NAME
LEFT JOIN (SELECT TABLE_SCHEMA, TABLE_NAME, SUM(EXTRA LIKE '%STORED%') AS STORED, COUNT(*) AS `GENERATED` FROM information_schema.COLUMNS
  WHERE IS_GENERATED = 'ALWAYS' AND IFNULL(GENERATION_EXPRESSION, '') NOT IN ('ROW START', 'ROW END') GROUP BY TABLE_SCHEMA, TABLE_NAME) g
  ON g.TABLE_SCHEMA = t.TABLE_SCHEMA AND g.TABLE_NAME = t.TABLE_NAME
LEFT JOIN (SELECT s.TABLE_SCHEMA, s.TABLE_NAME, COUNT(*) AS INDEXED FROM information_schema.STATISTICS s
  JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME
  WHERE c.IS_GENERATED = 'ALWAYS' AND IFNULL(c.GENERATION_EXPRESSION, '') NOT IN ('ROW START', 'ROW END') GROUP BY s.TABLE_SCHEMA, s.TABLE_NAME) v
  ON v.TABLE_SCHEMA = t.TABLE_SCHEMA AND v.TABLE_NAME = t.TABLE_NAME
WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys');
SELECT DISTINCT 'key', r.CONSTRAINT_SCHEMA, r.TABLE_NAME, r.UNIQUE_CONSTRAINT_SCHEMA, r.REFERENCED_TABLE_NAME, r.UPDATE_RULE IN ('CASCADE', 'SET NULL') OR r.DELETE_RULE IN ('CASCADE', 'SET NULL')
FROM information_schema.REFERENTIAL_CONSTRAINTS r;
SELECT 'event', EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE STATUS = 'DISABLED' AND EVENT_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys');
