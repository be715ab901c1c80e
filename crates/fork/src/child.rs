//! A child that is known by its number, and, where the system offers it, by a handle:
//! a number is free for strangers once the child has been reaped, and that may happen
//! at any time in a process that ignores SIGCHLD or reaps whatever ends.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
#[cfg(target_os = "linux")]
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use std::io::Error;
use std::mem::MaybeUninit;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// A child of this process, which has not been reaped by this value's owner.
#[derive(Debug)]
pub struct Child {
    number: Pid,
    /// What can only mean this process. Linux before 5.4 has none.
    #[cfg(target_os = "linux")]
    handle: Option<OwnedFd>,
}

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

/// Who waits for a child's end.
#[derive(Clone, Copy)]
enum Whom {
    /// This one.
    Process,
    /// All those of the process group that it leads, which are children too.
    #[cfg(target_os = "linux")]
    Group,
}

impl Child {
    /// Starts a program and takes charge of it. Gives nothing if it has ended and is gone
    /// already, because this process ignores the end of its children, or something in it
    /// reaps them all.
    ///
    /// # Errors
    /// What the operating system says that does not start it, or gives no handle; it is
    /// ended then.
    #[allow(clippy::zombie_processes, reason = "it is reaped by its handle")]
    pub fn spawn(command: &mut Command) -> Result<Option<Self>, Error> {
        let mut started = command.spawn()?;
        match Self::of(Pid::from_child(&started)) {
            Ok(child) => Ok(Some(child)),
            Err(error) if error.raw_os_error() == Some(Errno::CHILD.raw_os_error()) => Ok(None),
            Err(error) => {
                // One that has left meanwhile does not mind.
                let _ = started.kill();
                let _ = started.wait();
                Err(error)
            }
        }
    }

    /// Takes charge of the child of this number.
    ///
    /// # Errors
    /// ECHILD if this process has no such child, or has none any more.
    pub fn of(number: Pid) -> Result<Self, Error> {
        #[cfg(target_os = "linux")]
        let child = {
            let handle = match pidfd_open(number, PidfdFlags::empty()) {
                Ok(handle) => Some(handle),
                Err(Errno::SRCH) => return Err(Errno::CHILD.into()),
                Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(errno.into()),
                // A kernel, or a filter around this process, that has no such call.
                Err(_) => None,
            };
            Self { number, handle }
        };
        #[cfg(not(target_os = "linux"))]
        let child = Self { number };
        match child.look() {
            Ok(_) => Ok(child),
            #[cfg(target_os = "linux")]
            Err(Errno::INVAL) => {
                // Linux 5.3 has handles and cannot wait for them.
                let child = Self { number, handle: None };
                child.look()?;
                Ok(child)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Its number, which is a stranger's if somebody else has reaped it.
    pub fn number(&self) -> Pid {
        self.number
    }

    /// Whether it has ended, or has even been reaped by somebody else.
    pub fn has_ended(&self) -> bool {
        !matches!(self.look(), Ok(Look::Lives))
    }

    /// Sends it a signal. Whether there is still a process to have it.
    pub fn signal(&self, signal: Signal) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            return match pidfd_send_signal(handle, signal) {
                Err(Errno::NOSYS | Errno::PERM) => self.signal_by_number(signal),
                sent => sent.is_ok(),
            };
        }
        self.signal_by_number(signal)
    }

    /// Between the look and the signal somebody else could reap it, where there are no
    /// handles: nothing better is to be had.
    fn signal_by_number(&self, signal: Signal) -> bool {
        self.look().is_ok() && kill_process(self.number, signal).is_ok()
    }

    /// Kills it, and all those of its process group if it leads one.
    pub fn kill_group(&self) {
        // One that has left already does not mind.
        self.signal(Signal::KILL);
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            // To the group that this process leads; from linux/pidfd.h.
            const PROCESS_GROUP: libc::c_uint = 4;
            // SAFETY: the call takes two numbers, no pointer, and a handle that is open.
            let sent = unsafe {
                libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    handle.as_raw_fd(),
                    libc::SIGKILL,
                    std::ptr::null::<libc::siginfo_t>(),
                    PROCESS_GROUP,
                )
            };
            // Linux before 6.9 signals processes only.
            if sent == 0 || Error::last_os_error().raw_os_error() == Some(libc::ESRCH) {
                return;
            }
        }
        // As long as it is not reaped, its number is that of no other group.
        if self.look().is_ok() {
            let _ = kill_process_group(self.number, Signal::KILL);
        }
    }

    /// Processor time of all its threads until now, if it is still there.
    pub fn processor_time(&self) -> Option<Duration> {
        let mut clock: libc::clockid_t = 0;
        // SAFETY: the pointer is to a place of ours, of the type that it writes.
        if unsafe { libc::clock_getcpuclockid(self.number.as_raw_nonzero().get(), &mut clock) } != 0 {
            return None;
        }
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: as above.
        let read = unsafe { libc::clock_gettime(clock, &mut time) };
        // Asked afterwards, so that the number was its own before.
        if read != 0 || self.look().is_err() {
            return None;
        }
        Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
    }

    /// Waits until it has ended, and reaps it.
    ///
    /// # Errors
    /// If somebody else has reaped it.
    pub fn reap(self) -> Result<Reaped, Error> {
        self.wait(Whom::Process).map(|(_, reaped)| reaped)
    }

    /// Waits until it has ended, and all children of this process that are of the
    /// group that it leads, and reaps them. Somebody must have killed them: see
    /// [`kill_group`](Self::kill_group).
    ///
    /// # Errors
    /// If somebody else has reaped it.
    #[cfg(target_os = "linux")]
    pub fn reap_group(self) -> Result<Reaped, Error> {
        // Its number is the group's own until it is reaped itself.
        self.look()?;
        let mut own = Err(Errno::CHILD.into());
        loop {
            match self.wait(Whom::Group) {
                Ok((number, reaped)) if number == self.number => own = Ok(reaped),
                Ok(_) => {}
                Err(_) => return own,
            }
        }
    }

    /// Waits until it has ended, and reaps it: on other systems than Linux nothing else
    /// can be of its group.
    ///
    /// # Errors
    /// If somebody else has reaped it.
    #[cfg(not(target_os = "linux"))]
    pub fn reap_group(self) -> Result<Reaped, Error> {
        self.reap()
    }

    #[cfg(target_os = "linux")]
    fn id(&self) -> WaitId<'_> {
        self.handle.as_ref().map_or(WaitId::Pid(self.number), |handle| WaitId::PidFd(handle.as_fd()))
    }

    #[cfg(not(target_os = "linux"))]
    fn id(&self) -> WaitId<'_> {
        WaitId::Pid(self.number)
    }

    fn look(&self) -> Result<Look, Errno> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(self.id(), look)?.map_or(Look::Lives, |_| Look::Ended))
    }

    /// Waits for an end, and reaps. Gives whose end it was.
    #[cfg(target_os = "linux")]
    fn wait(&self, whom: Whom) -> Result<(Pid, Reaped), Error> {
        let number = self.number.as_raw_nonzero().get();
        let (kind, id) = match (whom, &self.handle) {
            (Whom::Group, _) => (libc::P_PGID, number),
            (Whom::Process, Some(handle)) => (libc::P_PIDFD, handle.as_raw_fd()),
            (Whom::Process, None) => (libc::P_PID, number),
        };
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        loop {
            // SAFETY: both pointers are to places of ours, of the types that it writes.
            // The C function does not give what was used; the kernel's call does.
            let waited = unsafe {
                libc::syscall(
                    libc::SYS_waitid,
                    kind,
                    id,
                    info.as_mut_ptr(),
                    libc::WEXITED,
                    usage.as_mut_ptr(),
                )
            };
            if waited == 0 {
                break;
            }
            let error = Error::last_os_error();
            if error.kind() != std::io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        // SAFETY: all zeros is a valid value of both, and the call has filled them in;
        // what it tells of is the end of a child, which has a number and a status.
        let (usage, code, status, number) = unsafe {
            let (usage, info) = (usage.assume_init(), info.assume_init());
            (usage, info.si_code, info.si_status(), info.si_pid())
        };
        let status = match code {
            libc::CLD_EXITED => (status & 0xff) << 8,
            libc::CLD_DUMPED => status | 0x80,
            _ => status,
        };
        let number = Pid::from_raw(number).ok_or(Errno::CHILD)?;
        Ok((number, Reaped::new(status, &usage)))
    }

    #[cfg(not(target_os = "linux"))]
    fn wait(&self, Whom::Process: Whom) -> Result<(Pid, Reaped), Error> {
        let mut status = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        let number = self.number.as_raw_nonzero().get();
        // SAFETY: both pointers are to places of ours, of the types that it writes.
        while unsafe { libc::wait4(number, &mut status, 0, usage.as_mut_ptr()) } == -1 {
            let error = Error::last_os_error();
            if error.kind() != std::io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        // SAFETY: all zeros is a valid value of this struct of numbers, and the call
        // has filled it in.
        Ok((self.number, Reaped::new(status, unsafe { &usage.assume_init() })))
    }
}

/// What a look at a child shows.
enum Look {
    /// It goes on.
    Lives,
    /// It has ended, and waits to be reaped.
    Ended,
}

impl Reaped {
    fn new(status: i32, usage: &libc::rusage) -> Self {
        let peak = u64::try_from(usage.ru_maxrss).unwrap_or(0);
        Self {
            status: ExitStatus::from_raw(status),
            cpu: duration(usage.ru_utime).saturating_add(duration(usage.ru_stime)),
            // In KiB, but on the systems that descend from BSD's.
            peak_resident_bytes: if cfg!(target_vendor = "apple") { peak } else { peak.saturating_mul(1024) },
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds.saturating_add(Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    #[expect(clippy::zombie_processes, reason = "it is reaped by its number, which is what is tried")]
    fn take(command: &mut Command) -> Child {
        let started = command.process_group(0).spawn().expect("a process");
        Child::of(Pid::from_child(&started)).expect("a child")
    }

    fn start(script: &str) -> Child {
        take(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn a_process_is_reaped_with_how_it_ended() {
        assert_eq!(start("exit 7").reap().expect("a child").status.code(), Some(7));
        assert_eq!(start("kill -9 $$").reap().expect("a child").status.signal(), Some(9));
    }

    #[test]
    fn who_is_no_child_is_not_taken_for_one() {
        assert_eq!(Child::of(Pid::INIT).expect_err("it is not").raw_os_error(), Some(libc::ECHILD));
        let number = start("exit 0").number();
        let again = Child::of(number).expect("not yet reaped");
        again.reap().expect("its end");
        assert_eq!(Child::of(number).expect_err("it is gone").raw_os_error(), Some(libc::ECHILD));
    }

    #[test]
    fn one_that_somebody_else_has_reaped_is_left_alone() {
        let child = start("sleep 20");
        let number = child.number();
        assert!(!child.has_ended());
        kill_process(number, Signal::KILL).expect("it lives");
        Child::of(number).expect("a child").reap().expect("its end");
        assert!(child.has_ended() && !child.signal(Signal::KILL));
        assert_eq!(child.processor_time(), None);
        child.kill_group();
        assert!(child.reap().is_err());
    }

    #[test]
    fn what_it_has_used_is_told_before_and_after_its_end() {
        let busy = start("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; kill -STOP $$");
        while busy.processor_time().expect("it lives").as_millis() < 5 {
            std::thread::yield_now();
        }
        busy.kill_group();
        let busy = busy.reap().expect("a child");
        let idle = start("sleep 0.05").reap().expect("a child");
        assert!(busy.cpu > idle.cpu, "{:?} and {:?}", busy.cpu, idle.cpu);
        assert!(idle.peak_resident_bytes > 100 << 10, "{idle:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_older_kernel_has_numbers_only() {
        let bare = |script: &str| Child { handle: None, ..start(script) };
        assert_eq!(bare("exit 7").reap().expect("a child").status.code(), Some(7));
        let child = bare("sleep 20");
        assert!(!child.has_ended() && child.processor_time().is_some());
        child.kill_group();
        assert_eq!(child.reap().expect("a child").status.signal(), Some(9));
        let child = bare("sleep 20");
        let again = Child::of(child.number()).expect("a child");
        again.kill_group();
        again.reap().expect("its end");
        assert!(child.has_ended() && !child.signal(Signal::KILL));
    }

    #[test]
    fn a_group_ends_with_its_leader() {
        let (mut reading, writing) = std::io::pipe().expect("a pipe");
        let leader = take(Command::new("sh").args(["-c", "sleep 20 & wait"]).stdout(writing));
        leader.kill_group();
        leader.reap().expect("its end");
        // Whoever held the pipe is gone.
        std::io::Read::read_to_end(&mut reading, &mut Vec::new()).expect("an end");
    }
}
