//! How a guest begins and ends: what a kernel does at execve and exit, for which there is no
//! call of Linux.

use super::{calls, value};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, Identity, System};

pub(super) const ROWS: &[Row] = calls! { "bellglass":
    arguments(block: Result, size: Size) &[], Support::Full, "", arguments;
    end_by_signal(signal: Unsigned) &[], Support::Full, "", end_by_signal;
};

/// Bytes of random numbers that a program begins with.
const RANDOM: usize = 16;

/// Bytes before the strings.
const HEAD: usize = 7 * 4 + RANDOM;

/// What a program begins with, as a kernel puts it on the stack: how many arguments and how
/// many variables there are, the numbers of process, user, effective user, group and effective
/// group, each 32 bits, 16 random bytes, and then the texts of arguments and variables, each
/// with its zero byte. Tells how many bytes that takes; if there are more than `size`, nothing
/// is written.
fn arguments(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.begin_as_linux();
    let texts = || system.arguments.iter().chain(&system.environment);
    let length = HEAD + texts().map(|text| text.len() + 1).sum::<usize>();
    let told = u32::try_from(length).map_err(|_| Errno::TOOBIG)?;
    if told <= call.u32(1) {
        // BOUND: what the run was given, which its builder has capped.
        let mut block = Vec::with_capacity(length);
        let counts = [&system.arguments, &system.environment].map(|list| list.len() as u32);
        let Identity { process, user, group, .. } = system.identity;
        for number in counts.into_iter().chain([process, user, user, group, group]) {
            block.extend(number.to_le_bytes());
        }
        let mut random = [0; RANDOM];
        system.host.random.fill(&mut random)?;
        block.extend(random);
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
