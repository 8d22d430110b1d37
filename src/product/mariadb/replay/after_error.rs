//! The client has ended at an error: what is left out, and where the replay goes on.

use super::super::client::{Client, Server};
use super::super::errors::{NO_SUCH_TABLE, ServerError};
use super::super::group::{Form, Group};
use super::super::gtid::Gtid;
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
        let gtid = *gtid;
        // For rows that the table cannot take as it is here, it may say nothing but this.
        let of_rows = error.number == UNKNOWN_ERROR && what.starts_with("rows of ");
        if !error.is_reject() && !of_rows {
            let at = path(sent.file);
            return Err(HelperError::Failed(format!(
                "{} at {gtid} ({what}), in {at} from {} on",
                error.text, sent.group.begins
            )));
        }
        if error.number == u32::from(sent.group.error) {
            self.failed_alike(gtid).map_err(|stop| self.gave_up(&sent.group, stop))?;
            return Ok((sent.file, Some(sent.group.ends)));
        }
        if self.left_out.gone_of(&sent.group) {
            let Group { at, ends, .. } = sent.group;
            let logged = self.logs(gtid).map_err(|stop| self.gave_up(&sent.group, stop))?;
            return Ok((sent.file, Some(if logged { ends } else { at })));
        }
        if error.number == NO_SUCH_TABLE {
            self.missed.extend(sent.group.tables.keys().cloned());
        }
        self.leaves_out(&sent.group, &error, rejects)?;
        Ok((sent.file, Some(sent.group.ends)))
    }

    pub(super) fn leaves_out(
        &mut self,
        group: &Group,
        error: &ServerError,
        rejects: &mut dyn Rejects,
    ) -> Result<(), HelperError> {
        self.leave_out(group, error, rejects).map_err(|stop| self.gave_up(group, stop))
    }

    fn gave_up(&mut self, group: &Group, stop: Stop) -> HelperError {
        match stop {
            Stop::Failed(error) => error,
            Stop::Ended | Stop::Absent(..) => {
                let said = match self.client.take().map(Client::end).transpose() {
                    Ok(said) => said.unwrap_or_default().1,
                    Err(error) => return error,
                };
                let gtid = group.gtid;
                HelperError::Failed(format!("{gtid} cannot be left out: {}", lines(&said)))
            }
        }
    }

    /// A statement ended with an error, as it did on the new version: what it had done till then is
    /// done here as well.
    fn failed_alike(&mut self, gtid: Gtid) -> Result<(), Stop> {
        if !self.logs(gtid)? {
            self.position(gtid)?;
            self.statement(NOTHING.as_bytes())?;
        }
        self.ask()?;
        self.answers(true)
    }

    /// Whether the server has logged a transaction all the same: it changed rows of tables that
    /// cannot roll back, up to the one that it rejected.
    fn logs(&mut self, gtid: Gtid) -> Result<bool, Stop> {
        let logged = self.server_position()?.is_some_and(|position| position.has(gtid));
        if logged {
            self.done.comes_to(gtid);
            self.reached.comes_to(gtid);
        }
        Ok(logged)
    }

    fn leave_out(
        &mut self,
        group: &Group,
        error: &ServerError,
        rejects: &mut dyn Rejects,
    ) -> Result<(), Stop> {
        let part = self.logs(group.gtid)?;
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
