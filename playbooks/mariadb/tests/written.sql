SET NAMES utf8mb4 COLLATE utf8mb4_general_ci;
USE shop;
INSERT INTO customers (name, note) VALUES ('New 🐘 1', 'a\tb\nc'), ('New 2', NULL);
CREATE TABLE copies AS SELECT id, name FROM customers;
CREATE OR REPLACE TABLE copies SELECT id, note FROM customers WHERE id < 3;
CREATE TABLE nothing AS SELECT id FROM customers WHERE id < 0;
CREATE TABLE `odd ``name`` x` (`a b` INT COMMENT 'two
lines; # not a comment
COMMIT', PRIMARY KEY (`a b`)) ENGINE=InnoDB;
INSERT INTO `odd ``name`` x` VALUES (1), (2);
CREATE TABLE `odd copy` COMMENT='line one
#261129 GTID 0-1-1
line three' AS SELECT * FROM `odd ``name`` x`;
START TRANSACTION;
UPDATE customers SET note = CONCAT(COALESCE(note, ''), ' seen');
SAVEPOINT one;
INSERT INTO orders VALUES (2, 2, '2022-02-02', 1.25);
ROLLBACK TO one;
DELETE FROM orders WHERE id = 1;
COMMIT;
DELIMITER //
CREATE PROCEDURE give(IN which INT)
BEGIN
  -- a comment; with a semicolon
  INSERT INTO orders (id, customer_id, total) VALUES (which, 1, 0.5);

  UPDATE orders SET total = total + 1 WHERE id = which;
END //
CREATE TRIGGER placed AFTER INSERT ON orders FOR EACH ROW
  UPDATE customers SET note = 'placed' WHERE id = NEW.customer_id //
CREATE EVENT later ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM orders WHERE id < 0 //
DELIMITER ;
CALL give(7);
CALL give(8);
CREATE SEQUENCE numbers START WITH 10 INCREMENT BY 5;
SELECT NEXTVAL(numbers);
CREATE VIEW few AS SELECT id FROM orders;
CREATE USER 'clerk'@'localhost' IDENTIFIED BY 'clerk-password';
GRANT SELECT, INSERT ON shop.* TO 'clerk'@'localhost';
CREATE ROLE warehouse;
GRANT warehouse TO 'clerk'@'localhost';
SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';
CREATE TABLE "ansi" ("a" VARCHAR(20) DEFAULT 'back\slash') ENGINE=InnoDB;
INSERT INTO "ansi" VALUES ('x\y');
SET SESSION sql_mode = DEFAULT;
SET SESSION foreign_key_checks = 0, unique_checks = 0;
CREATE TABLE child (id INT PRIMARY KEY, parent INT, CONSTRAINT c FOREIGN KEY (parent) REFERENCES orders (id)) ENGINE=InnoDB;
SET SESSION foreign_key_checks = 1, unique_checks = 1;
INSERT INTO customers (name, photo) VALUES ('big', REPEAT(x'00ff5c270a1a', 200));
SET TIMESTAMP = 1700000000.5;
INSERT INTO orders VALUES (20, 1, NOW(), 1.00);
CREATE TABLE stamped (t DATETIME(6) DEFAULT NOW(6)) ENGINE=InnoDB AS SELECT 5 AS n;
SET TIMESTAMP = DEFAULT;
XA START 'xa1'; INSERT INTO ansi VALUES ('by xa'); XA END 'xa1'; XA PREPARE 'xa1'; XA COMMIT 'xa1';
CREATE DATABASE other;
USE other;
CREATE TABLE t SELECT 1 AS one, 'zwei' AS two;
ALTER TABLE t ADD COLUMN three INT, ADD PRIMARY KEY (one);
RENAME TABLE t TO u;
TRUNCATE u;
DROP TABLE shop.nothing;
DROP DATABASE other;
