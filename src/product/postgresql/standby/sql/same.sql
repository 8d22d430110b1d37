-- The settings of a server that its clients have, unless they, their role or their database say
-- otherwise: name, and value in hexadecimal digits.
SELECT name, encode(convert_to(value, 'UTF8'), 'hex') FROM (
  SELECT s.name, CASE
    -- What template1 or our role has is not the server's.
    WHEN s.source IN ('database', 'user', 'database user') THEN coalesce(
      (SELECT f.setting FROM pg_catalog.pg_file_settings f
        WHERE lower(f.name) = lower(s.name) AND f.applied ORDER BY f.seqno DESC LIMIT 1),
      s.boot_val)
    ELSE s.setting END AS value
  FROM pg_catalog.pg_settings s
  WHERE lower(s.name) IN ('shared_preload_libraries', 'lc_monetary', 'lc_numeric', 'lc_time',
    'datestyle', 'intervalstyle', 'timezone', 'extra_float_digits', 'bytea_output', 'xmlbinary',
    'default_text_search_config', 'transform_null_equals')
) same ORDER BY name;
