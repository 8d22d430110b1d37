//! Accounts, roles, privileges.

use super::Generator;

impl Generator {
    pub fn account(&mut self) -> Vec<String> {
        let (accounts, roles) = (self.accounts.clone(), self.roles.clone());
        if let Some(account) = self.some(&accounts).filter(|_| !self.names.is_multiple_of(3)) {
            let change = match self.random.u32(..12) {
                0 => format!("SET PASSWORD FOR {account} = PASSWORD('new')"),
                1 => format!("ALTER USER {account} IDENTIFIED BY 'it''s'"),
                2 => format!("ALTER USER {account} ACCOUNT LOCK"),
                3 => format!("ALTER USER {account} PASSWORD EXPIRE INTERVAL 10 DAY"),
                4 => format!("ALTER USER {account} REQUIRE SSL WITH MAX_USER_CONNECTIONS 3"),
                5 => format!(
                    "ALTER USER {account} IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('p')"
                ),
                6 => {
                    self.accounts.retain(|known| *known != account);
                    format!("DROP USER {account}")
                }
                // No RENAME USER: 11.8 may leave privileges on tables with the former name.
                7 | 8 => format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}"),
                _ => match self.some(&roles) {
                    Some(role) if self.one_in(2) => {
                        format!("GRANT {role} TO {account} WITH ADMIN OPTION")
                    }
                    Some(role) => format!("SET DEFAULT ROLE {role} FOR {account}"),
                    None => format!("ALTER USER {account} ACCOUNT UNLOCK"),
                },
            };
            return vec![change];
        }
        self.names += 1;
        if self.one_in(4) {
            let role = format!("role{}", self.names);
            self.roles.push(role.clone());
            return vec![format!("CREATE ROLE {role}")];
        }
        let host = self.pick(&["localhost", "%", "10.0.0.0/255.0.0.0", "example.org"]);
        let account = format!("'u{}'@'{host}'", self.names);
        self.accounts.push(account.clone());
        let by = self.pick(&[
            "",
            " IDENTIFIED BY 'secret'",
            " IDENTIFIED VIA unix_socket",
            " IDENTIFIED BY 'p' REQUIRE X509 WITH MAX_QUERIES_PER_HOUR 10 PASSWORD EXPIRE NEVER",
            " IDENTIFIED BY PASSWORD '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19' ACCOUNT LOCK",
        ]);
        vec![format!("CREATE USER {account}{by}")]
    }

    pub fn grant(&mut self) -> Vec<String> {
        let grantees: Vec<String> = self.accounts.iter().chain(&self.roles).cloned().collect();
        let Some(grantee) = self.some(&grantees) else { return Vec::new() };
        let schema = self.schema();
        let what = match self.random.u32(..7) {
            0 => "SELECT, RELOAD ON *.*".to_owned(),
            1 => format!("ALL PRIVILEGES ON {schema}.*"),
            2 => match self.table() {
                Some(table) => {
                    let column = &table.columns[0].name;
                    format!("SELECT ({column}), UPDATE ({column}) ON {}", table.name)
                }
                None => return Vec::new(),
            },
            3 => match self.table() {
                Some(table) => format!("INSERT, DELETE, TRIGGER ON {}", table.name),
                None => return Vec::new(),
            },
            4 if !self.routines.is_empty() => {
                let (kind, name) = self.routines[self.random.usize(..self.routines.len())].clone();
                format!("EXECUTE ON {kind} {name}")
            }
            5 => "ALL PRIVILEGES ON *.*".to_owned(),
            _ => format!("CREATE VIEW, SHOW VIEW, EVENT ON {schema}.*"),
        };
        if self.one_in(5) {
            return vec![format!("REVOKE {what} FROM {grantee}")];
        }
        let option = if self.one_in(4) { " WITH GRANT OPTION" } else { "" };
        vec![format!("GRANT {what} TO {grantee}{option}")]
    }
}
