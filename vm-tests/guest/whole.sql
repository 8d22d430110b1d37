-- On 11.8: tables that a replay does not bring back, and changes to them.
CREATE DATABASE whole;
USE whole;
CREATE TABLE g (id INT PRIMARY KEY, a INT, s INT AS (a * 2) STORED, v INT AS (a * 3) VIRTUAL, KEY (v));
INSERT INTO g (id, a) SELECT seq, seq FROM seq_1_to_1000;
UPDATE g SET a = a + 5;
CREATE TABLE a (id INT PRIMARY KEY, n INT);
INSERT INTO a SELECT seq, seq FROM seq_1_to_100;
ALTER TABLE a ADD u UUID DEFAULT UUID();
CREATE TABLE m (id INT PRIMARY KEY, n INT) ENGINE=MEMORY;
INSERT INTO m SELECT seq, seq FROM seq_1_to_10;
UPDATE m SET n = n + 1;
CREATE TABLE n (a INT, f FLOAT, x BLOB);
INSERT INTO n SELECT seq, seq / 3, UNHEX(SHA2(seq, 256)) FROM seq_1_to_5000;
UPDATE n SET a = a + 1, f = f * 1.1;
CREATE TABLE seen (id INT AUTO_INCREMENT PRIMARY KEY, n INT);
CREATE TRIGGER g_seen AFTER INSERT ON g FOR EACH ROW INSERT INTO seen (n) VALUES (NEW.id);
INSERT INTO g (id, a) VALUES (2000, 7);
DELETE FROM m;
