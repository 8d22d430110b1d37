-- What clients and an administrator do while the new version runs: all of it must be there after the downgrade.
SET NAMES utf8mb4 COLLATE utf8mb4_general_ci;
USE shop;
SET time_zone = '+00:00';

-- new rows; the trigger writes a line of the audit for each order
INSERT INTO customers (name, email, note, photo, settings, born, created_at)
SELECT CONCAT('New 🐘 ', seq), CONCAT('new', seq, '@example.net'), NULL, UNHEX('00FF5C270A1A'), '{"since":"11.8"}', NULL, TIMESTAMP('2025-06-01 12:00:00.654321')
FROM seq_1_to_500;
INSERT INTO orders (customer_id, placed_at, total) SELECT 10000 + seq, FROM_UNIXTIME(1750000000 + seq), 5.00 FROM seq_1_to_500;
INSERT INTO order_lines (order_id, line, product_id, quantity, price) SELECT 20000 + seq, 1, seq, 2, 2.50 FROM seq_1_to_500;

-- changes and deletions of what was there before, one of them through a foreign key
UPDATE customers SET note = CONCAT(COALESCE(note, ''), ' ✔ seen'), photo = NULL WHERE id BETWEEN 100 AND 199;
UPDATE products SET in_stock = in_stock - 1, tags = 'sale' WHERE id % 10 = 3;
DELETE FROM order_lines WHERE order_id BETWEEN 50 AND 59;
DELETE FROM orders WHERE id BETWEEN 50 AND 69;

-- a transaction that was taken back leaves nothing
START TRANSACTION;
INSERT INTO audit (what) VALUES ('never happened');
ROLLBACK;

-- schema
ALTER TABLE products ADD COLUMN discontinued BOOLEAN NOT NULL DEFAULT FALSE AFTER kind;
UPDATE products SET discontinued = TRUE WHERE id > 2990;
CREATE TABLE returns (
  id       INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  order_id BIGINT UNSIGNED NOT NULL,
  reason   VARCHAR(200) NULL,
  CONSTRAINT returns_order FOREIGN KEY (order_id) REFERENCES orders (id)
) ENGINE=InnoDB;
INSERT INTO returns (order_id, reason) SELECT 20000 + seq, IF(seq % 2, 'broken 💔', NULL) FROM seq_1_to_100;
CREATE VIEW returned_orders AS SELECT order_id, COUNT(*) AS returns FROM returns GROUP BY order_id;
DELIMITER //
CREATE PROCEDURE give_back(IN which BIGINT UNSIGNED)
BEGIN
  INSERT INTO returns (order_id, reason) VALUES (which, 'by procedure');
END //
DELIMITER ;
CALL give_back(20400);

-- users
CREATE USER 'auditor'@'localhost' IDENTIFIED BY 'auditor-password';
GRANT SELECT ON shop.audit TO 'auditor'@'localhost';
GRANT ALL PRIVILEGES ON shop.* TO 'manager'@'localhost' IDENTIFIED BY 'manager-password';
REVOKE UPDATE ON shop.* FROM 'clerk'@'localhost';
