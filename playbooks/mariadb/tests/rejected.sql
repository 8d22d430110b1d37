SET NAMES utf8mb4 COLLATE utf8mb4_general_ci;
USE shop;
CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3) NOT NULL) ENGINE=InnoDB;
INSERT INTO vectors VALUES (1, VEC_FromText('[1,2,3]')), (2, VEC_FromText('[4,5,6]'));
START TRANSACTION;
UPDATE customers SET note = 'together with a vector' WHERE id = 1;
INSERT INTO vectors VALUES (3, VEC_FromText('[7,8,9]'));
COMMIT;
SET time_zone = '+00:00';
INSERT INTO orders (id, customer_id, placed_at, total) VALUES (31, 1, '2050-01-01 00:00:00', 1.00);
UPDATE orders SET total = 2.00 WHERE id = 31;
CREATE INDEX more ON vectors (id);
CREATE TABLE vcopy AS SELECT * FROM vectors;
CREATE TABLE future AS SELECT id, placed_at FROM orders;
GRANT SHOW CREATE ROUTINE ON shop.* TO 'clerk'@'localhost' IDENTIFIED BY 'secret;word';
SET TIMESTAMP = 2524608000;
INSERT INTO customers (name) VALUES ('from 2050');
CREATE TABLE from2050 (id INT PRIMARY KEY) ENGINE=InnoDB;
SET TIMESTAMP = DEFAULT;
DELIMITER //
CREATE FUNCTION f() RETURNS VECTOR(3) DETERMINISTIC
BEGIN
  RETURN VEC_FromText('[1,2,3]');
END //
DELIMITER ;
INSERT INTO customers (name) VALUES ('behind the rejects');
CREATE TABLE good AS SELECT id, name FROM customers WHERE id < 4;
DROP TABLE vectors;
INSERT INTO good VALUES (99, 'last');
