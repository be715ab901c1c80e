//! What the process may use, and has used.

use super::identity::Who;
use super::{calls, done};
use crate::process::Resource;
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::time::Duration;

pub(super) const ROWS: &[Row] = calls! { "linux":
    prlimit64(process: Signed, resource: Resource, new: Pointer, old: Result) &[View::Fixed { pointer: 2, size: 16 }], Support::Partial, "lower limits of open files and of file sizes are held to; the rest is kept and told", prlimit;
    getrusage(who: Signed, usage: Result) &[], Support::Partial, "processor time and memory; what else Linux counts is 0", getrusage;
};

fn prlimit(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let wanted = match call.u32(2) {
        0 => None,
        address => {
            let mut bytes = [0; 16];
            call.memory.read(address, &mut bytes)?;
            let both = u128::from_le_bytes(bytes);
            Some([both as u64, (both >> 64) as u64])
        }
    };
    if system.find_process(call.u32(0))? == Who::Parent {
        return Err(Errno::PERM.into());
    }
    let resource = Resource::from_number(call.u32(1)).ok_or(Errno::INVAL)?;
    let before = system.process.limits.of(resource);
    if let Some(wanted) = wanted {
        system.process.limits.set(resource, wanted)?;
        if resource == Resource::OpenFiles {
            // It is never more than the run's own limit.
            system.descriptors.set_limit(usize::try_from(wanted[0]).unwrap_or(usize::MAX));
        }
    }
    if call.u32(3) != 0 {
        let bytes = before.map(u64::to_le_bytes);
        call.memory.write(call.u32(3), bytes.as_flattened())?;
    }
    done()
}

/// Bytes of `struct rusage` with times of 32 bits: two of those, and 14 numbers.
const USAGE_BYTES: usize = 72;

/// The processor time, all of it as the program's own, and the size of the memory, which
/// never shrinks.
fn getrusage(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const PROCESS: i32 = 0;
    const THREAD: i32 = 1;
    const CHILDREN: i32 = -1;
    let (time, memory) = match call.i32(0) {
        PROCESS | THREAD => ((system.processor_time)(), call.memory.size()),
        CHILDREN => (Duration::ZERO, 0),
        _ => return Err(Errno::INVAL.into()),
    };
    let mut bytes = [0; USAGE_BYTES];
    let seconds = u32::try_from(time.as_secs()).unwrap_or(i32::MAX.cast_unsigned());
    for (at, number) in [(0, seconds), (4, time.subsec_micros()), (16, (memory / 1024) as u32)] {
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    call.memory.write(call.u32(1), &bytes)?;
    done()
}
