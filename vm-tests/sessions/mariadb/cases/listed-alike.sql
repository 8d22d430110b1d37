-- What the versions print differently for the same table is no difference.
CREATE DATABASE s;
-- upgrade
CREATE TABLE s.t (
  id INT PRIMARY KEY, a BINARY(8) DEFAULT x'7784', b VARBINARY(9) DEFAULT 'plain',
  c BLOB DEFAULT (CONCAT('a', 'b')), d BIT(9) DEFAULT b'101', e TEXT DEFAULT x'c3a9'
) PAGE_COMPRESSED=1 PAGE_COMPRESSION_LEVEL=3;
INSERT INTO s.t (id) VALUES (1);
CREATE TABLE s.tabbed (
  a TEXT DEFAULT 'x\ty', b VARCHAR(20) DEFAULT 'a''b\\c', c VARCHAR(20) NOT NULL DEFAULT '\\t',
  d VARCHAR(20) DEFAULT 'n\nr\rz'
);
CREATE TABLE s.aria (a INT) ENGINE=Aria;
INSERT INTO s.aria VALUES (1);
UPDATE s.aria SET a = 2;
