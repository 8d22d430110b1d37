-- In one database of the server that serves: each table's number and name; of one whose changes tell
-- which rows were written, the columns of its key, how a row is found by them, and each column's name
-- and type. All but the number in hexadecimal digits.
SELECT oid, encode(convert_to(name, 'UTF8'), 'hex'), CASE WHEN fed AND by_identity AND NOT generated AND found IS NOT NULL THEN
  concat_ws(E'\t', encode(convert_to(key, 'UTF8'), 'hex'), encode(convert_to(found, 'UTF8'), 'hex'),
    (SELECT string_agg(encode(convert_to(word, 'UTF8'), 'hex'), E'\t' ORDER BY n, part)
      FROM unnest(columns, types) WITH ORDINALITY one (name, type, n), unnest(ARRAY[one.name, one.type]) WITH ORDINALITY two (word, part))) END
FROM tab;
