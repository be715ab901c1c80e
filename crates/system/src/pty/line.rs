//! The line discipline of a terminal: what becomes of what is typed, until it is read, and of
//! what is written, until it is shown.
//!
//! It does what Linux's N_TTY does. Nothing here waits, and nothing is asked of anything else:
//! bytes go in and come out, and signals are told.

use super::modes::{Mode, place, standard};
use crate::Signal;
use crate::host::Settings;
use std::collections::VecDeque;

/// Bytes that can be waiting to be read, as Linux has it.
const RECEIVED: usize = 4096;

/// Bytes that are kept of what was typed and not looked at yet, and of what was written and
/// not read by who shows it; Linux's limits.
// BOUND: they are charged when the terminal is made.
pub(super) const TYPED: usize = 64 << 10;
pub(super) const SHOWN: usize = 64 << 10;

/// What stays of what was written when it is thrown away: who shows it has taken it already.
const TAKEN: usize = 4095;

/// Echoes that wait while nothing is shown; the oldest go first.
const ECHOES: usize = 4096;

/// What stands for no control character, and for the end of the input in a line.
const DISABLED: u8 = 0;

/// Something to be shown of what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echo {
    /// A byte, as if it was written.
    Byte(u8),
    /// A control character, as ^ and a letter.
    Control(u8),
    /// A byte of ones, as it is.
    Ones,
    /// Back over a tab, before which are so many columns: since another, or since the line
    /// that is typed began.
    EraseTab { columns: u32, since_tab: bool },
    /// The line that is typed begins here.
    Begin,
    /// The last byte took no column of its own.
    Back,
}

/// A byte that was received, and whether it ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Received {
    byte: u8,
    ends: bool,
}

/// What was typed has these effects beyond the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effects {
    pub signals: Vec<Signal>,
}

/// A terminal's state.
pub(super) struct Line {
    pub settings: Settings,
    /// Typed, and for want of room not received yet.
    typed: VecDeque<u8>,
    received: VecDeque<Received>,
    /// How many of these are of lines that have ended.
    complete: usize,
    /// The next byte stands for itself.
    literal: bool,
    /// It is shown within \ and / what is erased.
    erasing: bool,
    /// Nothing is shown until it goes on.
    stopped: bool,
    column: u32,
    /// The column where the line begins that is typed.
    begin: u32,
    echoes: VecDeque<Echo>,
    shown: VecDeque<u8>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            settings: standard(),
            typed: VecDeque::new(),
            received: VecDeque::new(),
            complete: 0,
            literal: false,
            erasing: false,
            stopped: false,
            column: 0,
            begin: 0,
            echoes: VecDeque::new(),
            shown: VecDeque::new(),
        }
    }
}

fn is_control(byte: u8) -> bool {
    byte < 32 || byte == 127
}

/// Letters and digits, of Latin-1: Linux's own classes.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (byte >= 192 && byte != 215 && byte != 247)
}

fn lower(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' | 192..=214 | 216..=222 => byte + 32,
        other => other,
    }
}

fn upper(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | 223..=246 | 248..=255 => byte - 32,
        other => other,
    }
}

impl Line {
    fn has(&self, mode: Mode) -> bool {
        mode.is_in(&self.settings)
    }

    fn character(&self, place: usize) -> u8 {
        self.settings.characters.get(place).copied().unwrap_or(DISABLED)
    }

    /// Whether a byte is this control character, which may be none.
    fn is(&self, byte: u8, place: usize) -> bool {
        byte != DISABLED && byte == self.character(place)
    }

    /// Whether a byte goes on with a character of several.
    fn continues(&self, byte: u8) -> bool {
        self.has(Mode::IUTF8) && byte & 0xc0 == 0x80
    }

    /// Whether input is read a line at a time.
    pub(super) fn is_by_line(&self) -> bool {
        self.has(Mode::ICANON)
    }

    /// How many bytes a read waits for, and for how many tenths of a second at most after
    /// each.
    pub(super) fn minimum_and_time(&self) -> (usize, u32) {
        (self.character(place::MIN).into(), self.character(place::TIME).into())
    }

    /// Changes modes and characters.
    pub(super) fn set(&mut self, new: Settings, effects: &mut Effects) {
        let old = std::mem::replace(&mut self.settings, new);
        let differs = |mode: Mode| mode.is_in(&old) != self.has(mode);
        if differs(Mode::ICANON) || differs(Mode::EXTPROC) {
            for received in &mut self.received {
                received.ends = false;
            }
            self.complete = 0;
            if self.is_by_line()
                && let Some(last) = self.received.back_mut()
            {
                // What came before can be read as it is.
                last.ends = true;
                self.complete = self.received.len();
            }
            self.erasing = false;
            self.literal = false;
        }
        if Mode::IXON.is_in(&old) && !self.has(Mode::IXON) {
            self.go_on();
        }
        self.receive_typed(effects);
    }

    /// Takes what is typed, as far as there is room, and says how much.
    pub(super) fn type_in(&mut self, bytes: &[u8], effects: &mut Effects) -> usize {
        let count = bytes.len().min(TYPED.saturating_sub(self.typed.len()));
        self.typed.extend(&bytes[..count]);
        self.receive_typed(effects);
        count
    }

    /// Whether more can be typed.
    pub(super) fn takes_more(&self) -> bool {
        self.typed.len() < TYPED
    }

    fn receive_typed(&mut self, effects: &mut Effects) {
        // BOUND: each turn takes one of what was typed.
        while let Some(byte) = self.typed.front().copied() {
            let mut room = RECEIVED.saturating_sub(self.received.len());
            if self.has(Mode::PARMRK) {
                room = room.div_ceil(3);
            }
            if room <= 1 {
                // A line that is too long takes no more than its end.
                let overflows = self.is_by_line() && self.complete == 0;
                if !overflows {
                    break;
                }
                if room == 0 {
                    self.received.pop_back();
                }
            }
            self.typed.pop_front();
            self.receive(byte, effects);
        }
        self.show_echoes();
    }

    fn receive(&mut self, byte: u8, effects: &mut Effects) {
        let mut byte = byte;
        if self.has(Mode::ISTRIP) {
            byte &= 0x7f;
        }
        if self.has(Mode::IUCLC) && self.has(Mode::IEXTEN) {
            byte = lower(byte);
        }
        if std::mem::take(&mut self.literal) {
            self.receive_plain(byte);
        } else if self.has(Mode::EXTPROC) {
            self.put(byte, false);
        } else if self.is_special(byte) {
            self.receive_special(byte, effects);
        } else {
            self.receive_plain(byte);
        }
    }

    /// Whether the modes give this byte a meaning.
    fn is_special(&self, byte: u8) -> bool {
        let any = |places: &[usize]| places.iter().any(|place| self.is(byte, *place));
        (byte == b'\r' && (self.has(Mode::IGNCR) || self.has(Mode::ICRNL)))
            || (byte == b'\n' && (self.has(Mode::INLCR) || self.is_by_line()))
            || (self.is_by_line() && any(&[place::ERASE, place::KILL, place::EOF, place::EOL]))
            || (self.is_by_line()
                && self.has(Mode::IEXTEN)
                && (any(&[place::WERASE, place::LNEXT, place::EOL2])
                    || (self.has(Mode::ECHO) && any(&[place::REPRINT]))))
            || (self.has(Mode::IXON) && any(&[place::START, place::STOP]))
            || (self.has(Mode::ISIG) && any(&[place::INTR, place::QUIT, place::SUSP]))
    }

    fn put(&mut self, byte: u8, ends: bool) {
        self.received.push_back(Received { byte, ends });
        if ends {
            self.complete = self.received.len();
        }
    }

    /// Puts a byte that nothing is done with; one of ones twice, where it would mark
    /// something.
    fn put_plain(&mut self, byte: u8) {
        if byte == 0xff && self.has(Mode::PARMRK) {
            self.put(byte, false);
        }
        self.put(byte, false);
    }

    fn go_on_if_any_does(&mut self) {
        if self.stopped && self.has(Mode::IXON) && self.has(Mode::IXANY) {
            self.go_on();
        }
    }

    fn receive_plain(&mut self, byte: u8) {
        self.go_on_if_any_does();
        if self.has(Mode::ECHO) {
            self.finish_erasing();
            self.echo_typed(byte);
        }
        self.put_plain(byte);
    }

    fn receive_special(&mut self, byte: u8, effects: &mut Effects) {
        let mut byte = byte;
        if self.has(Mode::IXON) {
            if self.is(byte, place::START) {
                return self.go_on();
            }
            if self.is(byte, place::STOP) {
                self.stopped = true;
                return;
            }
        }
        if self.has(Mode::ISIG) {
            let signals = [
                (place::INTR, Signal::INTERRUPT),
                (place::QUIT, Signal::QUIT),
                (place::SUSP, Signal::TERMINAL_STOP),
            ];
            if let Some((_, signal)) = signals.into_iter().find(|(place, _)| self.is(byte, *place)) {
                return self.signal(byte, signal, effects);
            }
        }
        self.go_on_if_any_does();
        match byte {
            b'\r' if self.has(Mode::IGNCR) => return,
            b'\r' if self.has(Mode::ICRNL) => byte = b'\n',
            b'\n' if self.has(Mode::INLCR) => byte = b'\r',
            _ => {}
        }
        if self.is_by_line() && self.edit(byte) {
            return;
        }
        if self.has(Mode::ECHO) {
            self.finish_erasing();
            match byte {
                b'\n' => self.echo_byte(b'\n'),
                _ => self.echo_typed(byte),
            }
        }
        self.put_plain(byte);
    }

    /// A key that sends a signal. What was typed and what was not yet shown are gone, unless
    /// the modes say that they stay.
    fn signal(&mut self, byte: u8, signal: Signal, effects: &mut Effects) {
        // BOUND: one for each byte that is typed in one call.
        effects.signals.push(signal);
        if !self.has(Mode::NOFLSH) {
            self.echoes.clear();
            self.forget_shown();
            self.forget_received();
        }
        if self.has(Mode::IXON) {
            self.stopped = false;
        }
        // Echoes are shown when all that came at once was looked at.
        match self.has(Mode::ECHO) {
            true => self.echo(byte),
            false => self.show_echoes(),
        }
    }

    /// Does what a byte means to the line that is typed; whether it means anything.
    fn edit(&mut self, byte: u8) -> bool {
        let extended = self.has(Mode::IEXTEN);
        if self.is(byte, place::ERASE)
            || self.is(byte, place::KILL)
            || (self.is(byte, place::WERASE) && extended)
        {
            self.erase(byte);
        } else if self.is(byte, place::LNEXT) && extended {
            self.literal = true;
            if self.has(Mode::ECHO) {
                self.finish_erasing();
                if self.has(Mode::ECHOCTL) {
                    self.echo_byte(b'^');
                    self.echo_byte(8);
                }
            }
        } else if self.is(byte, place::REPRINT) && self.has(Mode::ECHO) && extended {
            self.finish_erasing();
            self.echo(byte);
            self.echo_byte(b'\n');
            let line: Vec<u8> = self.received.range(self.complete..).map(|received| received.byte).collect();
            for byte in line {
                self.echo(byte);
            }
        } else if byte == b'\n' {
            if self.has(Mode::ECHO) || self.has(Mode::ECHONL) {
                self.echo_byte(b'\n');
            }
            self.put(byte, true);
        } else if self.is(byte, place::EOF) {
            self.put(DISABLED, true);
        } else if self.is(byte, place::EOL) || (self.is(byte, place::EOL2) && extended) {
            if self.has(Mode::ECHO) {
                self.echo_typed(byte);
            }
            if byte == 0xff && self.has(Mode::PARMRK) {
                self.put(byte, false);
            }
            self.put(byte, true);
        } else {
            return false;
        }
        true
    }

    /// Erases a character, a word, or all of the line that is typed.
    fn erase(&mut self, key: u8) {
        if self.received.len() <= self.complete {
            return;
        }
        let one = self.is(key, place::ERASE);
        let word = !one && self.is(key, place::WERASE);
        if !one && !word {
            let shows_all = [Mode::ECHOK, Mode::ECHOKE, Mode::ECHOE].into_iter().all(|mode| self.has(mode));
            if !self.has(Mode::ECHO) || !shows_all {
                self.received.truncate(self.complete);
                if self.has(Mode::ECHO) {
                    self.finish_erasing();
                    self.echo(self.character(place::KILL));
                    if self.has(Mode::ECHOK) {
                        self.echo_byte(b'\n');
                    }
                }
                return;
            }
        }
        let mut in_word = false;
        while self.received.len() > self.complete {
            let Some((at, byte)) = self.last_character() else { break };
            if word {
                if is_of_word(byte) {
                    in_word = true;
                } else if in_word {
                    break;
                }
            }
            let gone: Vec<u8> = self.received.drain(at..).map(|received| received.byte).collect();
            if self.has(Mode::ECHO) {
                self.show_erased(byte, &gone, one);
            }
            if one {
                break;
            }
        }
        if self.received.len() <= self.complete && self.has(Mode::ECHO) {
            self.finish_erasing();
        }
    }

    /// Where the last character of the line begins, and its first byte; nothing if its first
    /// is not there.
    fn last_character(&self) -> Option<(usize, u8)> {
        let line = self.received.range(self.complete..).map(|received| received.byte);
        let found = line.enumerate().rfind(|(_, byte)| !self.continues(*byte));
        found.map(|(at, byte)| (self.complete + at, byte))
    }

    fn show_erased(&mut self, byte: u8, gone: &[u8], one: bool) {
        if self.has(Mode::ECHOPRT) {
            if !self.erasing {
                self.echo_byte(b'\\');
                self.erasing = true;
            }
            self.echo(byte);
            for more in gone.iter().skip(1) {
                self.echo_byte(*more);
                self.add(Echo::Back);
            }
        } else if one && !self.has(Mode::ECHOE) {
            self.echo(self.character(place::ERASE));
        } else if byte == b'\t' {
            let (columns, since_tab) = self.columns_since_tab();
            self.add(Echo::EraseTab { columns, since_tab });
        } else {
            let times = match (is_control(byte), self.has(Mode::ECHOCTL)) {
                (true, true) => 2,
                (true, false) => 0,
                (false, _) => 1,
            };
            for _ in 0..times {
                for byte in [8, b' ', 8] {
                    self.echo_byte(byte);
                }
            }
        }
    }

    /// Columns of what is typed since the last tab, or since the line began.
    fn columns_since_tab(&self) -> (u32, bool) {
        let mut columns = 0;
        for received in self.received.range(self.complete..).rev() {
            match received.byte {
                b'\t' => return (columns, true),
                byte if is_control(byte) => columns += if self.has(Mode::ECHOCTL) { 2 } else { 0 },
                byte if !self.continues(byte) => columns += 1,
                _ => {}
            }
        }
        (columns, false)
    }

    fn finish_erasing(&mut self) {
        if std::mem::take(&mut self.erasing) {
            self.echo_byte(b'/');
        }
    }

    fn add(&mut self, echo: Echo) {
        if self.echoes.len() >= ECHOES {
            self.echoes.pop_front();
        }
        self.echoes.push_back(echo);
    }

    fn echo_byte(&mut self, byte: u8) {
        self.add(if byte == 0xff { Echo::Ones } else { Echo::Byte(byte) });
    }

    /// Shows a character, a control character by a letter if the modes say so.
    fn echo(&mut self, byte: u8) {
        match byte {
            byte if self.has(Mode::ECHOCTL) && is_control(byte) && byte != b'\t' => {
                self.add(Echo::Control(byte));
            }
            byte => self.echo_byte(byte),
        }
    }

    /// Shows a character of the line that is typed.
    fn echo_typed(&mut self, byte: u8) {
        if self.received.len() == self.complete {
            self.add(Echo::Begin);
        }
        self.echo(byte);
    }

    fn show_echoes(&mut self) {
        while self.has_room(8)
            && let Some(echo) = self.echoes.pop_front()
        {
            match echo {
                Echo::Byte(byte) if self.has(Mode::OPOST) => self.process(byte),
                Echo::Byte(byte) => self.shown.push_back(byte),
                Echo::Control(byte) => {
                    self.shown.extend([b'^', byte ^ 0o100]);
                    self.column += 2;
                }
                Echo::Ones => {
                    self.shown.push_back(0xff);
                    self.column += 1;
                }
                Echo::EraseTab { columns, since_tab } => {
                    let columns = if since_tab { columns } else { columns + self.begin };
                    for _ in 0..8 - columns % 8 {
                        self.shown.push_back(8);
                        self.column = self.column.saturating_sub(1);
                    }
                }
                Echo::Begin => self.begin = self.column,
                Echo::Back => self.column = self.column.saturating_sub(1),
            }
        }
    }

    /// Whether so much more can be shown.
    fn has_room(&self, bytes: usize) -> bool {
        !self.stopped && self.shown.len() + bytes <= SHOWN
    }

    /// Whether a program can write more.
    pub(super) fn shows_more(&self) -> bool {
        self.has_room(8)
    }

    /// Shows one byte that a program wrote, as the modes say: 8 at most.
    fn process(&mut self, byte: u8) {
        let mut byte = byte;
        match byte {
            b'\n' => {
                if self.has(Mode::ONLRET) {
                    self.column = 0;
                }
                if self.has(Mode::ONLCR) {
                    (self.column, self.begin) = (0, 0);
                    self.shown.push_back(b'\r');
                } else {
                    self.begin = self.column;
                }
            }
            b'\r' => {
                if self.has(Mode::ONOCR) && self.column == 0 {
                    return;
                }
                let is_line = self.has(Mode::OCRNL);
                if is_line {
                    byte = b'\n';
                }
                if !is_line || self.has(Mode::ONLRET) {
                    (self.column, self.begin) = (0, 0);
                }
            }
            b'\t' => {
                let blanks = 8 - self.column % 8;
                self.column += blanks;
                if self.has(Mode::XTABS) {
                    self.shown.extend(std::iter::repeat_n(b' ', blanks as usize));
                    return;
                }
            }
            8 => self.column = self.column.saturating_sub(1),
            other if !is_control(other) => {
                if self.has(Mode::OLCUC) {
                    byte = upper(other);
                }
                if !self.continues(byte) {
                    self.column = self.column.wrapping_add(1);
                }
            }
            _ => {}
        }
        self.shown.push_back(byte);
    }

    /// Takes what a program writes, as far as there is room, and says how much.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        self.show_echoes();
        if !self.has(Mode::OPOST) {
            let room = if self.stopped { 0 } else { SHOWN.saturating_sub(self.shown.len()) };
            let count = bytes.len().min(room);
            self.shown.extend(&bytes[..count]);
            return count;
        }
        for (done, byte) in bytes.iter().enumerate() {
            if !self.has_room(8) {
                return done;
            }
            self.process(*byte);
        }
        bytes.len()
    }

    /// Gives what is to be shown.
    pub(super) fn show(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.shown.len());
        for (target, byte) in into.iter_mut().zip(self.shown.drain(..count)) {
            *target = byte;
        }
        self.show_echoes();
        count
    }

    /// Bytes that are to be shown.
    pub(super) fn to_show(&self) -> usize {
        self.shown.len()
    }

    /// Nothing more is shown until [`go_on`](Self::go_on).
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn go_on(&mut self) {
        self.stopped = false;
        self.show_echoes();
    }

    /// Bytes that a read gives now: of lines, those that have ended.
    pub(super) fn readable(&self) -> usize {
        if self.is_by_line() { self.complete } else { self.received.len() }
    }

    /// What [`readable`](Self::readable) tells without what only ends the input.
    pub(super) fn to_read(&self) -> usize {
        let is_end = |received: &&Received| received.ends && received.byte == DISABLED;
        let ends =
            if self.is_by_line() { self.received.range(..self.complete).filter(is_end).count() } else { 0 };
        self.readable() - ends
    }

    /// Reads: of lines one at most, and nothing where the input was ended.
    pub(super) fn read(&mut self, into: &mut [u8], effects: &mut Effects) -> usize {
        let count = if self.is_by_line() { self.read_line(into) } else { self.read_bytes(into) };
        self.receive_typed(effects);
        count
    }

    fn read_bytes(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.received.len());
        for (target, received) in into.iter_mut().zip(self.received.drain(..count)) {
            *target = received.byte;
        }
        self.complete = self.complete.saturating_sub(count);
        count
    }

    fn read_line(&mut self, into: &mut [u8]) -> usize {
        let mut count = 0;
        while self.complete > 0
            && let Some(next) = self.received.front().copied()
        {
            let is_end = next.ends && next.byte == DISABLED;
            // What ends the input right behind the last byte ends no other read.
            if count == into.len() && !is_end {
                break;
            }
            self.received.pop_front();
            self.complete -= 1;
            if is_end {
                break;
            }
            if let Some(target) = into.get_mut(count) {
                *target = next.byte;
            }
            count += 1;
            if next.ends {
                break;
            }
        }
        count
    }

    /// Throws away what was typed and not read.
    pub(super) fn forget_typed(&mut self, effects: &mut Effects) {
        self.forget_received();
        self.receive_typed(effects);
    }

    fn forget_received(&mut self) {
        self.received.clear();
        self.complete = 0;
        self.erasing = false;
    }

    /// Throws away what was written and not taken yet by who shows it.
    pub(super) fn forget_shown(&mut self) {
        self.shown.truncate(TAKEN);
    }

    /// Throws away what who shows it has taken, and not looked at.
    pub(super) fn forget_taken(&mut self) {
        let taken = self.shown.len().min(TAKEN);
        self.shown.drain(..taken);
        self.show_echoes();
    }

    /// Throws away what was typed, and for want of room not received.
    pub(super) fn forget_not_received(&mut self) {
        self.typed.clear();
    }

    /// Shows the character by which who types is asked to stop, or to go on.
    pub(super) fn ask(&mut self, place: usize) {
        let byte = self.character(place);
        if byte != DISABLED && self.shown.len() < SHOWN {
            self.shown.push_back(byte);
        }
    }
}
