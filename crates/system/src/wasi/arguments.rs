//! Arguments and environment.

use super::done;
use crate::guest::CALL_BYTES;
use crate::{Answer, Call, Errno, Fault, System};

pub(super) fn args_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_strings(call, &system.arguments)
}

pub(super) fn args_sizes_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_sizes(call, &system.arguments)
}

pub(super) fn environ_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_strings(call, &system.environment)
}

pub(super) fn environ_sizes_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_sizes(call, &system.environment)
}

fn write_sizes(call: &mut Call<'_>, strings: &[Vec<u8>]) -> Result<Answer, Fault> {
    let size: usize = strings.iter().map(|string| string.len() + 1).sum();
    // The builder has bounded both.
    let number = |value| u32::try_from(value).map_err(|_| Errno::OVERFLOW);
    call.write_u32(call.u32(0), number(strings.len())?)?;
    call.write_u32(call.u32(1), number(size)?)?;
    done()
}

/// Writes the strings one after the other at argument 1, and their addresses at
/// argument 0.
fn write_strings(call: &mut Call<'_>, strings: &[Vec<u8>]) -> Result<Answer, Fault> {
    let mut address = call.u32(1);
    let mut pointers = Vec::with_capacity(strings.len() * 4);
    let mut text = Vec::new();
    for string in strings {
        pointers.extend(address.to_le_bytes());
        text.extend(string);
        text.push(0);
        let length = u32::try_from(string.len() + 1).map_err(|_| Errno::OVERFLOW)?;
        address = address.checked_add(length).ok_or(Errno::FAULT)?;
    }
    for (start, bytes) in [(call.u32(0), pointers), (call.u32(1), text)] {
        let mut at = start;
        for chunk in bytes.chunks(CALL_BYTES) {
            call.waiter.go_on()?;
            call.memory.write(at, chunk)?;
            at = at.checked_add(chunk.len() as u32).ok_or(Errno::FAULT)?;
        }
    }
    done()
}
