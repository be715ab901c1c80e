//! The bits of a terminal's modes, and the places of its characters, as Linux numbers them
//! (`asm-generic/termbits.h`).

use crate::host::Settings;

/// Which of the four words a mode is in.
const INPUT: usize = 0;
const OUTPUT: usize = 1;
const LOCAL: usize = 3;

/// A mode: its word, and its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode(usize, u32);

impl Mode {
    /// Breaks and parity are marked by a byte of ones, which is then doubled.
    pub(super) const PARMRK: Self = Self(INPUT, 0o10);
    pub(super) const ISTRIP: Self = Self(INPUT, 0o40);
    pub(super) const INLCR: Self = Self(INPUT, 0o100);
    pub(super) const IGNCR: Self = Self(INPUT, 0o200);
    pub(super) const ICRNL: Self = Self(INPUT, 0o400);
    pub(super) const IUCLC: Self = Self(INPUT, 0o1000);
    pub(super) const IXON: Self = Self(INPUT, 0o2000);
    pub(super) const IXANY: Self = Self(INPUT, 0o4000);
    pub(super) const IUTF8: Self = Self(INPUT, 0o4_0000);

    pub(super) const OPOST: Self = Self(OUTPUT, 0o1);
    pub(super) const OLCUC: Self = Self(OUTPUT, 0o2);
    pub(super) const ONLCR: Self = Self(OUTPUT, 0o4);
    pub(super) const OCRNL: Self = Self(OUTPUT, 0o10);
    pub(super) const ONOCR: Self = Self(OUTPUT, 0o20);
    pub(super) const ONLRET: Self = Self(OUTPUT, 0o40);
    /// Tabs become blanks: both bits of the tabs' delay.
    pub(super) const XTABS: Self = Self(OUTPUT, 0o1_4000);

    pub(super) const ISIG: Self = Self(LOCAL, 0o1);
    pub(super) const ICANON: Self = Self(LOCAL, 0o2);
    pub(super) const ECHO: Self = Self(LOCAL, 0o10);
    pub(super) const ECHOE: Self = Self(LOCAL, 0o20);
    pub(super) const ECHOK: Self = Self(LOCAL, 0o40);
    pub(super) const ECHONL: Self = Self(LOCAL, 0o100);
    pub(super) const NOFLSH: Self = Self(LOCAL, 0o200);
    pub(super) const ECHOCTL: Self = Self(LOCAL, 0o1000);
    pub(super) const ECHOPRT: Self = Self(LOCAL, 0o2000);
    pub(super) const ECHOKE: Self = Self(LOCAL, 0o4000);
    pub(super) const IEXTEN: Self = Self(LOCAL, 0o10_0000);
    /// Somebody else does what the line discipline does: taken, and not heeded.
    pub(super) const EXTPROC: Self = Self(LOCAL, 0o20_0000);

    /// Whether all bits of it are set.
    pub(super) fn is_in(self, settings: &Settings) -> bool {
        settings.modes.get(self.0).is_some_and(|word| word & self.1 == self.1)
    }
}

/// The places of the control characters.
pub(super) mod place {
    pub(crate) const INTR: usize = 0;
    pub(crate) const QUIT: usize = 1;
    pub(crate) const ERASE: usize = 2;
    pub(crate) const KILL: usize = 3;
    pub(crate) const EOF: usize = 4;
    pub(crate) const TIME: usize = 5;
    pub(crate) const MIN: usize = 6;
    pub(crate) const START: usize = 8;
    pub(crate) const STOP: usize = 9;
    pub(crate) const SUSP: usize = 10;
    pub(crate) const EOL: usize = 11;
    pub(crate) const REPRINT: usize = 12;
    pub(crate) const WERASE: usize = 14;
    pub(crate) const LNEXT: usize = 15;
    pub(crate) const EOL2: usize = 16;
}

/// What a terminal is set to that nobody has set: as Linux makes a pseudo-terminal.
pub(super) fn standard() -> Settings {
    Settings {
        modes: [
            0o2400, // ICRNL, IXON
            0o5,    // OPOST, ONLCR
            0o277,  // 38400 baud, 8 bits, and it receives
            0o10_5073,
        ],
        // ^C ^\ DEL ^U ^D, time 0, minimum 1, none, ^Q ^S ^Z, none, ^R ^O ^W ^V, none.
        characters: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
    }
}
