//! A terminal that the user attached.

use super::fake::{FakeGuest, RESULT};
use crate::{Errno, Input, Output, System};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::os::fd::OwnedFd;

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
fn a_terminal_is_one_and_tells_its_size() {
    let (mut guest, _master, _slave) = guest();
    for (stream, is_terminal) in [(0, true), (1, true), (2, false)] {
        guest.wasi("fd_fdstat_get", &[stream, R]).expect("told");
        assert_eq!(guest.get(RESULT, 1), [2]);
        let can_seek = guest.get_u64(RESULT + 8) & (1 << 2 | 1 << 5) != 0;
        assert_eq!(can_seek, !is_terminal, "{stream}");
    }
    assert_eq!(guest.libc("ioctl", &[1, 0x5413, R]), Ok(0));
    assert_eq!(guest.get(RESULT, 4), [24, 0, 80, 0]);
    assert_eq!(guest.libc("ioctl", &[1, 0x5414, R]), Err(Errno::PERM));
    assert_eq!(guest.libc("ioctl", &[2, 0x5413, R]), Err(Errno::NOTTY));
    assert_eq!(guest.libc("ttyname_r", &[0, R, 64]), Ok(0));
    assert_eq!(guest.get(RESULT, 9), b"/dev/tty\0");
    assert_eq!(guest.libc("tcgetpgrp", &[0]), Ok(2));
    assert_eq!(guest.libc("tcsetpgrp", &[0, 2]), Ok(0));
    assert_eq!(guest.libc("tcsetpgrp", &[0, 5]), Err(Errno::PERM));
    assert_eq!(guest.libc("tcdrain", &[1]), Ok(0));
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
    assert_eq!(guest.libc("tcgetattr", &[0, R]), Ok(0));
    let modes = guest.get_u32(RESULT + 12);
    assert_ne!(modes & ECHO, 0);
    let changed = (modes & !ECHO).to_le_bytes();
    guest.memory.bytes[RESULT as usize + 12..RESULT as usize + 16].copy_from_slice(&changed);
    assert_eq!(guest.libc("tcsetattr", &[0, 3, R]), Err(Errno::INVAL));
    assert_eq!(guest.libc("tcsetattr", &[0, 0, R]), Ok(0));
    assert!(!echoes());
    let after = tcgetattr(&slave).expect("told");
    assert_eq!(after.control_modes, before.control_modes);
    assert_eq!(after.input_modes, before.input_modes);
    drop(guest);
    assert!(echoes());
}
