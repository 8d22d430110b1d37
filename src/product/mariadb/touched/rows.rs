//! Rows in the log: the values of a few columns of each.

use super::super::binlog::{Event, Kind};
use super::super::query::Bytes;
use super::values::Stored;

/// The columns of a table, as an event says that names it.
pub(super) fn columns(event: &Event) -> Option<Vec<Stored>> {
    let mut body = Bytes(event.body());
    body.take(8)?;
    for _ in 0..2 {
        body.counted()?;
        body.u8()?;
    }
    let count = usize::try_from(body.packed()?).ok()?;
    let kinds = body.take(count)?;
    let length = usize::try_from(body.packed()?).ok()?;
    let mut more = Bytes(body.take(length)?);
    kinds.iter().map(|kind| Stored::read(*kind, &mut more)).collect()
}

/// The values of the columns that are wanted: `None` for one that is not there, or has no value.
pub(super) type Values<'a> = Vec<Option<&'a [u8]>>;

/// A row: as it was, if it was there before, and as it is.
pub(super) struct Row<'a> {
    pub(super) was: Option<Values<'a>>,
    pub(super) is: Option<Values<'a>>,
}

/// Hands on the wanted columns (in rising order) of each row. `None`: the
/// rows are not as the columns are.
pub(super) fn each(
    event: &Event,
    columns: &[Stored],
    wanted: &[usize],
    row: &mut dyn FnMut(&Row<'_>) -> Option<()>,
) -> Option<()> {
    let mut body = Bytes(event.body());
    body.take(8)?;
    let count = usize::try_from(body.packed()?).ok()?;
    if count != columns.len() {
        return None;
    }
    let width = count.div_ceil(8);
    let first = body.take(width)?;
    let second = if event.kind == Kind::Update { body.take(width)? } else { first };
    while !body.0.is_empty() {
        let one = Some(image(&mut body, columns, first, wanted)?);
        row(&match event.kind {
            Kind::Write => Row { was: None, is: one },
            Kind::Update => Row { was: one, is: Some(image(&mut body, columns, second, wanted)?) },
            _ => Row { was: one, is: None },
        })?;
    }
    Some(())
}

fn is_set(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 != 0)
}

fn image<'a>(
    bytes: &mut Bytes<'a>,
    columns: &[Stored],
    present: &[u8],
    wanted: &[usize],
) -> Option<Values<'a>> {
    let count = (0..columns.len()).filter(|at| is_set(present, *at)).count();
    let nulls = bytes.take(count.div_ceil(8))?;
    let mut values = vec![None; wanted.len()];
    let (mut nth, mut next) = (0, 0);
    for (at, column) in columns.iter().enumerate() {
        let is_wanted = wanted.get(next) == Some(&at);
        if is_set(present, at) {
            if !is_set(nulls, nth) {
                let value = column.value(bytes)?;
                if is_wanted {
                    values[next] = Some(value);
                }
            }
            nth += 1;
        }
        next += usize::from(is_wanted);
    }
    (next == wanted.len()).then_some(values)
}
