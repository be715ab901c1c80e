//! The line discipline against the real kernel's: random bytes typed and written, in random
//! modes, and each result compared.
//!
//! `BELLGLASS_SEQUENCES` sets how many sequences are tried.

use super::modes::standard;
use super::{Master, Slave, Terminals};
use crate::host::{Action, HostTerminal, SavedTerminal, Settings, Source};
use crate::object::{Blocking, Object, Queue, Terminal, Transfer};
use crate::{Errno, Fault, Meter, SeededRandom, Waiter};
use proptest::prelude::*;
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Operation {
    /// Input, output and local modes, and which characters are others.
    Set([u32; 3], Vec<(usize, u8)>),
    Type(Vec<u8>),
    Write(Vec<u8>),
    Show(usize),
    Read(usize),
    /// Bytes that the slave, or the master, says that there are.
    Count(bool),
    Forget,
}

type Outcome = Result<Vec<u8>, Errno>;

/// NOFLSH: without it the kernel throws away what its other threads have not moved yet,
/// which is now this and now that.
const NOFLSH: u32 = 0o200;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        12 => prop::sample::select(b"abcXYZ_ .,\t".to_vec()),
        6 => prop::sample::select(vec![b'\n', b'\r', 4, 8, 127]),
        // Kill, word, literal, reprint, stop, go on, signals, another end, none.
        6 => prop::sample::select(vec![21, 23, 22, 18, 19, 17, 3, 28, 26, b';', b'|', 0, 1, 27]),
        3 => prop::sample::select(vec![0xc3, 0xa9, 0xff, 0x80, 0xe4]),
    ];
    prop::collection::vec(byte, 0..24)
}

fn modes(all: u32, usual: u32) -> impl Strategy<Value = u32> {
    prop_oneof![2 => any::<u32>().prop_map(move |bits| bits & all), 1 => Just(usual)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let characters = prop::collection::vec(
        (
            prop::sample::select(vec![2usize, 3, 4, 11, 16]),
            prop::sample::select(vec![0u8, b';', b'|', b'a', 0xff]),
        ),
        0..2,
    );
    // All that there are, but for what is about breaks, parity, delays and jobs.
    let set = (
        (modes(0o4_7740, 0o2400), modes(0o77, 0o5), modes(0o10_7573, 0o10_5073)),
        characters,
        prop::bool::weighted(0.2),
    );
    prop_oneof![
        2 => set.prop_map(|((input, output, local), characters, tabs)| {
            Operation::Set([input, output | if tabs { 0o1_4000 } else { 0 }, local | NOFLSH], characters)
        }),
        6 => bytes().prop_map(Operation::Type),
        3 => bytes().prop_map(Operation::Write),
        2 => (1usize..40).prop_map(Operation::Show),
        3 => (1usize..12).prop_map(Operation::Read),
        1 => any::<bool>().prop_map(Operation::Count),
        1 => Just(Operation::Forget),
    ]
}

fn settings(modes: [u32; 3], characters: &[(usize, u8)]) -> Settings {
    let mut settings = standard();
    (settings.modes[0], settings.modes[1], settings.modes[3]) = (modes[0], modes[1], modes[2]);
    for (place, byte) in characters {
        settings.characters[*place] = *byte;
    }
    settings
}

/// Ours.
struct Virtual {
    master: Arc<Master>,
    slave: Arc<Slave>,
    waiter: Waiter,
    random: SeededRandom,
}

impl Virtual {
    fn new() -> Self {
        let terminals = Terminals::new(false);
        let master = terminals.open_master(&Arc::new(Meter::new(1 << 20))).expect("made");
        let pseudo = master.pseudo().expect("it is one");
        assert_eq!(terminals.open_slave(pseudo.number()).err(), Some(Errno::IO), "it is locked");
        pseudo.set_locked(false);
        let slave = terminals.open_slave(pseudo.number()).expect("opened");
        let waiter = Waiter::new(None).expect("a waiter");
        Self { master, slave, waiter, random: SeededRandom::new(1) }
    }

    fn moved(
        &mut self,
        act: impl FnOnce(&Self, &mut Transfer<'_>) -> Result<usize, Fault>,
    ) -> Result<usize, Errno> {
        let mut random = std::mem::replace(&mut self.random, SeededRandom::new(1));
        let mut transfer =
            Transfer { blocking: Blocking::DoNotWait, flags: 0, waiter: &self.waiter, random: &mut random };
        act(self, &mut transfer).map_err(|fault| match fault {
            Fault::Errno(errno) => errno,
            other => panic!("{other:?}"),
        })
    }

    fn apply(&mut self, operation: &Operation) -> Outcome {
        let number = |count: usize| count.to_string().into_bytes();
        match operation {
            Operation::Set(modes, characters) => {
                let new = settings(*modes, characters);
                self.slave.change(&SavedTerminal::default(), Action::Now, &new)?;
                Ok(vec![])
            }
            Operation::Type(bytes) => {
                self.moved(|it, transfer| Object::write(&*it.master, bytes, transfer)).map(number)
            }
            Operation::Write(bytes) => {
                self.moved(|it, transfer| Object::write(&*it.slave, bytes, transfer)).map(number)
            }
            Operation::Show(count) => {
                let mut into = vec![0; *count];
                let count = self.moved(|it, transfer| Object::read(&*it.master, &mut into, transfer))?;
                into.truncate(count);
                Ok(into)
            }
            Operation::Read(count) => {
                let mut into = vec![0; *count];
                let count = self.moved(|it, transfer| Object::read(&*it.slave, &mut into, transfer))?;
                into.truncate(count);
                Ok(into)
            }
            Operation::Count(true) => self.slave.to_read().map(number),
            Operation::Count(false) => self.master.to_read().map(number),
            Operation::Forget => self.slave.flush(Queue::Input).map(|()| vec![]),
        }
    }
}

/// The kernel's.
struct Real {
    master: OwnedFd,
    slave: OwnedFd,
    terminal: HostTerminal,
    /// What it was before comes back when this goes.
    saved: SavedTerminal,
    pause: Duration,
}

impl Real {
    fn new(pause: Duration) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK).expect("set");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
        let open = || {
            rustix::fs::open(ptsname(&master, Vec::new()).expect("a name"), flags, rustix::fs::Mode::empty())
                .expect("opened")
        };
        let (slave, other) = (open(), open());
        let terminal = HostTerminal::of(&Source::new(other)).expect("it is one");
        Self { master, slave, terminal, saved: SavedTerminal::default(), pause }
    }

    /// The kernel moves bytes from one end to the other by threads of its own.
    fn settle(&self) {
        std::thread::sleep(self.pause);
    }

    fn apply(&mut self, operation: &Operation) -> Outcome {
        let number = |count: usize| count.to_string().into_bytes();
        let read = |from: &OwnedFd, count: usize| {
            let mut into = vec![0; count];
            let count = rustix::io::read(from, &mut into)?;
            into.truncate(count);
            Ok(into)
        };
        let counted = |from: &OwnedFd| Ok(number(rustix::io::ioctl_fionread(from)? as usize));
        let outcome = match operation {
            Operation::Set(modes, characters) => {
                self.terminal.change(&self.saved, Action::Now, &settings(*modes, characters))?;
                Ok(vec![])
            }
            Operation::Type(bytes) => Ok(number(rustix::io::write(&self.master, bytes)?)),
            Operation::Write(bytes) => Ok(number(rustix::io::write(&self.slave, bytes)?)),
            Operation::Show(count) => read(&self.master, *count),
            Operation::Read(count) => read(&self.slave, *count),
            Operation::Count(true) => counted(&self.slave),
            Operation::Count(false) => counted(&self.master),
            Operation::Forget => self.terminal.flush(Queue::Input).map(|()| vec![]),
        };
        self.settle();
        outcome
    }
}

proptest! {
    #![proptest_config(crate::tests::against_linux())]

    #[test]
    fn a_pseudo_terminal_does_as_linux_does(random in prop::collection::vec(operation(), 1..30)) {
        let mut operations = vec![Operation::Set([0o2400, 0o5, 0o10_5073 | NOFLSH], vec![])];
        operations.extend(random);
        let ours: Vec<Outcome> = {
            let mut here = Virtual::new();
            operations.iter().map(|operation| here.apply(operation)).collect()
        };
        let mut linux = Vec::new();
        // On a busy machine the kernel's threads may take longer.
        for pause in [300, 5_000, 50_000] {
            let mut there = Real::new(Duration::from_micros(pause));
            linux = operations.iter().map(|operation| there.apply(operation)).collect();
            if linux == ours {
                break;
            }
        }
        for (index, operation) in operations.iter().enumerate() {
            prop_assert_eq!(&ours[index], &linux[index], "operation {}: {:?} (left ours, right Linux)", index, operation);
        }
    }
}
