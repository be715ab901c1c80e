//! Calls of Linux against the kernel of this machine: the same call with the same arguments
//! fails in the same way, or succeeds as well. A process of perl makes the kernel's, as a user
//! without privileges; none of them changes anything but that process.

use super::fake::{FakeGuest, guest};
use crate::Errno;
use libc::c_long;
use std::io::Write;
use std::process::{Command, Stdio};

/// One argument.
#[derive(Clone, Copy)]
enum Word {
    /// A number, or a null pointer.
    Number(i64),
    /// The address of zeros.
    Zeros,
    /// The address of seconds and nanoseconds.
    Time(i64, i64),
    /// The address of words of 32 bits, and zeros behind them.
    Words(&'static [u32]),
    /// An address that is none.
    Wild,
    /// The number of the process itself.
    Own,
}

use Word::{Number, Own, Time, Wild, Words, Zeros};

const NULL: Word = Number(0);
const MINUS: Word = Number(-1);

/// The number of a process that there is not.
const NOBODY: Word = Number(999_999);

/// As many bytes as any structure of these calls has.
const STRUCTURE: usize = 512;

/// A call: its name here, the kernel's number, its arguments.
type Case = (&'static str, c_long, &'static [Word]);

const CASES: &[Case] = &[
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(0), Zeros]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(0), NULL]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(0), Wild]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(10), Zeros]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(12), Zeros]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(-5), Zeros]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(-6), Zeros]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(-2), Zeros]),
    ("clock_gettime64", libc::SYS_clock_gettime, &[Number(-8_000_006), Zeros]),
    ("clock_getres_time64", libc::SYS_clock_getres, &[Number(1), NULL]),
    ("clock_getres_time64", libc::SYS_clock_getres, &[Number(1), Wild]),
    ("clock_getres_time64", libc::SYS_clock_getres, &[Number(-1), NULL]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(0), Time(1, 0)]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(0), Time(1, 1_000_000_000)]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(0), Time(-1, 0)]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(0), NULL]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(1), NULL]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(2), Time(1, 0)]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(-6), Time(1, 0)]),
    ("clock_settime64", libc::SYS_clock_settime, &[Number(-6), NULL]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(0), NULL]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(1), Zeros]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(1), NULL]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(2), Zeros]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(10), Zeros]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(0), Zeros]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(0), Words(&[2])]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(0), Words(&[0xa001])]),
    ("clock_adjtime64", libc::SYS_clock_adjtime, &[Number(0), Words(&[0x8001])]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(0), NULL, Time(0, 1), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(1), NULL, Time(0, 0), Wild]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(1), Number(1), Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(1), Number(-1), Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(1), NULL, Time(0, -1), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(1), NULL, Time(-1, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(1), NULL, NULL, NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(2), NULL, Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(3), NULL, Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(3), NULL, NULL, NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(4), NULL, Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(6), NULL, Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(10), NULL, Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(11), NULL, Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(-6), NULL, Time(0, 0), NULL]),
    ("clock_nanosleep_time64", libc::SYS_clock_nanosleep, &[Number(-2), NULL, Time(0, 0), NULL]),
    ("timer_create", libc::SYS_timer_create, &[Number(4), NULL, Zeros]),
    ("timer_create", libc::SYS_timer_create, &[Number(5), NULL, Zeros]),
    ("timer_create", libc::SYS_timer_create, &[Number(10), NULL, Zeros]),
    ("timer_create", libc::SYS_timer_create, &[Number(10), Wild, Zeros]),
    ("timer_create", libc::SYS_timer_create, &[Number(1), NULL, NULL]),
    ("timer_create", libc::SYS_timer_create, &[Number(11), NULL, Zeros]),
    ("timer_create", libc::SYS_timer_create, &[Number(2), NULL, Zeros]),
    ("timer_settime64", libc::SYS_timer_settime, &[Number(99), NULL, Zeros, NULL]),
    ("timer_settime64", libc::SYS_timer_settime, &[Number(99), NULL, NULL, NULL]),
    ("timer_settime64", libc::SYS_timer_settime, &[Number(99), NULL, Wild, NULL]),
    ("timer_gettime64", libc::SYS_timer_gettime, &[Number(99), NULL]),
    ("timer_getoverrun", libc::SYS_timer_getoverrun, &[Number(99)]),
    ("timer_delete", libc::SYS_timer_delete, &[Number(99)]),
    ("getitimer", libc::SYS_getitimer, &[Number(3), Zeros]),
    ("getitimer", libc::SYS_getitimer, &[Number(1), NULL]),
    ("setitimer", libc::SYS_setitimer, &[Number(3), Zeros, NULL]),
    ("setitimer", libc::SYS_setitimer, &[Number(0), Wild, NULL]),
    ("setitimer", libc::SYS_setitimer, &[Number(3), Wild, NULL]),
    ("setitimer", libc::SYS_setitimer, &[Number(0), Zeros, Wild]),
    ("times", libc::SYS_times, &[Wild]),
    ("times", libc::SYS_times, &[NULL]),
    ("kill", libc::SYS_kill, &[NOBODY, Number(100)]),
    ("kill", libc::SYS_kill, &[Own, Number(100)]),
    ("kill", libc::SYS_kill, &[Own, MINUS]),
    ("kill", libc::SYS_kill, &[Own, NULL]),
    ("kill", libc::SYS_kill, &[Number(-999_999), NULL]),
    ("kill", libc::SYS_kill, &[Number(i32::MIN as i64), NULL]),
    ("tkill", libc::SYS_tkill, &[NULL, NULL]),
    ("tkill", libc::SYS_tkill, &[MINUS, NULL]),
    ("tkill", libc::SYS_tkill, &[NOBODY, Number(100)]),
    ("tkill", libc::SYS_tkill, &[Own, Number(65)]),
    ("tkill", libc::SYS_tkill, &[Own, NULL]),
    ("tgkill", libc::SYS_tgkill, &[Own, Own, NULL]),
    ("tgkill", libc::SYS_tgkill, &[NOBODY, Own, NULL]),
    ("tgkill", libc::SYS_tgkill, &[Own, NOBODY, NULL]),
    ("tgkill", libc::SYS_tgkill, &[NULL, Own, NULL]),
    ("tgkill", libc::SYS_tgkill, &[Own, MINUS, NULL]),
    ("getpgid", libc::SYS_getpgid, &[NOBODY]),
    ("getpgid", libc::SYS_getpgid, &[MINUS]),
    ("getsid", libc::SYS_getsid, &[NOBODY]),
    ("setpgid", libc::SYS_setpgid, &[NOBODY, NULL]),
    ("setpgid", libc::SYS_setpgid, &[NULL, MINUS]),
    ("setuid", libc::SYS_setuid, &[MINUS]),
    ("setuid", libc::SYS_setuid, &[NULL]),
    ("setgid", libc::SYS_setgid, &[MINUS]),
    ("setgid", libc::SYS_setgid, &[NULL]),
    ("setreuid", libc::SYS_setreuid, &[MINUS, MINUS]),
    ("setreuid", libc::SYS_setreuid, &[MINUS, NULL]),
    ("setresuid", libc::SYS_setresuid, &[MINUS, MINUS, MINUS]),
    ("setresuid", libc::SYS_setresuid, &[NULL, MINUS, MINUS]),
    ("setresgid", libc::SYS_setresgid, &[MINUS, NULL, MINUS]),
    ("setfsuid", libc::SYS_setfsuid, &[MINUS]),
    ("setgroups", libc::SYS_setgroups, &[NULL, NULL]),
    ("setgroups", libc::SYS_setgroups, &[MINUS, Wild]),
    ("getgroups", libc::SYS_getgroups, &[MINUS, Zeros]),
    ("getgroups", libc::SYS_getgroups, &[NULL, Wild]),
    ("getresuid", libc::SYS_getresuid, &[Zeros, NULL, Zeros]),
    ("capget", libc::SYS_capget, &[NULL, NULL]),
    ("capget", libc::SYS_capget, &[Words(&[0, 0]), NULL]),
    ("capget", libc::SYS_capget, &[Words(&[0, 0]), Zeros]),
    ("capget", libc::SYS_capget, &[Words(&[0x2008_0522, u32::MAX]), Zeros]),
    ("capget", libc::SYS_capget, &[Words(&[0x2008_0522, 999_999]), Zeros]),
    ("capget", libc::SYS_capget, &[Words(&[0x2008_0522, 0]), Wild]),
    ("capget", libc::SYS_capget, &[Words(&[0x1998_0330, 0]), Zeros]),
    ("capset", libc::SYS_capset, &[Words(&[0x2008_0522, 999_999]), Zeros]),
    ("capset", libc::SYS_capset, &[Words(&[0x2008_0522, 0]), Zeros]),
    ("capset", libc::SYS_capset, &[Words(&[0x2008_0522, 0]), Words(&[1, 1, 0])]),
    ("capset", libc::SYS_capset, &[Words(&[1, 0]), Zeros]),
    ("prctl", libc::SYS_prctl, &[Number(1), Number(65), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(2), Wild, NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(4), Number(2), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(8), Number(2), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(14), Number(1), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(15), Wild, NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(16), Wild, NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(23), Number(64), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(24), Number(1), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(28), Number(1), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(38), Number(0), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(38), Number(1), Number(1), NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(39), Number(1), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(41), Number(1), Number(1), NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(47), Number(2), Number(1), NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(47), Number(1), Number(1), NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(47), Number(9), Number(1), NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(47), Number(4), Number(1), NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(47), Number(4), NULL, NULL, NULL]),
    ("prctl", libc::SYS_prctl, &[Number(9_999), NULL, NULL, NULL, NULL]),
    ("uname", libc::SYS_uname, &[NULL]),
    ("sysinfo", libc::SYS_sysinfo, &[NULL]),
    ("sethostname", libc::SYS_sethostname, &[NULL, MINUS]),
    ("getcpu", libc::SYS_getcpu, &[NULL, NULL, NULL]),
    ("getcpu", libc::SYS_getcpu, &[Wild, NULL, NULL]),
    ("getrandom", libc::SYS_getrandom, &[Zeros, Number(10), NULL]),
    ("getrandom", libc::SYS_getrandom, &[Zeros, Number(10), Number(6)]),
    ("getrandom", libc::SYS_getrandom, &[Zeros, Number(10), Number(8)]),
    ("getrandom", libc::SYS_getrandom, &[NULL, Number(10), NULL]),
    ("getrandom", libc::SYS_getrandom, &[NULL, NULL, NULL]),
    ("sched_getaffinity", libc::SYS_sched_getaffinity, &[NULL, NULL, Zeros]),
    ("sched_getaffinity", libc::SYS_sched_getaffinity, &[NULL, Number(129), Zeros]),
    ("sched_getaffinity", libc::SYS_sched_getaffinity, &[NOBODY, Number(128), Zeros]),
    ("sched_getaffinity", libc::SYS_sched_getaffinity, &[NULL, Number(128), NULL]),
    ("sched_setaffinity", libc::SYS_sched_setaffinity, &[NULL, Number(128), Zeros]),
    ("sched_setaffinity", libc::SYS_sched_setaffinity, &[NULL, Number(128), Wild]),
    ("sched_setaffinity", libc::SYS_sched_setaffinity, &[NOBODY, Number(128), Zeros]),
    ("sched_getscheduler", libc::SYS_sched_getscheduler, &[MINUS]),
    ("sched_getscheduler", libc::SYS_sched_getscheduler, &[NOBODY]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, NULL, Zeros]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, NULL, Words(&[1])]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, Number(1), Words(&[1])]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, Number(1), Words(&[100])]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, Number(2), Words(&[0])]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, Number(4), Words(&[0])]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, Number(6), Words(&[0])]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, MINUS, Zeros]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, NULL, NULL]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NULL, NULL, Wild]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[MINUS, NULL, Zeros]),
    ("sched_setscheduler", libc::SYS_sched_setscheduler, &[NOBODY, Number(4), Zeros]),
    ("sched_setparam", libc::SYS_sched_setparam, &[NULL, Zeros]),
    ("sched_setparam", libc::SYS_sched_setparam, &[NULL, Words(&[1])]),
    ("sched_setparam", libc::SYS_sched_setparam, &[NULL, NULL]),
    ("sched_getparam", libc::SYS_sched_getparam, &[NULL, NULL]),
    ("sched_getparam", libc::SYS_sched_getparam, &[NULL, Wild]),
    ("sched_getparam", libc::SYS_sched_getparam, &[NOBODY, Wild]),
    ("sched_get_priority_max", libc::SYS_sched_get_priority_max, &[Number(4)]),
    ("sched_get_priority_max", libc::SYS_sched_get_priority_max, &[Number(6)]),
    ("sched_rr_get_interval_time64", libc::SYS_sched_rr_get_interval, &[MINUS, Zeros]),
    ("sched_rr_get_interval_time64", libc::SYS_sched_rr_get_interval, &[NOBODY, Zeros]),
    ("sched_rr_get_interval_time64", libc::SYS_sched_rr_get_interval, &[NULL, NULL]),
    ("sched_getattr", libc::SYS_sched_getattr, &[NULL, Zeros, Number(48), NULL]),
    ("sched_getattr", libc::SYS_sched_getattr, &[NULL, Zeros, Number(47), NULL]),
    ("sched_getattr", libc::SYS_sched_getattr, &[NULL, Zeros, Number(4097), NULL]),
    ("sched_getattr", libc::SYS_sched_getattr, &[NULL, Zeros, Number(48), Number(1)]),
    ("sched_getattr", libc::SYS_sched_getattr, &[NOBODY, Zeros, Number(48), NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Zeros, NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Words(&[47]), NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Words(&[5_000]), NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Words(&[48, 1, 0, 0, 0, 1]), NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Words(&[48, 0, 0, 0, -5i32 as u32, 0]), NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Words(&[48, 0, 0x8000, 0, 0, 0]), NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Words(&[48, 9, 0, 0, 0, 0]), NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, NULL, NULL]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NULL, Zeros, Number(1)]),
    ("sched_setattr", libc::SYS_sched_setattr, &[NOBODY, Words(&[48, 9, 0, 0, 0, 0]), NULL]),
    ("getpriority", libc::SYS_getpriority, &[Number(3), NULL]),
    ("getpriority", libc::SYS_getpriority, &[NULL, NOBODY]),
    ("getpriority", libc::SYS_getpriority, &[Number(2), NOBODY]),
    ("getpriority", libc::SYS_getpriority, &[Number(1), NULL]),
    ("setpriority", libc::SYS_setpriority, &[NULL, NULL, Number(-5)]),
    ("setpriority", libc::SYS_setpriority, &[Number(3), NULL, Number(-5)]),
    ("setpriority", libc::SYS_setpriority, &[NULL, NOBODY, Number(-5)]),
    ("ioprio_get", libc::SYS_ioprio_get, &[Number(4), NULL]),
    ("ioprio_get", libc::SYS_ioprio_get, &[Number(1), NOBODY]),
    ("ioprio_set", libc::SYS_ioprio_set, &[Number(1), NULL, Number(1 << 13)]),
    ("ioprio_set", libc::SYS_ioprio_set, &[Number(1), NULL, Number(1)]),
    ("ioprio_set", libc::SYS_ioprio_set, &[Number(1), NULL, Number(2 << 13 | 3)]),
    ("ioprio_set", libc::SYS_ioprio_set, &[Number(1), NULL, Number(4 << 13)]),
    ("ioprio_set", libc::SYS_ioprio_set, &[Number(4), NULL, Number(2 << 13)]),
    ("ioprio_set", libc::SYS_ioprio_set, &[Number(1), NOBODY, Number(2 << 13)]),
    ("prlimit64", libc::SYS_prlimit64, &[NULL, Number(16), NULL, Zeros]),
    ("prlimit64", libc::SYS_prlimit64, &[NULL, Number(7), NULL, Wild]),
    ("prlimit64", libc::SYS_prlimit64, &[NULL, Number(7), Wild, Zeros]),
    ("prlimit64", libc::SYS_prlimit64, &[NULL, Number(16), Wild, Zeros]),
    ("prlimit64", libc::SYS_prlimit64, &[NOBODY, Number(16), NULL, Zeros]),
    ("prlimit64", libc::SYS_prlimit64, &[NULL, Number(7), Words(&[2, 0, 1, 0]), NULL]),
    ("prlimit64", libc::SYS_prlimit64, &[NULL, Number(7), Words(&[1, 0, 0, 1]), NULL]),
    ("prlimit64", libc::SYS_prlimit64, &[NULL, Number(4), Words(&[0, 0, 0, 0]), NULL]),
    ("getrusage", libc::SYS_getrusage, &[Number(2), Zeros]),
    ("getrusage", libc::SYS_getrusage, &[NULL, NULL]),
    ("getrusage", libc::SYS_getrusage, &[MINUS, Zeros]),
    ("waitid", libc::SYS_waitid, &[NULL, NULL, Zeros, Number(4), NULL]),
    ("waitid", libc::SYS_waitid, &[NULL, NULL, Wild, Number(4), NULL]),
    ("waitid", libc::SYS_waitid, &[NULL, NULL, NULL, Number(1), NULL]),
    ("waitid", libc::SYS_waitid, &[NULL, NULL, NULL, Number(4 | 1 << 10), NULL]),
    ("waitid", libc::SYS_waitid, &[Number(1), NULL, NULL, Number(4), NULL]),
    ("waitid", libc::SYS_waitid, &[Number(1), NOBODY, NULL, Number(4), NULL]),
    ("waitid", libc::SYS_waitid, &[Number(2), MINUS, NULL, Number(4), NULL]),
    ("waitid", libc::SYS_waitid, &[Number(3), Number(77), NULL, Number(4), NULL]),
    ("waitid", libc::SYS_waitid, &[Number(9), NULL, NULL, Number(4), NULL]),
    ("unshare", libc::SYS_unshare, &[NULL]),
    ("unshare", libc::SYS_unshare, &[Number(0x400)]),
    ("unshare", libc::SYS_unshare, &[Number(0x11)]),
    ("restart_syscall", libc::SYS_restart_syscall, &[]),
    ("reboot", libc::SYS_reboot, &[NULL, NULL, NULL, NULL]),
    ("swapoff", libc::SYS_swapoff, &[Zeros]),
    ("acct", libc::SYS_acct, &[NULL]),
    ("vhangup", libc::SYS_vhangup, &[]),
    ("init_module", libc::SYS_init_module, &[NULL, NULL, NULL]),
    ("delete_module", libc::SYS_delete_module, &[Zeros, NULL]),
    ("umount2", libc::SYS_umount2, &[Words(&[0x2f]), NULL]),
    ("mount", libc::SYS_mount, &[NULL, Words(&[0x2f]), NULL, NULL, NULL]),
    ("pivot_root", libc::SYS_pivot_root, &[Words(&[0x2f]), Words(&[0x2f])]),
    ("fsopen", libc::SYS_fsopen, &[NULL, NULL]),
];

/// A path: that of the root.
const ROOT: Word = Words(&[b'/' as u32]);
const HERE: Word = Number(-100);

/// Of these too, which have no test elsewhere that makes them by their names.
const ON_PATHS: &[Case] = &[
    ("faccessat2", libc::SYS_faccessat2, &[HERE, ROOT, Number(5), NULL]),
    ("faccessat2", libc::SYS_faccessat2, &[HERE, ROOT, Number(8), NULL]),
    ("faccessat2", libc::SYS_faccessat2, &[HERE, ROOT, NULL, Number(0x4000)]),
    ("faccessat2", libc::SYS_faccessat2, &[HERE, NULL, NULL, NULL]),
    ("faccessat2", libc::SYS_faccessat2, &[HERE, Zeros, NULL, NULL]),
    ("faccessat2", libc::SYS_faccessat2, &[Number(77), ROOT, NULL, NULL]),
    ("fchmodat2", libc::SYS_fchmodat2, &[HERE, Zeros, Number(0o755), NULL]),
    ("fchmodat2", libc::SYS_fchmodat2, &[HERE, ROOT, Number(0o755), Number(0x4000)]),
    ("fchmodat2", libc::SYS_fchmodat2, &[HERE, NULL, Number(0o755), NULL]),
    ("fchmodat2", libc::SYS_fchmodat2, &[Number(77), Words(&[b'x' as u32]), Number(0o755), NULL]),
];

/// Prints a line for each line that it is given, a call: the errno, or 0.
const PROGRAM: &str = r#"
    use POSIX ();
    if ($> == 0) { $) = "65534 65534"; POSIX::setgid(65534); POSIX::setuid(65534); }
    $| = 1;
    while (<STDIN>) {
        my ($number, @words) = split;
        my @arguments = map {
            my ($kind, $value) = (substr($_, 0, 1), substr($_, 1));
            $kind eq 'n' ? $value + 0 : $kind eq 'p' ? $$ : $kind eq 'w' ? -1 : pack("H*", $value) . ("\0" x 512)
        } @words;
        $! = 0;
        my $result = syscall($number + 0, @arguments);
        print $result == -1 ? $! + 0 : 0, "\n";
    }
"#;

/// The bytes of what an address leads to.
fn bytes(word: Word) -> Option<Vec<u8>> {
    match word {
        Zeros => Some(Vec::new()),
        Time(seconds, nanoseconds) => Some([seconds, nanoseconds].map(i64::to_le_bytes).concat()),
        Words(words) => Some(words.iter().flat_map(|word| word.to_le_bytes()).collect()),
        Number(_) | Wild | Own => None,
    }
}

fn line(number: c_long, words: &[Word]) -> String {
    let word = |word: &Word| match (*word, bytes(*word)) {
        (_, Some(bytes)) => {
            format!("b{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        (Number(number), _) => format!("n{number}"),
        (Own, _) => "p".to_owned(),
        _ => "w".to_owned(),
    };
    format!("{number} {}\n", words.iter().map(word).collect::<Vec<_>>().join(" "))
}

fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(ON_PATHS)
}

fn kernels() -> Vec<u16> {
    let mut perl = Command::new("perl")
        .args(["-e", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("perl, with which this test asks the kernel");
    let lines: String = cases().map(|(_, number, words)| line(*number, words)).collect();
    perl.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("written");
    let output = perl.wait_with_output().expect("it ends");
    let told = String::from_utf8(output.stdout).expect("numbers");
    told.lines().map(|line| line.parse().expect("a number")).collect()
}

fn ours(guest: &mut FakeGuest, name: &str, words: &[Word]) -> u16 {
    let arguments: Vec<u64> = words
        .iter()
        .map(|word| match (*word, bytes(*word)) {
            (_, Some(mut bytes)) => {
                bytes.resize(STRUCTURE, 0);
                guest.put(&bytes).0
            }
            (Number(number), _) => u64::from(number as u32),
            (Own, _) => u64::from(guest.system.identity.process),
            _ => u64::from(u32::MAX),
        })
        .collect();
    guest.linux(name, &arguments).err().map_or(0, Errno::number)
}

#[test]
fn calls_fail_and_succeed_as_the_kernels_do() {
    let kernels = kernels();
    assert_eq!(kernels.len(), cases().count(), "perl answers each");
    let built_without = kernels.iter().filter(|errno| **errno == Errno::NOSYS.number()).count();
    assert!(built_without < CASES.len() / 10, "the kernel answers only few of the calls");
    let mut wrong = Vec::new();
    let mut guest = guest();
    for ((name, _, words), kernels) in cases().zip(kernels) {
        let ours = ours(&mut guest, name, words);
        // A kernel that was built without it, or one that does not let perl make the call.
        if ours == kernels || kernels == Errno::NOSYS.number() {
            continue;
        }
        let told = |number| Errno::from_number(number).map_or("success", Errno::name);
        let line = line(0, words);
        wrong.push(format!(
            "{name} {}: {}, and the kernel's {}",
            &line[2..].trim(),
            told(ours),
            told(kernels)
        ));
    }
    assert!(wrong.is_empty(), "{} calls are others:\n{}", wrong.len(), wrong.join("\n"));
}
