//! A standby: the older version beside the newer one, which feeds it by logical replication. It begins
//! with a copy of everything, seen at the very place from which the slots go on; or with the clone as
//! it is, and slots that were made in the upgrade. The feed itself is
//! in the standby's server (subscriptions), and the position of each is stored there together with
//! the data. What a subscription does not bring is carried while clients are shut out.

mod ahead;
mod copy;
mod definitions;
mod drop_slots;
mod feed;
mod mark;
mod onward;
mod opened;
mod pair;
mod pgoutput;
mod position;
mod published;
mod refuse;
mod server;
mod settle;
mod since;
mod slots;
mod touched;
mod triggers;
mod watch;

use pair::Pair;
pub(in crate::product) use touched::rows as touched_rows;

use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "postgresql-feed VERB --bin=DIR --at=DIR:PORT --as=ACCOUNT --user=NAME \
                     --standby=DIR --state=DIR [--unit=UNIT] [--config=DIR] [--begin=copy|slot] [WORD...], where \
                     VERB is obstacles, reserve, forget, \
                     server, server-stop, start, run, stop, position, source, lag, watch, drain, \
                     refuse, allow, settle, touched, mark, since, end, serve or serve-stop";

/// See the usage.
pub(in crate::product) fn feed(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage(USAGE);
    let (verb, rest) = arguments.split_first().ok_or_else(usage)?;
    let pair = Pair::parse(rest, USAGE)?;
    let said = match (verb.as_str(), pair.words.as_slice()) {
        ("obstacles", []) => slots::obstacles(&pair)?,
        ("reserve", []) => return slots::reserve(&pair),
        ("forget", []) => return slots::forget(&pair),
        ("server", [_, ..]) => return server::start(&pair, streams),
        ("server-stop", []) => return server::stop(&pair),
        ("start", [_, ..]) => return feed::start(&pair, streams),
        ("run", []) => return feed::run(&pair),
        ("stop", []) => return feed::stop(&pair),
        ("position", []) => position::position(&pair)?,
        ("source", []) => position::source(&pair)?,
        ("touched", []) => return touched::find(&pair, streams),
        ("mark", []) => ahead::mark(&pair),
        ("since", [position]) => return since::find(&pair, position, streams),
        ("lag", []) => position::lag(&pair)?,
        ("watch", []) => return watch::watch(&pair),
        ("drain", [position]) => return position::drain(&pair, position),
        ("refuse", []) => return refuse::refuse(&pair),
        ("allow", []) => return refuse::allow(&pair),
        ("settle", []) => return settle::settle(&pair),
        ("end", []) => {
            pair.put(pair::ENDED, "")?;
            return published::withdraw(&pair.live);
        }
        ("serve", [_, ..]) => return opened::serve(&pair),
        ("serve-stop", []) => return opened::stop(&pair),
        _ => return Err(usage()),
    };
    writeln!(streams.output, "{said}").map_err(HelperError::Output)
}
