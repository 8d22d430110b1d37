//! Tables with keys of all kinds, which clients write to while a standby is fed.

/// The type of a key, and what makes the key of the number `g`.
const KEYS: [(&str, &str); 19] = [
    ("bigint", "g * 4000000000"),
    ("text", r#"E'a\\b ''s\t\n"q",(' || g"#),
    ("char(8)", "'c' || g"),
    ("varchar(40)", "repeat(' ', g % 7) || g"),
    ("uuid", "md5(g::text)::uuid"),
    (
        "timestamptz",
        "CASE g % 9 WHEN 0 THEN 'infinity' WHEN 1 THEN '0044-03-15 BC' ELSE timestamptz \
         '2024-03-31 02:30+01' + g * interval '1 hour 1 us' END",
    ),
    ("numeric(10,2)", "g / 7.0"),
    ("numeric", "('1.' || repeat('0', g % 5) || g)::numeric"),
    ("float8", "CASE g % 5 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' ELSE g / 7.0::float8 END"),
    ("date", "date '2000-02-28' + g"),
    ("bytea", r"decode('005c27' || lpad(g::text, 4, '0'), 'hex')"),
    ("mood", "CASE g % 2 WHEN 0 THEN 'sad' ELSE 'it''s \\ ok' END::mood"),
    ("positive", "g + 1"),
    (r#"text COLLATE "C""#, "chr(97 + g)"),
    ("text COLLATE alike", "CASE g % 2 WHEN 0 THEN 'x' ELSE 'X' END || g / 2"),
    ("citext", "CASE g % 2 WHEN 0 THEN 'x' ELSE 'X' END || g / 2"),
    ("pair", r"ROW(g, 'x,\' || g)::pair"),
    ("int[]", "ARRAY[g, NULL, g + 1]"),
    ("interval", "g * interval '1 mon -1 day 1.000001 s'"),
];

/// Makes them.
pub fn tables() -> String {
    let begin = "CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'it''s \\ ok'); \
        CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TYPE pair AS (a int, b text);\n\
        CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level2', \
         deterministic = false);\n\
        CREATE TABLE twice (a int, b text, v int, PRIMARY KEY (b, a));\n";
    let one = |(at, (kind, made)): (usize, &(&str, &str))| {
        format!(
            "CREATE TABLE \"key {at}\" (v int, k {kind} PRIMARY KEY);\n\
             INSERT INTO \"key {at}\" (k) SELECT {made} FROM generate_series(0, 20) g \
             ON CONFLICT DO NOTHING;\n"
        )
    };
    format!("{begin}{}", KEYS.iter().enumerate().map(one).collect::<String>())
}

/// Writes to one of them. It never fails: other clients do the same.
pub fn statement(n: u64, random: &mut fastrand::Rng) -> String {
    let at = random.usize(0..=KEYS.len());
    let g = random.u8(0..30);
    let Some((_, made)) = KEYS.get(at) else {
        return format!(
            "INSERT INTO twice VALUES ({g}, E'\\\\' || {g}, {n}) ON CONFLICT (a, b) DO UPDATE \
             SET v = excluded.v;"
        );
    };
    let made = format!("(SELECT {made} FROM (SELECT {g} AS g) one)");
    match random.u8(0..4) {
        0 => format!("DELETE FROM \"key {at}\" WHERE k = {made};"),
        // Equal, and not the same.
        1 if made.contains("'X'") => {
            format!("UPDATE \"key {at}\" SET k = upper(k::text), v = {n} WHERE k = {made};")
        }
        _ => format!(
            "INSERT INTO \"key {at}\" (k, v) SELECT {made}, {n} ON CONFLICT (k) DO UPDATE SET v = \
             excluded.v;"
        ),
    }
}
