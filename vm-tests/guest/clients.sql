-- What real clients do, besides playbooks/mariadb/tests/clients.sql: read by
-- cases/mariadb-clients.sh, as a client of utf8mb4.
USE clients;
-- One statement that is longer than the server's max_allowed_packet.
CREATE TABLE many (id INT PRIMARY KEY, v VARCHAR(1100));
INSERT INTO many SELECT seq, REPEAT(CHAR(65 + seq % 26), 1024) FROM seq_1_to_20000;
CREATE TABLE src (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO src VALUES (1, 'a'), (2, 'b');
CREATE TABLE c AS SELECT * FROM src;
CREATE TEMPORARY TABLE tmp (a INT);
INSERT INTO tmp VALUES (5);
INSERT INTO src SELECT a, 'tmp' FROM tmp;
DROP TEMPORARY TABLE tmp;
CREATE SEQUENCE s CACHE 2;
CREATE TABLE q (id BIGINT DEFAULT NEXTVAL(s) PRIMARY KEY, v INT);
INSERT INTO q (v) VALUES (7), (8);
SELECT NEXTVAL(s);
INSERT INTO q (v) SELECT seq FROM seq_1_to_5;
RENAME TABLE c TO c2;
TRUNCATE c2;
-- The server empties it when it is first used after a start, and logs that.
CREATE TABLE mem (id INT) ENGINE=MEMORY;
INSERT INTO mem VALUES (1);
DELETE FROM mem;
XA START 'z', 'b', 7;
UPDATE src SET v = 'xa' WHERE id = 1;
XA END 'z', 'b', 7;
XA PREPARE 'z', 'b', 7;
XA COMMIT 'z', 'b', 7;
