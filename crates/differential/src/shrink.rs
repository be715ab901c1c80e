//! Making a sequence that differs as short as it can be: operations are left out, one half,
//! one quarter, one at a time, as long as it then differs in the same one.

use crate::compare::{Difference, Sides};

/// How many tries that may take.
const TRIES: usize = 80;

/// The difference with as few operations before it as are needed.
pub(crate) fn shrink(sides: &Sides, difference: Difference) -> anyhow::Result<Difference> {
    if sides.alone {
        return Ok(difference);
    }
    let number = difference.number;
    let last = difference.operation.unwrap_or(u32::MAX);
    // The operations that are left out: those after it, as far as there can be any.
    let after: Vec<u32> = (last.saturating_add(1)..last.saturating_add(200)).collect();
    let mut left: Vec<u32> = difference.before.iter().filter_map(|line| index(line)).collect();
    let mut out: Vec<u32> = if difference.operation.is_some() { after } else { Vec::new() };
    let mut best = difference;
    let mut tries = 0;
    let mut size = left.len().div_ceil(2);
    while size > 0 && tries < TRIES {
        let mut at = 0;
        while at < left.len() && tries < TRIES {
            let end = (at + size).min(left.len());
            let tried: Vec<u32> = out.iter().chain(&left[at..end]).copied().collect();
            tries += 1;
            match sides.difference(number, &tried)? {
                Some(found) if found.operation == best.operation => {
                    best = found;
                    out = tried;
                    left.drain(at..end);
                }
                _ => at = end,
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    Ok(best)
}

/// The number of an operation, which its line begins with.
fn index(line: &str) -> Option<u32> {
    line.split(':').next()?.parse().ok()
}
