-- A shop with 83,000 rows, made by the server itself: every kind of column and object that a way back might bend.
SET NAMES utf8mb4 COLLATE utf8mb4_general_ci;
CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
USE shop;

CREATE TABLE customers (
  id         INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name       VARCHAR(100) NOT NULL,
  email      VARCHAR(190) NOT NULL UNIQUE,
  note       TEXT NULL,
  photo      BLOB NULL,
  settings   JSON NULL,
  born       DATE NULL,
  created_at DATETIME(6) NOT NULL,
  KEY by_name (name)
) ENGINE=InnoDB;

CREATE TABLE products (
  id       INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sku      CHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
  title    VARCHAR(200) NOT NULL,
  price    DECIMAL(10,2) NOT NULL,
  weight   DOUBLE NULL,
  kind     ENUM('book','tool','food','other') NOT NULL,
  tags     SET('new','sale','gift') NOT NULL DEFAULT '',
  in_stock INT NOT NULL,
  CONSTRAINT price_is_positive CHECK (price > 0)
) ENGINE=InnoDB;

CREATE TABLE orders (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT UNSIGNED NOT NULL,
  placed_at   TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00',
  shipped_at  DATETIME NULL,
  total       DECIMAL(12,2) NOT NULL DEFAULT 0,
  KEY by_time (placed_at),
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE=InnoDB;

CREATE TABLE order_lines (
  order_id   BIGINT UNSIGNED NOT NULL,
  line       SMALLINT UNSIGNED NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  quantity   INT UNSIGNED NOT NULL,
  price      DECIMAL(10,2) NOT NULL,
  PRIMARY KEY (order_id, line),
  CONSTRAINT lines_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
  CONSTRAINT lines_product FOREIGN KEY (product_id) REFERENCES products (id)
) ENGINE=InnoDB;

CREATE TABLE audit (
  id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  what     VARCHAR(60) NOT NULL,
  order_id BIGINT UNSIGNED NULL
) ENGINE=InnoDB;

SET time_zone = '+00:00';
INSERT INTO customers (name, email, note, photo, settings, born, created_at)
SELECT CONCAT(ELT(1 + seq % 6, 'Zoë Müller', 'Øystein Åse', '李小龍', 'Καλλιόπη', 'Иван Петров', 'Ana 🦀 Souza'), ' ', seq),
       CONCAT('customer', seq, '@example.net'),
       IF(seq % 5 = 0, NULL, CONCAT('likes ', ELT(1 + seq % 3, '☕', '🍰', 'tea\tand\nbiscuits'), ' \\ ''quoted''')),
       IF(seq % 4 = 0, NULL, UNHEX(SHA2(seq, 256))),
       IF(seq % 7 = 0, NULL, JSON_OBJECT('lang', ELT(1 + seq % 3, 'de', 'en', 'pt'), 'n', seq)),
       IF(seq % 9 = 0, NULL, DATE '1950-01-01' + INTERVAL seq DAY),
       TIMESTAMP('2021-01-01 00:00:00.000001') + INTERVAL seq * 37 SECOND
FROM seq_1_to_10000;

INSERT INTO products (sku, title, price, weight, kind, tags, in_stock)
SELECT LPAD(seq, 12, '0'), CONCAT('Product № ', seq), 0.99 + seq / 100, IF(seq % 3 = 0, NULL, seq / 7),
       ELT(1 + seq % 4, 'book', 'tool', 'food', 'other'), ELT(1 + seq % 4, '', 'new', 'sale', 'new,gift'), seq % 100
FROM seq_1_to_3000;

INSERT INTO orders (customer_id, placed_at, shipped_at, total)
SELECT 1 + (seq * 7919) % 10000, FROM_UNIXTIME(1600000000 + seq * 600), IF(seq % 8 = 0, NULL, FROM_UNIXTIME(1600086400 + seq * 600)), 0
FROM seq_1_to_20000;

INSERT INTO order_lines (order_id, line, product_id, quantity, price)
SELECT 1 + (seq - 1) DIV 2, 1 + (seq - 1) % 2, 1 + (seq * 104729) % 3000, 1 + seq % 5, 0.99 + (1 + (seq * 104729) % 3000) / 100
FROM seq_1_to_40000;

INSERT INTO audit (what, order_id) SELECT 'imported', seq FROM seq_1_to_10000;

CREATE VIEW open_orders AS
  SELECT o.id, c.name, o.placed_at FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.shipped_at IS NULL;

DELIMITER //
CREATE FUNCTION order_total(which BIGINT UNSIGNED) RETURNS DECIMAL(12,2) READS SQL DATA
BEGIN
  RETURN (SELECT COALESCE(SUM(quantity * price), 0) FROM order_lines WHERE order_id = which);
END //
CREATE TRIGGER order_placed AFTER INSERT ON orders FOR EACH ROW
  INSERT INTO audit (what, order_id) VALUES ('placed', NEW.id) //
DELIMITER ;

CREATE USER 'clerk'@'localhost' IDENTIFIED BY 'clerk-password';
GRANT SELECT, INSERT, UPDATE ON shop.* TO 'clerk'@'localhost';
CREATE USER 'report'@'%' IDENTIFIED BY 'report-password' REQUIRE SSL;
GRANT SELECT ON shop.open_orders TO 'report'@'%';
GRANT EXECUTE ON FUNCTION shop.order_total TO 'report'@'%';
CREATE ROLE warehouse;
GRANT UPDATE (in_stock) ON shop.products TO warehouse;
GRANT warehouse TO 'clerk'@'localhost';
