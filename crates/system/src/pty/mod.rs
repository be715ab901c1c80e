//! Pseudo-terminals: both ends are in the same guest, in memory.
//!
//! `/dev/ptmx` makes a pair and gives its master; the slave is at `/dev/pts/`, under the
//! number that the pair has as long as either end is open.

mod directory;
mod line;
mod modes;
mod pair;
#[cfg(all(test, target_os = "linux"))]
mod sequences;

pub(crate) use directory::PseudoDirectory;
pub(crate) use pair::{Master, Pseudo, Slave};

use crate::meter::Meter;
use crate::{Errno, Signal, Waiter};
use pair::Pair;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Pairs that one run may have at once.
const MOST: usize = 256;

/// Bytes of a pair beside what it holds.
const PAIR_BYTES: u64 = 1024;

/// The pseudo-terminals of one run, and which terminal controls its process. Clones are the
/// same.
#[derive(Clone, Default)]
pub(crate) struct Terminals(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    // BOUND: MOST.
    pairs: BTreeMap<u32, Weak<Pair>>,
    controlling: Controlling,
}

impl State {
    /// What controls the process, if that is not gone.
    fn living(&self) -> Controlling {
        match self.controlling {
            Controlling::Pseudo(number) => {
                let pair = self.pairs.get(&number).and_then(Weak::upgrade);
                // Another that has its number now never took control.
                let controls = pair.is_some_and(|pair| pair.controls());
                if controls { self.controlling } else { Controlling::None }
            }
            other => other,
        }
    }
}

/// The terminal from which the process gets its signals, and which `/dev/tty` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Controlling {
    #[default]
    None,
    /// The one that the user lent.
    Lent,
    /// The pseudo-terminal with this number.
    Pseudo(u32),
}

impl Terminals {
    /// Those of a run that has, or has not, a terminal of its user's.
    pub(crate) fn new(is_lent: bool) -> Self {
        let controlling = if is_lent { Controlling::Lent } else { Controlling::None };
        Self(Arc::new(Mutex::new(State { pairs: BTreeMap::new(), controlling })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a pair, and gives its master.
    ///
    /// # Errors
    /// ENOSPC if there are too many, ENOMEM.
    pub(crate) fn open_master(&self, meter: &Arc<Meter>) -> Result<Arc<Master>, Errno> {
        let charge = meter.hold((line::TYPED + line::SHOWN) as u64 * 2 + PAIR_BYTES)?;
        let mut state = self.lock();
        state.pairs.retain(|_, pair| pair.strong_count() > 0);
        if state.pairs.len() >= MOST {
            return Err(Errno::NOSPC);
        }
        let number = (0..).zip(state.pairs.keys()).find(|(free, taken)| free != *taken);
        let number = number.map_or(state.pairs.len() as u32, |(free, _)| free);
        let pair = Pair::new(number, charge);
        state.pairs.insert(number, Arc::downgrade(&pair));
        Ok(Arc::new(Master::new(pair)))
    }

    fn pair(&self, number: u32) -> Result<Arc<Pair>, Errno> {
        let pair = self.lock().pairs.get(&number).and_then(Weak::upgrade);
        pair.filter(|pair| pair.has_name()).ok_or(Errno::NOENT)
    }

    /// Opens the slave of this number.
    ///
    /// # Errors
    /// ENOENT, EIO while it is locked.
    pub(crate) fn open_slave(&self, number: u32) -> Result<Arc<Slave>, Errno> {
        let pair = self.pair(number)?;
        Ok(Arc::new(Slave::open(pair, self.clone())?))
    }

    /// The numbers under which there are slaves, from `least` on.
    fn numbers(&self, least: u32) -> Vec<u32> {
        let state = self.lock();
        let named = |pair: &Weak<Pair>| pair.upgrade().is_some_and(|pair| pair.has_name());
        state.pairs.range(least..).filter(|(_, pair)| named(pair)).map(|(number, _)| *number).collect()
    }

    /// The terminal that controls the process.
    pub(crate) fn controlling(&self) -> Controlling {
        self.lock().living()
    }

    /// Lets a terminal control the process, which leads its session; EPERM if another does.
    /// Without a pseudo-terminal, it is that of the user's.
    pub(crate) fn take_control(&self, pseudo: Option<&Pseudo<'_>>, waiter: &Waiter) -> Result<(), Errno> {
        let mut state = self.lock();
        let new = pseudo.map_or(Controlling::Lent, |pseudo| Controlling::Pseudo(pseudo.number()));
        match state.living() {
            current if current == new => return Ok(()),
            Controlling::None => {}
            _ => return Err(Errno::PERM),
        }
        state.controlling = new;
        if let Some(pseudo) = pseudo {
            pseudo.control(waiter);
        }
        Ok(())
    }

    /// Ends the control, which is told as a terminal that is gone; ENOTTY if it is not this
    /// one's.
    pub(crate) fn give_up_control(&self, pseudo: Option<&Pseudo<'_>>, waiter: &Waiter) -> Result<(), Errno> {
        let mut state = self.lock();
        match (state.living(), pseudo) {
            (Controlling::Lent, None) => {}
            (Controlling::Pseudo(number), Some(pseudo)) if number == pseudo.number() => pseudo.let_go(),
            _ => return Err(Errno::NOTTY),
        }
        state.controlling = Controlling::None;
        drop(state);
        waiter.signal(Signal::HANGUP);
        waiter.signal(Signal::CONTINUE);
        Ok(())
    }
}
