//! How a guest begins and ends: what a kernel does at execve and exit, for which there is no
//! call of Linux.

use super::{calls, value};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};

pub(super) const ROWS: &[Row] = calls! { "bellglass":
    arguments(block: Result, size: Size) &[], Support::Full, "", arguments;
    end_by_signal(signal: Unsigned) &[], Support::Full, "", end_by_signal;
};

/// Bytes before the strings: the count of arguments, the count of variables.
const HEAD: usize = 8;

/// What a program begins with, as a kernel puts it on the stack: how many arguments and how
/// many variables there are, each 32 bits, and then their texts, each with its zero byte.
/// Tells how many bytes that takes; if there are more than `size`, nothing is written.
fn arguments(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let texts = || system.arguments.iter().chain(&system.environment);
    let length = HEAD + texts().map(|text| text.len() + 1).sum::<usize>();
    let told = u32::try_from(length).map_err(|_| Errno::TOOBIG)?;
    if told <= call.u32(1) {
        // BOUND: what the run was given, which its builder has capped.
        let mut block = Vec::with_capacity(length);
        for list in [&system.arguments, &system.environment] {
            block.extend((list.len() as u32).to_le_bytes());
        }
        for text in texts() {
            block.extend_from_slice(text);
            block.push(0);
        }
        call.memory.write(call.u32(0), &block)?;
    }
    value(told)
}

/// The program ends by a signal that it does not handle: as a shell tells it, 128 and the
/// signal's number.
fn end_by_signal(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match i32::try_from(call.u32(0)) {
        Ok(signal @ 1..=64) => Ok(Answer::Exit(128 + signal)),
        _ => Err(Errno::INVAL.into()),
    }
}
