//! The two ends of a pseudo-terminal.

use super::Terminals;
use super::line::{Effects, Line};
use super::modes::place;
use crate::files::{Device, Metadata};
use crate::host::{Action, SavedTerminal, Settings};
use crate::meter::Charge;
use crate::object::{Blocking, Flow, Interest, Object, Queue, Terminal, Transfer};
use crate::wait::{Readiness, WaitQueue, retry, wait_for_any};
use crate::{Errno, Fault, Signal, Waiter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What both ends share.
pub(crate) struct Pair {
    number: u32,
    state: Mutex<State>,
    /// Woken by whatever either end does.
    changed: WaitQueue,
    _charge: Charge,
}

struct State {
    line: Line,
    window: [u16; 4],
    /// Whether the slave cannot be opened yet.
    is_locked: bool,
    master_is_open: bool,
    /// How often the slave is open, and whether it ever was.
    slaves: usize,
    was_opened: bool,
    /// Whom signals go to, if it controls the process.
    controls: Option<Waiter>,
}

impl State {
    /// What came of what was typed.
    fn tell(&self, effects: Effects) {
        if let Some(waiter) = &self.controls {
            for signal in effects.signals {
                waiter.signal(signal);
            }
        }
    }

    /// Whether the master has nobody at the other end any more.
    fn is_left(&self) -> bool {
        self.was_opened && self.slaves == 0
    }
}

impl Pair {
    pub(super) fn new(number: u32, charge: Charge) -> Arc<Self> {
        let state = State {
            line: Line::default(),
            window: [0; 4],
            is_locked: true,
            master_is_open: true,
            slaves: 0,
            was_opened: false,
            controls: None,
        };
        Arc::new(Self { number, state: Mutex::new(state), changed: WaitQueue::within(), _charge: charge })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its slave can be found.
    pub(super) fn has_name(&self) -> bool {
        self.lock().master_is_open
    }

    /// Whether it controls the process.
    pub(super) fn controls(&self) -> bool {
        self.lock().controls.is_some()
    }

    /// Changes something, and lets everybody look again.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.wake();
        changed
    }

    fn settings(&self) -> Settings {
        self.lock().line.settings.clone()
    }

    fn set_settings(&self, action: Action, new: &Settings) {
        self.change(|state| {
            let mut effects = Effects::default();
            // Nothing is ever on its way out.
            if action == Action::Flush {
                state.line.forget_typed(&mut effects);
            }
            // The speed is of no wire, and any is kept.
            state.line.set(new.clone(), &mut effects);
            state.tell(effects);
        });
    }

    fn set_window(&self, new: [u16; 4]) {
        self.change(|state| {
            if std::mem::replace(&mut state.window, new) != new
                && let Some(waiter) = &state.controls
            {
                waiter.signal(Signal::WINDOW);
            }
        });
    }

    fn flow(&self, flow: Flow) {
        self.change(|state| match flow {
            Flow::StopOutput => state.line.stop(),
            Flow::StartOutput => state.line.go_on(),
            Flow::SendStop => state.line.ask(place::STOP),
            Flow::SendStart => state.line.ask(place::START),
        });
    }
}

/// A pseudo-terminal, as the calls that are about terminals see it.
pub struct Pseudo<'a> {
    pair: &'a Arc<Pair>,
    pub(crate) is_master: bool,
}

impl Pseudo<'_> {
    pub(crate) fn number(&self) -> u32 {
        self.pair.number
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.pair.lock().is_locked
    }

    pub(crate) fn set_locked(&self, is_locked: bool) {
        self.pair.lock().is_locked = is_locked;
    }

    /// Whether it controls the process.
    pub(crate) fn controls(&self) -> bool {
        self.pair.controls()
    }

    pub(super) fn control(&self, waiter: &Waiter) {
        self.pair.lock().controls = Some(waiter.clone());
    }

    pub(super) fn let_go(&self) {
        self.pair.lock().controls = None;
    }
}

/// The end of who shows and types.
pub(crate) struct Master {
    pair: Arc<Pair>,
}

impl Master {
    pub(super) fn new(pair: Arc<Pair>) -> Self {
        Self { pair }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let controls = self.pair.change(|state| {
            state.master_is_open = false;
            state.controls.take()
        });
        if let Some(waiter) = controls {
            waiter.signal(Signal::HANGUP);
            waiter.signal(Signal::CONTINUE);
        }
    }
}

impl Object for Master {
    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        Ok(Device::PseudoTerminals.metadata(Device::TREE))
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        if into.is_empty() {
            return Ok(0);
        }
        let read = || {
            let mut state = self.pair.lock();
            let count = state.line.show(into);
            let is_left = state.is_left();
            drop(state);
            match count {
                0 if is_left => Err(Errno::IO),
                0 => Err(Errno::AGAIN),
                count => {
                    self.pair.changed.wake();
                    Ok(count)
                }
            }
        };
        let readiness = |interest| self.readiness(interest, 0);
        retry(transfer.blocking, Interest::Read, transfer.waiter, read, readiness)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let write = || {
            let mut state = self.pair.lock();
            if state.slaves == 0 {
                return Err(Errno::IO);
            }
            let mut effects = Effects::default();
            let count = state.line.type_in(from, &mut effects);
            state.tell(effects);
            drop(state);
            self.pair.changed.wake();
            if count == 0 && !from.is_empty() { Err(Errno::AGAIN) } else { Ok(count) }
        };
        let readiness = |interest| self.readiness(interest, 0);
        retry(transfer.blocking, Interest::Write, transfer.waiter, write, readiness)
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        // First this, so that nothing is missed.
        let listener = self.pair.changed.listen();
        let state = self.pair.lock();
        let hangup = state.is_left();
        let bytes = match interest {
            Interest::Read => state.line.to_show() as u64,
            Interest::Write => u64::from(state.line.takes_more()),
        };
        match bytes > 0 || hangup {
            true => Ok(Readiness::Now { bytes, hangup }),
            false => Ok(Readiness::When(listener)),
        }
    }

    fn terminal(&self) -> Result<&dyn Terminal, Errno> {
        Ok(self)
    }
}

/// What is asked of a master of its terminal is asked of the slave's.
impl Terminal for Master {
    fn window(&self) -> Result<[u16; 4], Errno> {
        Ok(self.pair.lock().window)
    }

    fn set_window(&self, new: [u16; 4]) -> Result<(), Errno> {
        self.pair.set_window(new);
        Ok(())
    }

    fn settings(&self) -> Result<Settings, Errno> {
        Ok(self.pair.settings())
    }

    fn change(&self, _saved: &SavedTerminal, action: Action, new: &Settings) -> Result<(), Errno> {
        self.pair.set_settings(action, new);
        Ok(())
    }

    /// What is the slave's output is the master's input, and the other way round.
    fn flush(&self, queue: Queue) -> Result<(), Errno> {
        self.pair.change(|state| {
            if queue != Queue::Output {
                state.line.forget_taken();
            }
            if queue != Queue::Input {
                state.line.forget_not_received();
            }
        });
        Ok(())
    }

    fn flow(&self, _flow: Flow) -> Result<(), Errno> {
        Ok(())
    }

    fn drain(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn to_read(&self) -> Result<usize, Errno> {
        Ok(self.pair.lock().line.to_show())
    }

    fn pseudo(&self) -> Option<Pseudo<'_>> {
        Some(Pseudo { pair: &self.pair, is_master: true })
    }
}

/// The end that is a terminal to programs.
pub(crate) struct Slave {
    pair: Arc<Pair>,
    terminals: Terminals,
}

impl Slave {
    /// EIO while it is locked, and once the master is gone.
    pub(super) fn open(pair: Arc<Pair>, terminals: Terminals) -> Result<Self, Errno> {
        pair.change(|state| {
            if state.is_locked || !state.master_is_open {
                return Err(Errno::IO);
            }
            state.slaves += 1;
            state.was_opened = true;
            Ok(())
        })?;
        Ok(Self { pair, terminals })
    }

    /// Waits as the terminal's modes say: for a line, for so many bytes, or for some time.
    fn read_by_modes(&self, into: &mut [u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        /// A tenth of a second.
        const TIME: Duration = Duration::from_millis(100);
        let (by_line, (minimum, time)) = {
            let line = &self.pair.lock().line;
            (line.is_by_line(), line.minimum_and_time())
        };
        let after = |now: std::time::Instant| now.checked_add(TIME * time);
        let is_timed = !by_line && time > 0;
        // Without a minimum the time begins at once, with one after the first byte.
        let mut until = if is_timed && minimum == 0 { after(waiter.now()) } else { None };
        let mut count = 0;
        while count < into.len() {
            let listener = self.pair.changed.listen();
            let (read, is_over) = self.try_read(&mut into[count..]);
            if let Some(read) = read {
                count += read;
                if by_line || count >= minimum.max(1) {
                    return Ok(count);
                }
                if is_timed {
                    until = after(waiter.now());
                }
                continue;
            }
            let is_late = until.is_some_and(|until| waiter.now() >= until);
            if is_over || is_late || (!by_line && minimum == 0 && time == 0) {
                break;
            }
            if blocking == Blocking::DoNotWait {
                return if count > 0 { Ok(count) } else { Err(Errno::AGAIN.into()) };
            }
            match wait_for_any(waiter, &[], &[listener], until) {
                Err(Fault::Errno(Errno::INTR)) if count > 0 => break,
                waited => _ = waited?,
            }
        }
        Ok(count)
    }

    /// What can be read now, if anything, and whether nothing will come any more.
    fn try_read(&self, into: &mut [u8]) -> (Option<usize>, bool) {
        let mut state = self.pair.lock();
        if !state.master_is_open {
            return (None, true);
        }
        if state.line.readable() == 0 {
            return (None, false);
        }
        let mut effects = Effects::default();
        let count = state.line.read(into, &mut effects);
        state.tell(effects);
        drop(state);
        self.pair.changed.wake();
        (Some(count), false)
    }

    /// EIO once the master is gone.
    fn living(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let state = self.pair.lock();
        if state.master_is_open { Ok(state) } else { Err(Errno::IO) }
    }
}

impl Drop for Slave {
    fn drop(&mut self) {
        self.pair.change(|state| state.slaves = state.slaves.saturating_sub(1));
    }
}

impl Object for Slave {
    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        Ok(Device::PseudoTerminal(self.pair.number).metadata(Device::TREE))
    }

    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(Arc::new(Self::open(Arc::clone(&self.pair), self.terminals.clone())?))
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.read_by_modes(into, transfer.blocking, transfer.waiter)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let mut done = 0;
        let write = || {
            let mut state = self.living()?;
            done += state.line.write(&from[done..]);
            drop(state);
            self.pair.changed.wake();
            if done < from.len() { Err(Errno::AGAIN) } else { Ok(done) }
        };
        let readiness = |interest| self.readiness(interest, 0);
        match retry(transfer.blocking, Interest::Write, transfer.waiter, write, readiness) {
            // What is shown is shown.
            Err(Fault::Errno(_)) if done > 0 => Ok(done),
            other => other,
        }
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        let listener = self.pair.changed.listen();
        let state = self.pair.lock();
        if !state.master_is_open {
            return Ok(Readiness::Now { bytes: 0, hangup: true });
        }
        let line = &state.line;
        let bytes = match interest {
            Interest::Write => usize::from(line.shows_more()),
            Interest::Read => {
                let (minimum, time) = line.minimum_and_time();
                let enough = if line.is_by_line() || time > 0 { 1 } else { minimum.max(1) };
                if line.readable() >= enough { line.to_read().max(1) } else { 0 }
            }
        };
        match bytes {
            0 => Ok(Readiness::When(listener)),
            bytes => Ok(Readiness::Now { bytes: bytes as u64, hangup: false }),
        }
    }

    fn label(&self, _number: u32) -> Result<String, Errno> {
        Ok(format!("/dev/pts/{}", self.pair.number))
    }

    fn terminal(&self) -> Result<&dyn Terminal, Errno> {
        Ok(self)
    }
}

impl Terminal for Slave {
    fn window(&self) -> Result<[u16; 4], Errno> {
        Ok(self.living()?.window)
    }

    fn set_window(&self, new: [u16; 4]) -> Result<(), Errno> {
        self.check()?;
        self.pair.set_window(new);
        Ok(())
    }

    fn settings(&self) -> Result<Settings, Errno> {
        self.check()?;
        Ok(self.pair.settings())
    }

    fn change(&self, _saved: &SavedTerminal, action: Action, new: &Settings) -> Result<(), Errno> {
        self.check()?;
        self.pair.set_settings(action, new);
        Ok(())
    }

    fn flush(&self, queue: Queue) -> Result<(), Errno> {
        self.check()?;
        self.pair.change(|state| {
            let mut effects = Effects::default();
            if queue != Queue::Output {
                state.line.forget_typed(&mut effects);
            }
            if queue != Queue::Input {
                state.line.forget_shown();
            }
            state.tell(effects);
        });
        Ok(())
    }

    fn flow(&self, flow: Flow) -> Result<(), Errno> {
        self.check()?;
        self.pair.flow(flow);
        Ok(())
    }

    fn drain(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn check(&self) -> Result<(), Errno> {
        self.living().map(drop)
    }

    fn to_read(&self) -> Result<usize, Errno> {
        Ok(self.living()?.line.to_read())
    }

    fn pseudo(&self) -> Option<Pseudo<'_>> {
        Some(Pseudo { pair: &self.pair, is_master: false })
    }
}
