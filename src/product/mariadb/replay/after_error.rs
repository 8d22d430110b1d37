//! The client has ended at an error: what is left out, and where the replay goes on.

use super::super::client::{Client, Server};
use super::super::errors::{NO_SUCH_TABLE, ServerError};
use super::super::group::{Form, Group};
use super::super::gtid::Position;
use super::super::name::quoted_table;
use super::talk::lines;
use super::{NOTHING, Rejects, Replay, Stop};
use crate::product::stream::HelperError;

/// ER_UNKNOWN_ERROR. Elsewhere it is a trouble.
const UNKNOWN_ERROR: u32 = 1105;

impl<S: Server> Replay<S> {
    /// The client has ended: with which transaction, and why. Where it is to be left out, it is; the
    /// replay goes on at the place that is returned.
    pub(super) fn fallen(
        &mut self,
        path: &dyn Fn(usize) -> String,
        rejects: &mut dyn Rejects,
    ) -> Result<(usize, Option<u64>), HelperError> {
        let said = match self.client.take() {
            None => String::new(),
            Some(mut client) => {
                while let Some(line) = client.line(true) {
                    self.answer(&line);
                }
                client.end()?.1
            }
        };
        self.asked = self.answered;
        let sent = std::mem::take(&mut self.sent).into_iter().next();
        let error = ServerError::first_of(&said);
        let (Some(sent), Some(error)) = (sent, error) else {
            return Err(HelperError::Failed(format!("the client ended: {}", lines(&said))));
        };
        let Group { gtid, what, .. } = &sent.group;
        // For rows that the table cannot take as it is here, it may say nothing but this.
        let of_rows = error.number == UNKNOWN_ERROR && what.starts_with("rows of ");
        if !error.is_reject() && !of_rows {
            let at = path(sent.file);
            return Err(HelperError::Failed(format!(
                "{} at {gtid} ({what}), in {at} from {} on",
                error.text, sent.group.begins
            )));
        }
        if error.number == NO_SUCH_TABLE {
            self.missed.extend(sent.group.tables.keys().cloned());
        }
        self.left_out(&sent.group, &error, rejects)?;
        Ok((sent.file, Some(sent.group.ends)))
    }

    pub(super) fn left_out(
        &mut self,
        group: &Group,
        error: &ServerError,
        rejects: &mut dyn Rejects,
    ) -> Result<(), HelperError> {
        match self.leave_out(group, error, rejects) {
            Ok(()) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Ended | Stop::Absent(..)) => {
                let said = self.client.take().map(Client::end).transpose()?.unwrap_or_default().1;
                let gtid = group.gtid;
                Err(HelperError::Failed(format!("{gtid} cannot be left out: {}", lines(&said))))
            }
        }
    }

    fn leave_out(
        &mut self,
        group: &Group,
        error: &ServerError,
        rejects: &mut dyn Rejects,
    ) -> Result<(), Stop> {
        let position = self.value("@@gtid_binlog_pos", "")?.unwrap_or_default();
        // Rows of tables that cannot roll back.
        let part = Position::parse(&position).is_some_and(|position| position.has(group.gtid));
        let part = if part { "done in part: " } else { "" };
        let line = format!("{}\t{}\t{part}{}", group.gtid, error.text, group.what);
        if !rejects.take(&line)? {
            let what = format!("the previous version rejects {}", line.replace('\t', ": "));
            return Err(HelperError::Failed(what).into());
        }
        if group.form == Form::CreateSelect
            && let Some(table) = group.tables.keys().next()
        {
            self.log(false)?;
            let name = quoted_table(table);
            self.statement(&[b"DROP TABLE IF EXISTS ", name.as_slice()].concat())?;
            self.log(true)?;
        }
        if part.is_empty() {
            self.position(group.gtid)?;
            self.statement(NOTHING.as_bytes())?;
        }
        self.ask()?;
        self.answers(true)?;
        self.done.comes_to(group.gtid);
        self.reached.comes_to(group.gtid);
        Ok(())
    }
}
