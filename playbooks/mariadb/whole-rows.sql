-- Prints the statements that write the table @schema_name.@table_name out: the beginning of an
-- INSERT, its rows, and what follows. Texts are in hexadecimal digits, so that a row is one line,
-- and no character set matters. No literal says that a geometry is empty, but IGNORE makes it so
-- of NULL. Generated columns are left out: the old version computes them. So is a VECTOR, which it
-- has not got. Of a table that keeps its history, all of it is written, with an end that the old
-- version knows.
SET @quoted = CONCAT('`', REPLACE(@schema_name, '`', '``'), '`.`', REPLACE(@table_name, '`', '``'), '`');
SET @versioned = (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = @schema_name AND TABLE_NAME = @table_name AND TABLE_TYPE = 'SYSTEM VERSIONED');
SET @named = (SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = @schema_name AND TABLE_NAME = @table_name AND GENERATION_EXPRESSION IN ('ROW START', 'ROW END'));
SET @shapes = 'geometry|point|linestring|polygon';
SET @ignore = IF((SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = @schema_name AND TABLE_NAME = @table_name AND IS_NULLABLE = 'NO' AND DATA_TYPE REGEXP @shapes), 'IGNORE ', '');
SET @last = '2038-01-19 03:14:07.999999';
SELECT CONCAT('SELECT ', QUOTE(CONCAT('INSERT ', @ignore, 'INTO ', @quoted, ' (', COLS, ') VALUES')), ';\nSELECT CONCAT(\'(\', ', VALS, ', \')\') FROM ', @quoted, IF(@versioned, ' FOR SYSTEM_TIME ALL', ''), ';\n',
  'SELECT ', IFNULL((SELECT QUOTE(CONCAT('ALTER TABLE ', @quoted, ' AUTO_INCREMENT=', AUTO_INCREMENT)) FROM information_schema.TABLES WHERE TABLE_SCHEMA = @schema_name AND TABLE_NAME = @table_name AND AUTO_INCREMENT IS NOT NULL), QUOTE('end')), ';')
FROM (SELECT
    CONCAT(GROUP_CONCAT(Q ORDER BY ORDINAL_POSITION SEPARATOR ', '), IF(@versioned AND NOT @named, ', `row_start`, `row_end`', '')) AS COLS,
    CONCAT(GROUP_CONCAT(CASE
      WHEN GENERATION_EXPRESSION = 'ROW END' THEN CONCAT('QUOTE(LEAST(', Q, ', TIMESTAMP', QUOTE(@last), '))')
      WHEN DATA_TYPE IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'double', 'year') THEN CONCAT('IFNULL(', Q, ', ', QUOTE('NULL'), ')')
      WHEN DATA_TYPE = 'float' THEN CONCAT('IFNULL(CAST(', Q, ' AS DOUBLE), ', QUOTE('NULL'), ')')
      WHEN DATA_TYPE = 'bit' THEN CONCAT('IFNULL(', Q, ' + 0, ', QUOTE('NULL'), ')')
      WHEN DATA_TYPE IN ('date', 'time', 'datetime', 'timestamp', 'uuid', 'inet4', 'inet6') THEN CONCAT('QUOTE(', Q, ')')
      ELSE CONCAT('IF(', Q, ' IS NULL, ', QUOTE('NULL'), ', IF(LENGTH(', Q, ') = 0, ', QUOTE(IF(DATA_TYPE REGEXP @shapes, 'NULL', '\'\'')), ', CONCAT(', QUOTE('0x'), ', HEX(', Q, '))))')
    END ORDER BY ORDINAL_POSITION SEPARATOR ', \',\', '),
    IF(@versioned AND NOT @named, CONCAT(', \',\', QUOTE(`row_start`), \',\', QUOTE(LEAST(`row_end`, TIMESTAMP', QUOTE(@last), '))'), '')) AS VALS
  FROM (SELECT CONCAT('`', REPLACE(COLUMN_NAME, '`', '``'), '`') AS Q, DATA_TYPE, ORDINAL_POSITION, IFNULL(GENERATION_EXPRESSION, '') AS GENERATION_EXPRESSION
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = @schema_name AND TABLE_NAME = @table_name AND DATA_TYPE <> 'vector' AND (IS_GENERATED <> 'ALWAYS' OR GENERATION_EXPRESSION IN ('ROW START', 'ROW END'))) q) c
WHERE COLS IS NOT NULL;
