-- Prints a SELECT for each table, which lists one line for each row: table, primary key, SHA-256
-- over the SHA-256 of each column (so that no row is too long, and NULL differs from an empty
-- text). For a table without a primary key: how often each row exists. The comment before each
-- SELECT is for mariadb-touched-rows: schema, table, and the columns of the key.
SELECT CONCAT(
  '/*', HEX(t.TABLE_SCHEMA), ' ', HEX(t.TABLE_NAME), ' ', IFNULL(k.NAMES, ''), '*/',
  'SELECT ', QUOTE(CONCAT(t.TABLE_SCHEMA, '.', t.TABLE_NAME)), ', ', IFNULL(k.COLS, CONCAT(QUOTE('no key'), ', COUNT(*)')), ', ', c.HASH,
  ' FROM `', REPLACE(t.TABLE_SCHEMA, '`', '``'), '`.`', REPLACE(t.TABLE_NAME, '`', '``'), '`', IF(k.COLS IS NULL, CONCAT(' GROUP BY ', c.HASH), ''), ';')
FROM information_schema.TABLES t
JOIN (SELECT TABLE_SCHEMA, TABLE_NAME, CONCAT('SHA2(CONCAT(', GROUP_CONCAT(
    CONCAT('IF(', Q, ' IS NULL, ', QUOTE('NULL'), ', SHA2(', IF(DATA_TYPE = 'float', CONCAT('CAST(', Q, ' AS DOUBLE)'), Q), ', 256))')
    ORDER BY ORDINAL_POSITION SEPARATOR ', '), '), 256)') AS HASH
  FROM (SELECT TABLE_SCHEMA, TABLE_NAME, DATA_TYPE, ORDINAL_POSITION, CONCAT('`', REPLACE(COLUMN_NAME, '`', '``'), '`') AS Q
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')) q
  GROUP BY TABLE_SCHEMA, TABLE_NAME) c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
LEFT JOIN (SELECT s.TABLE_SCHEMA, s.TABLE_NAME, CONCAT('CONCAT_WS(', QUOTE(','), ', ', GROUP_CONCAT(
    IF(d.CHARACTER_SET_NAME IS NULL AND d.DATA_TYPE IN ('binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'bit'), CONCAT('HEX(', Q, ')'),
      IF(d.CHARACTER_SET_NAME IS NULL, Q, CONCAT('CONVERT(', Q, ' USING utf8mb4)')))
    ORDER BY SEQ_IN_INDEX SEPARATOR ', '), ')') AS COLS, GROUP_CONCAT(HEX(s.COLUMN_NAME) ORDER BY SEQ_IN_INDEX) AS NAMES
  FROM (SELECT TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX, COLUMN_NAME, CONCAT('`', REPLACE(COLUMN_NAME, '`', '``'), '`') AS Q
    FROM information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY') s
  JOIN information_schema.COLUMNS d ON d.TABLE_SCHEMA = s.TABLE_SCHEMA AND d.TABLE_NAME = s.TABLE_NAME AND d.COLUMN_NAME = s.COLUMN_NAME
  GROUP BY s.TABLE_SCHEMA, s.TABLE_NAME) k ON k.TABLE_SCHEMA = t.TABLE_SCHEMA AND k.TABLE_NAME = t.TABLE_NAME
WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME;
