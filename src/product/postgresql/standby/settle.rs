//! What a subscription does not bring, carried over while clients are shut out: sequences, tables that
//! are not published, large objects.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::super::at_once::at_once;
use super::super::client::{quoted, unhex};
use super::super::failed;
use super::copy::complete;
use super::pair::{Pair, SETTLED, unread};
use super::{feed, triggers};
use crate::product::stream::HelperError;

const SEQUENCES: &str = include_str!("sql/sequences.sql");
const WHOLE: &str = include_str!("sql/whole.sql");
const OBJECTS: &str = include_str!("sql/objects.sql");

/// Makes the standby the same as the upgraded server.
pub(super) fn settle(pair: &Pair) -> Result<(), HelperError> {
    let Some(databases) = complete(pair)? else {
        return Err(HelperError::Failed("the standby is not complete".into()));
    };
    let prepared = pair.live.query("template1", "SELECT gid FROM pg_catalog.pg_prepared_xacts")?;
    if !prepared.trim().is_empty() {
        return Err(HelperError::Failed(format!(
            "a transaction is prepared and undecided, and would be lost: {}. COMMIT PREPARED or \
             ROLLBACK PREPARED",
            prepared.trim().replace('\n', ", ")
        )));
    }
    pair.put(SETTLED, "")?;
    feed::disable(pair)?;
    at_once(&databases, |name| {
        pair.standby.script(name, &pair.live.script(name, SEQUENCES)?)?;
        whole_tables(pair, name)?;
        large_objects(pair, name)
    })?;
    triggers::hold(pair, false, None)?;
    pair.standby.query("template1", "CHECKPOINT")?;
    Ok(())
}

fn whole_tables(pair: &Pair, database: &str) -> Result<(), HelperError> {
    for line in pair.live.script(database, WHOLE)?.lines() {
        let (digits, identity) = line.split_once('\t').ok_or_else(unread)?;
        let table = unhex(digits).ok_or_else(unread)?;
        let mut from = pair.live.psql(database);
        from.args(["--set=ON_ERROR_STOP=1", "--command"]);
        from.arg(format!("COPY {table} TO STDOUT"));
        let mut to = pair.standby.like_clients().psql(database);
        to.args(["--set=ON_ERROR_STOP=1", "--single-transaction"]);
        to.arg("--command=SET session_replication_role = replica");
        let alter = |how| format!("--command=ALTER TABLE ONLY {table} REPLICA IDENTITY {how}");
        // A publication of the clients' own would refuse the DELETE.
        if !identity.is_empty() {
            to.arg(alter("FULL"));
        }
        to.arg(format!("--command=DELETE FROM ONLY {table}"));
        to.arg(format!("--command=COPY {table} FROM STDIN"));
        if !identity.is_empty() {
            to.arg(alter(identity));
        }
        pipe(&mut from, &mut to).map_err(|error| failed(format_args!("table {table}"), error))?;
    }
    Ok(())
}

/// What is said of a large object: owner, privileges, checksum.
type Objects = BTreeMap<u32, [String; 3]>;

fn objects(text: &str) -> Result<Objects, HelperError> {
    let one = |line: &str| {
        let mut words = line.split('\t').map(str::to_owned);
        let id = words.next()?.parse().ok()?;
        Some((id, [words.next()?, words.next()?, words.next()?]))
    };
    text.lines().map(|line| one(line).ok_or_else(unread)).collect()
}

fn large_objects(pair: &Pair, database: &str) -> Result<(), HelperError> {
    let here = objects(&pair.live.script(database, OBJECTS)?)?;
    let there = objects(&pair.standby.script(database, OBJECTS)?)?;
    if here == there {
        return Ok(());
    }
    let mut sql = String::new();
    for id in there.keys().filter(|id| !here.contains_key(id)) {
        sql.push_str(&format!("SELECT lo_unlink({id});\n"));
    }
    pair.standby.script(database, &sql)?;
    for (id, what) in here.iter().filter(|(id, what)| there.get(id) != Some(*what)) {
        if there.contains_key(id) {
            pair.standby.query(database, &format!("SELECT lo_unlink({id})"))?;
        }
        pair.standby.query(database, &format!("SELECT lo_create({id})"))?;
        let pages = format!(
            "SELECT format('SELECT lo_put(%s, %s, ''\\x%s'');', loid, pageno::bigint * 2048, \
             encode(data, 'hex')) FROM pg_catalog.pg_largeobject WHERE loid = {id} ORDER BY pageno"
        );
        let mut from = pair.live.psql(database);
        from.args(["--set=ON_ERROR_STOP=1", "--set=FETCH_COUNT=1000", "--command", &pages]);
        let mut to = pair.standby.psql(database);
        to.args(["--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-"]);
        pipe(&mut from, &mut to)
            .map_err(|error| failed(format_args!("large object {id}"), error))?;
        pair.standby.script(database, &belongs(*id, what)?)?;
    }
    Ok(())
}

/// The statements that give a large object its owner and its privileges.
fn belongs(id: u32, [owner, privileges, _]: &[String; 3]) -> Result<String, HelperError> {
    let owner = unhex(owner).ok_or_else(unread)?;
    let mut sql = format!("ALTER LARGE OBJECT {id} OWNER TO {};\n", quoted(&owner));
    for one in privileges.split(' ').filter(|one| !one.is_empty()) {
        let mut words = one.split(':');
        let (who, privilege, grantable) =
            (words.next().and_then(unhex), words.next(), words.next());
        let (Some(who), Some(privilege)) = (who, privilege) else { return Err(unread()) };
        let who = if who.is_empty() { "PUBLIC".to_owned() } else { quoted(&who) };
        let option = if grantable == Some("t") { " WITH GRANT OPTION" } else { "" };
        sql.push_str(&format!("GRANT {privilege} ON LARGE OBJECT {id} TO {who}{option};\n"));
    }
    Ok(sql)
}

/// What one program prints is read by the other. Both must succeed.
fn pipe(from: &mut Command, to: &mut Command) -> Result<(), HelperError> {
    let cannot = |error| failed("cannot start psql", error);
    for command in [&mut *from, &mut *to] {
        command.env("PGCLIENTENCODING", "UTF8").stderr(Stdio::piped());
    }
    let mut source = from.stdout(Stdio::piped()).spawn().map_err(cannot)?;
    let output = source.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let target = to.stdin(output).stdout(Stdio::null()).spawn();
    let (here, there) = match target {
        Ok(target) => (source.wait_with_output(), target.wait_with_output()),
        Err(error) => {
            let _ = source.kill();
            let _ = source.wait();
            return Err(cannot(error));
        }
    };
    for output in [here, there] {
        let output = output.map_err(|error| failed("psql cannot be waited for", error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(HelperError::Failed(format!("psql failed: {said}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_object_gets_its_owner_and_its_privileges() {
        let text = "17\t736870\t:SELECT:f 616273:UPDATE:t\tff\n18\t736870\t\t\n";
        let all = objects(text).expect("read");
        assert_eq!(all.len(), 2);
        assert_eq!(
            belongs(17, &all[&17]).expect("said"),
            "ALTER LARGE OBJECT 17 OWNER TO \"shp\";\n\
             GRANT SELECT ON LARGE OBJECT 17 TO PUBLIC;\n\
             GRANT UPDATE ON LARGE OBJECT 17 TO \"abs\" WITH GRANT OPTION;\n"
        );
        assert!(objects("x\t\t\t\n").is_err());
    }
}
