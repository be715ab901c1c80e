//! Signals, by the numbers that guests know.

use std::str::FromStr;

/// A signal for the guest's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

/// Names in the order of the numbers, which are Linux's, from 1. From 32 on are the real-time
/// signals: the guest's C library keeps the first three for itself, and counts those for
/// programs from 35.
const NAMES: [&str; 64] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "POLL", "PWR", "SYS", "32", "33", "34", "RTMIN", "RTMIN+1", "RTMIN+2",
    "RTMIN+3", "RTMIN+4", "RTMIN+5", "RTMIN+6", "RTMIN+7", "RTMIN+8", "RTMIN+9", "RTMIN+10", "RTMIN+11",
    "RTMIN+12", "RTMIN+13", "RTMIN+14", "RTMIN+15", "RTMIN+16", "RTMIN+17", "RTMIN+18", "RTMIN+19",
    "RTMIN+20", "RTMIN+21", "RTMIN+22", "RTMIN+23", "RTMIN+24", "RTMIN+25", "RTMIN+26", "RTMIN+27",
    "RTMIN+28", "RTMAX",
];

impl Signal {
    /// The terminal is gone.
    pub const HANGUP: Self = Self(1);
    /// Ctrl-C: KeyboardInterrupt in Python.
    pub const INTERRUPT: Self = Self(2);
    /// Ctrl-\: to end, and leave a core.
    pub const QUIT: Self = Self(3);
    /// What nothing can catch.
    pub const KILL: Self = Self(9);
    /// A write where nobody reads any more.
    pub const PIPE: Self = Self(13);
    /// An alarm clock.
    pub const ALARM: Self = Self(14);
    /// What stops a process until another continues it.
    pub const STOP: Self = Self(19);
    /// What lets a process go on that was stopped.
    pub const CONTINUE: Self = Self(18);
    /// Ctrl-Z: what stops a process, if it does not want otherwise.
    pub const TERMINAL_STOP: Self = Self(20);
    /// The terminal's window has another size.
    pub const WINDOW: Self = Self(28);
    /// A request to end.
    pub const TERMINATE: Self = Self(15);
    /// A limit of processor time was met.
    pub const PROCESSOR_LIMIT: Self = Self(24);
    /// A limit of a file's size was met.
    pub const FILE_SIZE_LIMIT: Self = Self(25);
    /// An alarm clock of the program's own processor time.
    pub const VIRTUAL_ALARM: Self = Self(26);
    /// An alarm clock of processor time.
    pub const PROFILE: Self = Self(27);

    /// The signal with this number; nothing for a number that there is not.
    pub fn from_number(number: u32) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (1..=NAMES.len()).contains(&usize::from(number)).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The number of the interrupt by which it reaches the guest, from 0 to 63: its own, but
    /// for 64, which is 0.
    pub fn interrupt(self) -> u8 {
        self.0 & 63
    }

    /// Its name, without SIG.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0).wrapping_sub(1)).copied().unwrap_or("?")
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SIG{}", self.name())
    }
}

/// There is no signal of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no signal '{0}': write a name such as INT, TERM or USR1")]
pub struct ParseSignalError(String);

impl FromStr for Signal {
    type Err = ParseSignalError;

    /// From `TERM` or `SIGTERM`, in any case, or a number.
    fn from_str(text: &str) -> Result<Self, ParseSignalError> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let by_name =
            NAMES.iter().zip(1..).find(|(known, _)| **known == name).map(|(_, number)| Self(number));
        let by_number = || text.parse().ok().and_then(Self::from_number);
        by_name.or_else(by_number).ok_or_else(|| ParseSignalError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_the_guests_library() {
        for (text, number) in
            [("INT", 2), ("sigterm", 15), ("14", 14), ("SYS", 31), ("CHLD", 17), ("Usr1", 10)]
        {
            assert_eq!(text.parse::<Signal>().map(Signal::number), Ok(number), "{text}");
        }
        for text in ["", "SIG", "0", "65", "NONE", "-1", "RTMIN+30"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
        assert_eq!(Signal::TERMINATE.to_string(), "SIGTERM");
        assert_eq!(Signal::ALARM.name(), "ALRM");
        for (text, number) in [("RTMIN", 35), ("sigrtmin+2", 37), ("RTMAX", 64), ("32", 32), ("64", 64)] {
            assert_eq!(text.parse::<Signal>().map(Signal::number), Ok(number), "{text}");
        }
    }

    #[test]
    fn every_signal_has_a_number_of_an_interrupt_of_its_own() {
        let signals = (1..=64).map(|number| Signal::from_number(number).expect("a signal"));
        let bits = signals.fold(0u64, |bits, signal| bits | 1 << signal.interrupt());
        assert_eq!(bits, u64::MAX);
        assert_eq!((Signal::from_number(0), Signal::from_number(65)), (None, None));
    }
}
