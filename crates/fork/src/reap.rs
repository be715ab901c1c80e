//! Waiting for the end of a child that is known by its number.

use rustix::process::Pid;
use std::io::{Error, ErrorKind};
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// A process that has ended and is gone.
#[derive(Clone, Copy, Debug)]
pub struct Reaped {
    /// How it ended.
    pub status: ExitStatus,
    /// Processor time, user and system, of all its threads.
    pub cpu: Duration,
    /// The greatest resident size in bytes.
    pub peak_resident_bytes: u64,
}

/// Waits until the child of this number has ended, and reaps it. See wait4(2).
///
/// # Errors
/// If there is no such child.
///
/// ```
/// let child = std::process::Command::new("true").spawn()?;
/// let number = rustix::process::Pid::from_child(&child);
/// assert!(bellglass_fork::reap(number)?.status.success());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn reap(child: Pid) -> Result<Reaped, Error> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to places of ours, of the types that it writes.
        let number = unsafe { libc::wait4(child.as_raw_nonzero().get(), &mut status, 0, usage.as_mut_ptr()) };
        match number {
            -1 => {
                let error = Error::last_os_error();
                if error.kind() != ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            _ => break,
        }
    }
    // SAFETY: all zeros is a valid value of this struct of numbers, and the call
    // has filled it in.
    let usage = unsafe { usage.assume_init() };
    let peak = u64::try_from(usage.ru_maxrss).unwrap_or(0);
    Ok(Reaped {
        status: ExitStatus::from_raw(status),
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        // In KiB, but on the systems that descend from BSD's.
        peak_resident_bytes: if cfg!(target_vendor = "apple") { peak } else { peak.saturating_mul(1024) },
    })
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds.saturating_add(Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn start(script: &str) -> Pid {
        Pid::from_child(&Command::new("sh").args(["-c", script]).spawn().expect("a shell"))
    }

    #[test]
    fn a_process_is_reaped_once_with_its_code() {
        let process = start("exit 7");
        assert_eq!(reap(process).expect("a child").status.code(), Some(7));
        let again = reap(process).expect_err("it is gone");
        assert_eq!(again.raw_os_error(), Some(libc::ECHILD));
    }

    #[test]
    fn what_it_has_used_is_told() {
        let busy = reap(start("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done")).expect("a child");
        let idle = reap(start("sleep 0.05")).expect("a child");
        assert!(busy.cpu > idle.cpu, "{:?} and {:?}", busy.cpu, idle.cpu);
        assert!(idle.peak_resident_bytes > 100 << 10, "{idle:?}");
    }
}
