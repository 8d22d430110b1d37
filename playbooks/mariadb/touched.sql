-- For the choice of the rows that a log touched. The columns of each primary key, in its order:
-- place among the columns, type, whether it is unsigned, character set, bytes, whether it is shown
-- with other digits than it has. Tables that keep their history. Sequences. Foreign keys that change
-- or delete rows of a child with their parent's: parent, child, whether at a DELETE, whether at an
-- UPDATE, and of which column.
SELECT 'primary', s.TABLE_SCHEMA, s.TABLE_NAME, c.ORDINAL_POSITION, c.DATA_TYPE, c.COLUMN_TYPE LIKE '%unsigned%', IFNULL(c.CHARACTER_SET_NAME, ''), IFNULL(c.CHARACTER_OCTET_LENGTH, 0), c.COLUMN_TYPE LIKE '%zerofill%' OR c.COLUMN_TYPE = 'year(2)'
FROM information_schema.STATISTICS s
JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME
WHERE s.INDEX_NAME = 'PRIMARY' AND s.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
ORDER BY s.TABLE_SCHEMA, s.TABLE_NAME, s.SEQ_IN_INDEX;
SELECT IF(TABLE_TYPE = 'SEQUENCE', 'sequence', 'versioned'), TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE IN ('SEQUENCE', 'SYSTEM VERSIONED');
SELECT 'cascade', k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, r.CONSTRAINT_SCHEMA, r.TABLE_NAME,
  r.DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT'), r.UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT'), c.ORDINAL_POSITION
FROM information_schema.REFERENTIAL_CONSTRAINTS r
JOIN information_schema.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.TABLE_NAME = r.TABLE_NAME AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME
JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = k.REFERENCED_TABLE_SCHEMA AND c.TABLE_NAME = k.REFERENCED_TABLE_NAME AND c.COLUMN_NAME = k.REFERENCED_COLUMN_NAME
WHERE r.DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR r.UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT');
