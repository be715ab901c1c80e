//! The terminal, before a guest has it and after.
//!
//! A guest that was given the terminal may leave it in any state: another screen,
//! invisible letters, a cursor that stands on what was said before, half an escape
//! sequence that swallows what comes next. And what it asked of the terminal comes
//! back as if it had been typed. So what the command says after a guest has run is
//! said on a terminal that was put in order first.

use rustix::termios::{
    Action, OptionalActions, Termios, isatty, tcflow, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The settings that the command found.
static FOUND: Mutex<Vec<(BorrowedFd<'static>, Termios)>> = Mutex::new(Vec::new());

/// Whether a guest had the terminal and nothing was said since.
static IN_DISORDER: AtomicBool = AtomicBool::new(false);

fn streams() -> [BorrowedFd<'static>; 3] {
    [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()]
}

/// Remembers the terminal's settings; to be called before a guest gets it.
pub(crate) fn lend() {
    let found = streams().into_iter().filter_map(|stream| Some((stream, tcgetattr(stream).ok()?)));
    *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = found.collect();
}

/// Takes it back from a guest that has ended: puts back its settings now, and has
/// what is said next put its screen in order.
pub(crate) fn take_back() {
    put_back_settings();
    IN_DISORDER.store(true, Ordering::Relaxed);
}

/// Puts back the settings that [`lend`] found.
pub(crate) fn put_back_settings() {
    for (stream, found) in &*FOUND.lock().unwrap_or_else(PoisonError::into_inner) {
        let differs = tcgetattr(stream).is_ok_and(|now| !same(&now, found));
        if differs {
            // It may be gone, and then there is nothing to put back.
            let _ = tcsetattr(stream, OptionalActions::Now, found);
        }
        let_flow(*stream);
    }
}

/// Lets a terminal go on that was stopped: its own answers to a guest may have held the
/// letter that does so.
fn let_flow(stream: BorrowedFd<'_>) {
    // In the background it would stop this process.
    if tcgetpgrp(stream).is_ok_and(|group| group == rustix::process::getpgrp()) {
        // To go on counts only after a stop of the same kind.
        let _ = tcflow(stream, Action::OOff);
        let _ = tcflow(stream, Action::OOn);
    }
}

/// Of a process in the background even setting what is so already would stop it.
fn same(one: &Termios, other: &Termios) -> bool {
    one.input_modes == other.input_modes
        && one.output_modes == other.output_modes
        && one.control_modes == other.control_modes
        && one.local_modes == other.local_modes
        && format!("{:?}", one.special_codes) == format!("{:?}", other.special_codes)
}

/// Puts the screens in order on which the command speaks, if a guest had them since
/// it last spoke.
pub(crate) fn put_in_order() {
    if !IN_DISORDER.swap(false, Ordering::Relaxed) {
        return;
    }
    let (stdout, stderr) = (rustix::stdio::stdout(), rustix::stdio::stderr());
    // What is in the command's own buffer comes first.
    let _ = io::stdout().flush();
    let _ = order(stdout, &mut io::stdout());
    if !is_same(stdout, stderr) {
        let _ = order(stderr, &mut io::stderr());
    }
}

/// Puts one screen in order, if it is one.
///
/// # Errors
/// When it cannot be written to.
pub(crate) fn order(screen: impl AsFd, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&sequence(screen))?;
    out.flush()
}

/// What puts a screen in order; nothing, if it is none.
pub(crate) fn sequence(screen: impl AsFd) -> Vec<u8> {
    if !isatty(&screen) || is_dumb() {
        return Vec::new();
    }
    let columns = tcgetwinsize(&screen).map_or(0, |size| size.ws_col);
    [IN_ORDER.as_bytes(), &own_line(columns)].concat()
}

/// Whether the terminal knows no sequences. It obeys none then, and would show these;
/// and what a program does to it with letters alone cannot be undone.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb")
}

/// What leaves a screen empty: all that was on it goes up line by line, letters and
/// pictures. To erase letters takes away no pictures on some terminals.
pub(crate) fn empty_screen(screen: impl AsFd) -> Vec<u8> {
    if !isatty(&screen) || is_dumb() {
        return Vec::new();
    }
    let rows = match tcgetwinsize(&screen) {
        Ok(size) if size.ws_row > 0 => usize::from(size.ws_row),
        // More than most have.
        _ => 100,
    };
    [b"\x1b[9999;1H", &b"\n".repeat(rows)[..], b"\x1b[H\x1b[2J"].concat()
}

/// Whether both are one terminal.
pub(crate) fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let number = |stream| rustix::fs::fstat(stream).map(|stat| stat.st_rdev);
    isatty(one)
        && isatty(other)
        && matches!((number(one), number(other)), (Ok(one), Ok(other)) if one == other)
}

/// Goes to a line of its own, with nothing on it or below: if something stands on
/// this one, so many spaces reach into the next.
fn own_line(columns: u16) -> Vec<u8> {
    match columns {
        0 | 1 => b"\r\n\x1b[J".to_vec(),
        _ => [&vec![b' '; usize::from(columns) - 1], &b"\r\x1b[J"[..]].concat(),
    }
}

/// Ends whatever sequence is unfinished, and plain letters: before a line that is
/// printed while a guest runs and may have the same terminal.
pub(crate) const PLAIN: &str = "\x18\x1b\\\x1b(B\x0f\x1b[0m";

/// All that a terminal can be told to do to what is printed or typed, undone, but
/// for the text on the screen. Terminals skip what they do not know.
const IN_ORDER: &str = concat!(
    // Ends an unfinished sequence: CAN any, ST a string.
    "\x18\x1b\\",
    // Out of Tektronix mode, out of VT52 mode, out of the printer, out of the line of
    // status; draw at once.
    "\x1b\x03\x1b<\x1b[4i\x1b[?4i\x1b[0$}\x1b[?2026l",
    // UTF-8, and letters in all four sets.
    "\x1b%G\x1b(B\x1b)B\x1b*B\x1b+B\x0f",
    // Plain letters, visible, neither protected nor a link.
    "\x1b[0m\x1b[0\"q\x1b]8;;\x1b\\",
    // No picture of either screen is left in front of its letters. A terminal that
    // shows this shows it where own_line writes.
    "\x1b7\x1b_Ga=d,d=A,q=2\x1b\\\x1b8",
    // Some of these move the cursor, and so stand between saving and restoring it:
    // the other screen, margins at the sides, relative positions, margins above and
    // below.
    "\x1b7\x1b[?1049l\x1b7\x1b[?1047l\x1b[?47l\x1b[?69l\x1b[?6l\x1b[r\x1b_Ga=d,d=A,q=2\x1b\\\x1b8",
    // A soft reset, and what it leaves: lines wrap, letters replace, the keyboard is not
    // locked, does not echo and sends a carriage return, light on dark is that, the
    // cursor is seen, tabs stand at each eighth column.
    "\x1b[!p\x1b[?7h\x1b[4l\x1b[2l\x1b[12h\x1b[20l\x1b[?5l\x1b[?25h\x1b[?1l\x1b>\x1b[?45l\x1b[?5W",
    // Colours: of the palette, of letters, of the ground, of the cursor, of what is
    // selected; and the palette of Linux's console.
    "\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\\x1b]117\x1b\\\x1b]119\x1b\\\x1b]R\x1b\\",
    // Nothing is sent but keys: no mouse, no focus, no bracketed paste, no size, no
    // scheme of colours; and keys are sent as ever.
    "\x1b[?9l\x1b[?1000l\x1b[?1001l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l",
    "\x1b[?1016l\x1b[?2004l\x1b[?2031l\x1b[?2048l\x1b[?9001l\x1b[>4m\x1b[<99u\x1b[=0u",
    "\x1b[0m",
);
