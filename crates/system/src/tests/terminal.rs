//! A terminal that the user attached.

use super::fake::{FakeGuest, RESULT};
use crate::{Ending, Errno, Input, Output, Stop, System, Waiter};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Winsize, tcgetattr, tcsetattr, tcsetwinsize,
};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

const R: u64 = RESULT as u64;
const ECHO: u32 = 0o10;

/// A guest on a terminal of 24 lines by 80 columns, and both of its ends.
fn guest() -> (FakeGuest, OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("a name");
    let open = || {
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        rustix::fs::open(&name, flags, rustix::fs::Mode::empty()).expect("opened")
    };
    tcsetwinsize(&master, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).expect("set");
    let system = System::builder()
        .stdin(Input::Descriptor(open()))
        .stdout(Output::Descriptor(open()))
        .build()
        .expect("a system");
    (FakeGuest::new(system), master, open())
}

#[test]
fn a_terminal_is_one_to_wasi() {
    let (mut guest, _master, _slave) = guest();
    for (stream, is_terminal) in [(0, true), (1, true), (2, false)] {
        guest.wasi("fd_fdstat_get", &[stream, R]).expect("told");
        assert_eq!(guest.get(RESULT, 1), [2]);
        let can_seek = guest.get_u64(RESULT + 8) & (1 << 2 | 1 << 5) != 0;
        assert_eq!(can_seek, !is_terminal, "{stream}");
    }
}

#[test]
fn input_and_output_go_through_it() {
    let (mut guest, master, _slave) = guest();
    rustix::io::write(&master, b"line\n").expect("typed");
    assert_eq!(guest.read(0, 100), Ok(b"line\n".to_vec()));
    let both = guest.open("/dev/tty", 0).expect("opened");
    assert_eq!(guest.write(both, b"shown"), Ok(5));
    let mut bytes = [0; 100];
    let mut seen = Vec::new();
    while !seen.ends_with(b"shown") {
        let count = rustix::io::read(&master, &mut bytes).expect("read");
        seen.extend_from_slice(&bytes[..count]);
    }
    assert_eq!(seen, b"line\r\nshown");
}

#[test]
fn settings_change_and_come_back() {
    let (mut guest, _master, slave) = guest();
    let echoes = || tcgetattr(&slave).expect("told").local_modes.contains(LocalModes::ECHO);
    let before = tcgetattr(&slave).expect("told");
    assert_eq!(guest.linux("ioctl", &[0, 0x5401, R]), Ok(0));
    let modes = guest.get_u32(RESULT + 12);
    assert_ne!(modes & ECHO, 0);
    let changed = (modes & !ECHO).to_le_bytes();
    guest.memory.bytes[RESULT as usize + 12..RESULT as usize + 16].copy_from_slice(&changed);
    assert_eq!(guest.linux("ioctl", &[0, 0x5402, R]), Ok(0));
    assert!(!echoes());
    let after = tcgetattr(&slave).expect("told");
    assert_eq!(after.control_modes, before.control_modes);
    assert_eq!(after.input_modes, before.input_modes);
    drop(guest);
    assert!(echoes());
}

/// Makes a call that must end at the deadline, and nothing before.
#[track_caller]
fn ends_at_the_deadline(guest: &mut FakeGuest, name: &str, arguments: &[u64]) {
    let begun = Instant::now();
    guest.waiter = Waiter::new(Some(begun + Duration::from_millis(300))).expect("a waiter");
    let answer = guest.call(name, arguments);
    assert!(matches!(answer, Err(Ending::Stop(Stop::Deadline))), "{name}: {answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{name}: {:?}", begun.elapsed());
}

fn iovec(guest: &mut FakeGuest, bytes: &[u8]) -> u64 {
    let (address, length) = guest.put(bytes);
    let pair = [(address as u32).to_le_bytes(), (length as u32).to_le_bytes()].concat();
    guest.put(&pair).0
}

#[test]
fn a_terminal_that_takes_nothing_more_holds_no_one_beyond_the_deadline() {
    // Nobody reads it, so that it is full at some time; or it is stopped.
    for stopped in [false, true] {
        let (mut guest, _master, slave) = guest();
        if stopped {
            rustix::termios::tcflow(&slave, rustix::termios::Action::OOff).expect("stopped");
        }
        // Lines take two bytes where they are one.
        let iovec = iovec(&mut guest, &b"four\n".repeat(100_000));
        ends_at_the_deadline(&mut guest, "fd_write", &[1, iovec, 1, R]);
    }
}

#[test]
fn a_read_that_waits_for_more_keys_ends_at_the_deadline() {
    let (mut guest, master, slave) = guest();
    let mut settings = tcgetattr(&slave).expect("told");
    settings.local_modes.remove(LocalModes::ICANON);
    // 255 keys, or 25 seconds after the last.
    settings.special_codes[SpecialCodeIndex::VMIN] = 255;
    settings.special_codes[SpecialCodeIndex::VTIME] = 255;
    tcsetattr(&slave, OptionalActions::Now, &settings).expect("set");
    rustix::io::write(&master, b"k").expect("typed");
    let begun = Instant::now();
    assert_eq!(guest.read(0, 100), Ok(b"k".to_vec()));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let iovec = iovec(&mut guest, &[0; 100]);
    ends_at_the_deadline(&mut guest, "fd_read", &[0, iovec, 1, R]);
}

#[test]
fn linux_asks_it_by_ioctl_and_finds_the_kernels_structures() {
    let (mut guest, master, slave) = guest();
    let ioctl = |guest: &mut FakeGuest, fd: u64, request: u64| guest.linux("ioctl", &[fd, request, R]);
    ioctl(&mut guest, 0, 0x5413).expect("told");
    assert_eq!(guest.get(RESULT, 4), [24, 0, 80, 0]);
    assert_eq!(ioctl(&mut guest, 0, 0x5414), Err(Errno::PERM));
    assert_eq!(ioctl(&mut guest, 2, 0x5401), Err(Errno::NOTTY));
    ioctl(&mut guest, 0, 0x5401).expect("told");
    let local = guest.get_u32(RESULT + 12);
    assert_ne!(local & ECHO, 0);
    assert_eq!(guest.get(RESULT + 17, 5), [3, 28, 127, 21, 4]);
    let changed = (local & !ECHO).to_le_bytes();
    guest.memory.bytes[RESULT as usize + 12..RESULT as usize + 16].copy_from_slice(&changed);
    guest.memory.bytes[RESULT as usize + 17] = 1;
    // It drops what was typed as well.
    rustix::io::write(&master, b"typed\n").expect("typed");
    assert_eq!(ioctl(&mut guest, 0, 0x5404), Ok(0));
    let after = tcgetattr(&slave).expect("told");
    assert!(!after.local_modes.contains(LocalModes::ECHO));
    assert_eq!(after.special_codes[SpecialCodeIndex::VINTR], 1);
    assert_eq!(ioctl(&mut guest, 0, 0x541b), Ok(0));
    assert_eq!(guest.get_u32(RESULT), 0);
    // It controls the process.
    assert_eq!(ioctl(&mut guest, 1, 0x540f), Ok(0));
    assert_eq!(guest.get_u32(RESULT), 2);
    assert_eq!(ioctl(&mut guest, 1, 0x5429), Ok(0));
    assert_eq!(guest.linux("ioctl", &[0, 0x540e, 0]), Ok(0));
    let _ = guest.call("linux.ioctl", &[0, 0x5422, 0]);
    assert_eq!(guest.signals, 1 << 1 | 1 << 18);
    assert_eq!(ioctl(&mut guest, 1, 0x540f), Err(Errno::NOTTY));
}
