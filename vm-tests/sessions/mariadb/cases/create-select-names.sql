-- A table that is filled by the statement that makes it: the server writes its names in UTF-8,
-- whatever the client's character set.
CREATE DATABASE s;
CREATE TABLE s.t (id INT PRIMARY KEY, `c é` ENUM('ä', 'b') DEFAULT 'ä' COMMENT 'é');
INSERT INTO s.t (id) VALUES (1), (2);
-- upgrade
-- client latin1
CREATE TABLE s.u AS SELECT * FROM s.t;
CREATE TABLE s.`ü` AS SELECT * FROM s.t WHERE id > 5;
INSERT INTO s.u VALUES (3, 'ä');
