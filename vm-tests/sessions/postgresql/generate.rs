//! Makes the SQL of a session from its seed. Many statements are refused: names meet by chance.

use crate::dice::Dice;

/// What one client sends to a database.
pub struct Batch {
    pub database: &'static str,
    pub text: String,
}

/// Statements, one after the other.
pub struct Generator {
    pub random: Dice,
}

/// Types, each with a text that makes a value of the number `g`.
const TYPES: &[(&str, &str)] = &[
    ("int", "g"),
    ("bigint", "g * 4000000000"),
    ("smallint", "g % 100"),
    ("numeric", "g * 1.10"),
    ("numeric(12,3)", "g / 7.0"),
    ("real", "g / 3.0"),
    ("float8", "g / 7.0"),
    ("float8", "CASE g % 3 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE '1e-300' END::float8"),
    ("text", "'text ' || g || E' \\t\\n\\\\ ä \"q\" ''s'''"),
    ("text COLLATE \"C\"", "chr(200 + g % 90)"),
    ("text COLLATE \"en-x-icu\"", "'Zebra' || g"),
    ("varchar(40)", "repeat('x', g % 40)"),
    ("char(8)", "g::text"),
    ("bytea", "decode(md5(g::text), 'hex')"),
    ("bool", "g % 2 = 0"),
    ("date", "date '2000-02-28' + g"),
    (
        "date",
        "CASE g % 3 WHEN 0 THEN 'infinity' WHEN 1 THEN '0044-03-15 BC' ELSE '9999-12-31' END::date",
    ),
    ("time", "time '23:00' + g * interval '1 min'"),
    ("timetz", "timetz '12:00+03'"),
    ("timestamp", "timestamp '2024-03-31 02:30' + g * interval '1 hour 1 us'"),
    ("timestamptz", "timestamptz '2024-03-31 02:30+01' + g * interval '1 hour'"),
    ("interval", "g * interval '1 mon 1 day 1.000001 s'"),
    ("uuid", "md5(g::text)::uuid"),
    ("json", "'{\"b\": 1, \"a\":  ' || g || ', \"a\": 2}'"),
    ("jsonb", "jsonb_build_object('n', g, 't', E'\\u00e4')"),
    ("xml", "'<a n=\"' || g || '\"/>'"),
    ("int[]", "ARRAY[g, NULL, g + 1]"),
    ("text[]", "ARRAY['a,b', '\"', '{}', NULL]"),
    ("int4range", "int4range(g, g + 5)"),
    ("nummultirange", "nummultirange(numrange(g, g + 1), numrange(g + 3, g + 4))"),
    ("tsvector", "to_tsvector('english', 'the cats ran ' || g)"),
    ("tsquery", "to_tsquery('english', 'cat & !dog')"),
    ("inet", "inet '10.0.0.1' + g"),
    ("cidr", "'10.1.0.0/16'"),
    ("macaddr8", "'08:00:2b:01:02:03:04:05'"),
    ("bit(5)", "g::bit(5)"),
    ("varbit", "B'101'"),
    ("money", "g::numeric::money"),
    ("point", "point(g, 1e-7)"),
    ("box", "box(point(g, g), point(0, 0))"),
    ("path", "'[(0,0),(1,1)]'"),
    ("polygon", "'((0,0),(1,1),(1,0))'"),
    ("circle", "circle(point(g, 0), 1.5)"),
    ("jsonpath", "'$.a[*] ? (@ > 1)'"),
    ("pg_lsn", "'16/B374D848'"),
    ("xid8", "'4294967297'"),
    ("s.mood", "CASE g % 2 WHEN 0 THEN 'sad' ELSE 'ok' END::s.mood"),
    ("s.positive", "g + 1"),
    ("s.pair", "ROW(g, 'x,' || g)::s.pair"),
    ("hstore", "hstore('a', g::text)"),
    ("citext", "'MiXed' || g"),
];

const DATABASES: [&str; 3] = ["postgres", "shop", "own: it's"];
const TABLES: [&str; 6] = ["t0", "t1", "t2", "s.t3", "s.t4", "\"odd \"\"name\""];
const ROLES: [&str; 4] = ["alice", "bob", "\"the group\"", "readers"];

/// The statements that define nothing.
const FED: [u32; 12] = [10, 10, 12, 13, 14, 14, 15, 26, 28, 41, 42, 43];

impl Generator {
    pub fn new(seed: u64, without: &[u64]) -> Self {
        Self { random: Dice::new(seed, without) }
    }

    /// What clients do on the old version.
    pub fn before(&mut self) -> Vec<Batch> {
        let roles: String = ROLES.iter().map(|role| format!("CREATE ROLE {role};\n")).collect();
        let mut all = vec![Batch {
            database: "postgres",
            text: format!(
                "{roles}ALTER ROLE alice LOGIN PASSWORD 'x' VALID UNTIL '2031-01-01';\n\
                 CREATE DATABASE shop OWNER alice;\nCREATE DATABASE \"own: it's\" TEMPLATE template0 \
                 LOCALE_PROVIDER icu ICU_LOCALE 'de' ENCODING 'UTF8';\n"
            ),
        }];
        for database in DATABASES {
            all.push(Batch {
                database,
                text: "CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('sad', 'ok'); \
                    CREATE DOMAIN s.positive AS int CHECK (VALUE > 0); \
                    CREATE TYPE s.pair AS (a int, b text); CREATE EXTENSION hstore; \
                    CREATE EXTENSION citext SCHEMA s; CREATE EXTENSION pg_trgm;\n\
                    ALTER DATABASE postgres SET search_path = public, s;\n"
                    .replace("postgres", &quoted(database)),
            });
        }
        for database in DATABASES {
            let text = (0..5).map(|_| self.create_table() + ";\n").collect();
            all.push(Batch { database, text });
        }
        all.extend(self.batches(40));
        all
    }

    /// What they do on the new one.
    pub fn after(&mut self) -> Vec<Batch> {
        self.random.upgraded();
        self.batches(60)
    }

    /// What they do while a standby is fed: no definitions.
    pub fn fed(&mut self) -> Batch {
        let database = self.random.choice(DATABASES).unwrap_or("postgres");
        let mut text = String::new();
        for _ in 0..self.random.usize(5..30) {
            let which = FED[self.random.usize(..FED.len())];
            let statement = self.numbered(Some(which));
            if self.random.is_sent() {
                text.push_str(&statement);
                text.push_str(";\n");
            }
        }
        Batch { database, text }
    }

    fn batches(&mut self, most: usize) -> Vec<Batch> {
        let count = self.random.usize(2..5);
        (0..count).map(|_| self.batch(most)).collect()
    }

    fn batch(&mut self, most: usize) -> Batch {
        let database = self.random.choice(DATABASES).unwrap_or("postgres");
        let mut text = String::new();
        for _ in 0..self.random.usize(10..most) {
            let news = self.random.is_new();
            let statement = if news { self.new_statement() } else { self.statement() };
            if self.random.is_sent() {
                text.push_str(&statement);
                text.push_str(";\n");
            }
        }
        Batch { database, text }
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.random.usize(..of.len())]
    }

    fn table(&mut self) -> &'static str {
        self.one(&TABLES)
    }

    fn column(&mut self) -> String {
        format!("c{}", self.random.u32(1..6))
    }

    fn number(&mut self) -> u32 {
        self.random.u32(1..60)
    }

    fn create_table(&mut self) -> String {
        let table = self.table();
        let key = self.one(&[
            "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            "id serial PRIMARY KEY",
            "id int",
            "id bigint GENERATED BY DEFAULT AS IDENTITY (START 5 INCREMENT 3) UNIQUE",
        ]);
        let mut columns = vec![key.to_owned()];
        let mut values = Vec::new();
        for number in 1..=self.random.usize(1..6) {
            let (kind, value) = TYPES[self.random.usize(..TYPES.len())];
            let long = kind == "text" || kind == "jsonb";
            let of_all = ["", "", "", " NOT NULL"];
            let of_long = ["", " STORAGE MAIN", " STORAGE EXTERNAL", " COMPRESSION lz4"];
            let more = self.one(if long { &of_long } else { &of_all });
            columns.push(format!("c{number} {kind}{more}"));
            values.push((format!("c{number}"), value));
        }
        if self.random.chance(4) {
            columns.push("made int GENERATED ALWAYS AS (id * 2) STORED".into());
        }
        if self.random.chance(4) {
            columns.push("CONSTRAINT sane CHECK (id > -5) NO INHERIT".into());
        }
        if self.random.chance(4) {
            columns.push("d timestamptz DEFAULT '2020-01-01 00:00+00'".into());
        }
        let kind = self.one(&["", "", "", "UNLOGGED "]);
        let with =
            self.one(&["", "", " WITH (fillfactor = 70)", " WITH (autovacuum_enabled = off)"]);
        let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        let made: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
        let drop = if self.random.chance(2) {
            format!("DROP TABLE {table} CASCADE;\n")
        } else {
            String::new()
        };
        format!(
            "{drop}CREATE {kind}TABLE {table} ({}){with};\nINSERT INTO {table} ({}) SELECT {} FROM \
             generate_series(1, {}) g",
            columns.join(", "),
            names.join(", "),
            made.join(", "),
            self.number()
        )
    }

    fn statement(&mut self) -> String {
        self.numbered(None)
    }

    /// The statement with this number, or any.
    fn numbered(&mut self, which: Option<u32>) -> String {
        let (table, other, role, n) = (self.table(), self.table(), self.one(&ROLES), self.number());
        let column = self.column();
        let kind = TYPES[self.random.usize(..TYPES.len())];
        match which.unwrap_or_else(|| self.random.u32(..62)) {
            0..10 => self.create_table(),
            10 | 11 => format!("INSERT INTO {table} DEFAULT VALUES"),
            12 => format!("DELETE FROM {table} WHERE id % 3 = {}", n % 3),
            13 => format!("UPDATE {table} SET {column} = NULL WHERE id < {n}"),
            14 => format!(
                "INSERT INTO {table} ({column}) SELECT {} FROM generate_series(1, {n}) g",
                kind.1
            ),
            15 => format!("TRUNCATE {table} RESTART IDENTITY"),
            16 => format!("ALTER TABLE {table} ADD COLUMN {column} {} DEFAULT NULL", kind.0),
            17 => format!("ALTER TABLE {table} DROP COLUMN {column} CASCADE"),
            18 => format!("ALTER TABLE {table} ADD COLUMN c{n} int DEFAULT {n}"),
            19 => format!("ALTER TABLE {table} RENAME COLUMN {column} TO \"käse {n}\""),
            20 => format!("ALTER TABLE {table} ALTER {column} TYPE text USING {column}::text"),
            21 => {
                let how = self.one(&["btree", "hash", "brin", "gin", "gist"]);
                format!("CREATE INDEX ON {table} USING {how} ({column})")
            }
            22 => format!(
                "CREATE UNIQUE INDEX u{n} ON {table} (id) INCLUDE ({column}) WHERE id > {n}"
            ),
            23 => format!("CREATE INDEX ON {table} (lower({column}::text) text_pattern_ops DESC)"),
            24 => {
                format!("CREATE OR REPLACE VIEW v{} AS SELECT * FROM {table} WHERE id > {n}", n % 4)
            }
            25 => {
                format!("CREATE MATERIALIZED VIEW m{} AS SELECT id, {column} FROM {table}", n % 3)
            }
            26 => format!("REFRESH MATERIALIZED VIEW m{}", n % 3),
            27 => {
                format!("CREATE SEQUENCE q{} INCREMENT {n} START 100 CYCLE MAXVALUE 10000", n % 4)
            }
            28 | 29 => format!("SELECT nextval('q{}'), setval('q{}', {n})", n % 4, (n + 1) % 4),
            30 => format!(
                "CREATE OR REPLACE FUNCTION f{}(a int DEFAULT {n}, VARIADIC b text[] DEFAULT '{{}}') \
                 RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN /* ; ä */ RETURN a; END $f$",
                n % 3
            ),
            31 => format!(
                "CREATE PROCEDURE p{n}() LANGUAGE sql BEGIN ATOMIC DELETE FROM {table} WHERE id = {n}; END"
            ),
            32 => format!(
                "CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'; \
                 CREATE TRIGGER tr{n} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION trg()"
            ),
            33 => format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            34 => format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; CREATE POLICY p{n} ON {table} TO {role} USING (id > {n})"
            ),
            35 => format!("GRANT SELECT, UPDATE ON {table} TO {role} WITH GRANT OPTION"),
            36 => format!(
                "GRANT SELECT (id) ON {table} TO {role}; REVOKE DELETE ON {table} FROM CURRENT_USER"
            ),
            37 => format!("GRANT ALL ON {table} TO {role}"),
            38 => format!("ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO {role}"),
            39 => format!(
                "ALTER DEFAULT PRIVILEGES FOR ROLE alice REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; GRANT CREATE ON SCHEMA s TO {role}"
            ),
            40 => format!(
                "COMMENT ON TABLE {table} IS E'it''s\\n a \\\\ comment {n}'; COMMENT ON ROLE {role} IS 'r;{n}'"
            ),
            41 => format!("SELECT lo_from_bytea({n}, decode(repeat('ab{n:02}', 3000), 'hex'))"),
            42 => format!(
                "SELECT lo_put({n}, 100, '\\x00ff'); GRANT SELECT ON LARGE OBJECT {n} TO {role}"
            ),
            43 => format!("SELECT lo_unlink({n})"),
            44 => {
                format!("GRANT {role} TO bob WITH ADMIN OPTION; GRANT pg_read_all_data TO {role}")
            }
            45 => format!(
                "ALTER ROLE {role} SET work_mem = '{n}MB'; ALTER ROLE {role} CONNECTION LIMIT {n}"
            ),
            46 => format!("CREATE ROLE r{n} LOGIN PASSWORD 'p;''{n}'; GRANT {role} TO r{n}"),
            47 => format!("DROP OWNED BY r{n}; DROP ROLE r{n}"),
            48 => format!(
                "CREATE DATABASE d{} TEMPLATE template0; ALTER DATABASE d{} SET timezone = 'UTC'",
                n % 3,
                n % 3
            ),
            49 => format!("DROP DATABASE d{}", n % 3),
            50 => format!(
                "CREATE TABLE part{n} (id int, k text) PARTITION BY LIST (k); CREATE TABLE part{n}_a PARTITION OF part{n} \
                 FOR VALUES IN ('a') PARTITION BY RANGE (id); CREATE TABLE part{n}_a1 PARTITION OF part{n}_a FOR VALUES FROM \
                 (MINVALUE) TO (50); CREATE TABLE part{n}_d PARTITION OF part{n} DEFAULT; INSERT INTO part{n} SELECT g, chr(97 + g % 2) \
                 FROM generate_series(1, 40) g; CREATE INDEX ON part{n} (id)"
            ),
            51 => format!(
                "CREATE TABLE kid{n} () INHERITS ({table}); INSERT INTO kid{n} (id) VALUES ({n})"
            ),
            52 => format!(
                "ALTER TABLE {table} ADD CONSTRAINT fk{n} FOREIGN KEY (id) REFERENCES {other} (id) NOT VALID"
            ),
            53 => format!(
                "ALTER TYPE s.mood ADD VALUE 'm{n}' BEFORE 'ok'; ALTER DOMAIN s.positive ADD CHECK (VALUE < 100000)"
            ),
            54 => format!(
                "CREATE STATISTICS st{n} (dependencies) ON id, {column} FROM {table}; ALTER TABLE {table} ALTER id SET STATISTICS {n}"
            ),
            55 => format!(
                "CREATE RULE ru{n} AS ON DELETE TO {table} DO ALSO NOTIFY x; ALTER TABLE {table} REPLICA IDENTITY FULL"
            ),
            56 => format!(
                "CREATE PUBLICATION pub{n} FOR TABLE {table} WHERE (id > {n}); CREATE PUBLICATION every{n} FOR ALL TABLES"
            ),
            57 => format!(
                "CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$; \
                 CREATE EVENT TRIGGER ev{n} ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION ev()"
            ),
            58 => format!(
                "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h', port '{n}'); \
                 CREATE USER MAPPING FOR {role} SERVER far OPTIONS (user 'u', password 'p'); CREATE FOREIGN TABLE ft{n} (a int) SERVER far"
            ),
            59 => format!(
                "BEGIN; DELETE FROM {table}; SAVEPOINT a; DROP TABLE {other} CASCADE; ROLLBACK TO a; {}",
                self.one(&["COMMIT", "ROLLBACK"])
            ),
            60 => format!(
                "CREATE TEXT SEARCH CONFIGURATION ts{n} (COPY = german); CREATE COLLATION co{n} (provider = icu, locale = 'sv')"
            ),
            _ => format!(
                "CREATE AGGREGATE ag{n} (int) (sfunc = int4pl, stype = int, initcond = '{n}'); CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq); ALTER TABLE {table} OWNER TO {role}"
            ),
        }
    }

    /// What 15 has no words for; its name says so.
    fn new_statement(&mut self) -> String {
        let (role, n) = (self.one(&ROLES), self.number());
        match self.random.u8(..6) {
            0 => format!(
                "CREATE VIEW new17_{n} AS SELECT * FROM JSON_TABLE('[1]'::jsonb, '$[*]' COLUMNS (a int PATH '$'))"
            ),
            1 => format!(
                "CREATE TABLE new17_m{n} (a int); GRANT SELECT, MAINTAIN ON new17_m{n} TO {role}"
            ),
            2 => format!(
                "CREATE TABLE new17_i{n} (a int, i interval); INSERT INTO new17_i{n} VALUES (1, 'infinity')"
            ),
            3 => format!(
                "CREATE DATABASE new17_d{n} TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
            ),
            4 => format!(
                "CREATE ROLE new17_r{n}; GRANT readers TO new17_r{n} WITH INHERIT FALSE, SET FALSE"
            ),
            _ => format!(
                "CREATE FUNCTION new17_f{n}(j jsonb) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT JSON_SERIALIZE(j); END; \
                 CREATE VIEW new17_v{n} AS SELECT new17_f{n}('1')"
            ),
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
