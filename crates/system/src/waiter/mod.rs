//! Waiting inside a handler, without outliving the run.
//!
//! A handler that sleeps or reads a slow input must wake when the deadline
//! comes, when the run must end for another cause (`cancel`), and when a signal is
//! sent to the guest (`signals`) or becomes due (`timers`). All of them go through one
//! [`Waiter`], of which each run has one.
//!
//! Work that does not wait asks [`Waiter::go_on`] from time to time.

mod cancel;
mod signals;
mod timers;

pub use cancel::Look;
pub use signals::Sink;
pub use timers::Schedule;
pub(crate) use timers::{AlarmClock, Basis, Expiry, MOST_TIMERS, ProcessorTime, Setting};

use crate::host::{Host, Poller, Ready, Source};
use crate::object::Interest;
use crate::{Errno, Signal, Stop, WaitQueue};
use cancel::Cancel;
use signals::Signals;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use timers::{Computing, Fired, Timers};

/// How long a pause is at most before it is asked whether the run goes on.
const PAUSE: Duration = Duration::from_millis(20);

/// Why a wait ended before what it waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The time that the caller gave is over.
    TimedOut,
    /// A signal for the guest is pending: answer EINTR.
    Interrupted,
    /// The run must end.
    Stop(Stop),
}

#[derive(Default)]
struct State {
    cancel: Cancel,
    signals: Signals,
    timers: Timers,
    /// Whether the poller was notified, and not reset since.
    notified: bool,
    /// Waits that are under way. With others under way it is not reset, for one of them
    /// may not have begun to wait when it was notified.
    waits: u32,
}

/// Waits on behalf of one run.
#[derive(Clone)]
pub struct Waiter {
    shared: Arc<Shared>,
    deadline: Option<Instant>,
}

/// What all clones of a waiter share.
struct Shared {
    state: Mutex<State>,
    poller: Box<dyn Poller>,
    /// Woken when an answer of the run has come that came later than its call.
    completions: WaitQueue,
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        formatter
            .debug_struct("Waiter")
            .field("deadline", &self.deadline)
            .field("stop", &state.cancel.stopped())
            .field("pending", &state.signals.is_interrupted())
            .finish_non_exhaustive()
    }
}

impl Waiter {
    /// A waiter for a run that must end at `deadline`, on this machine: that of
    /// [`Host::native`].
    ///
    /// # Errors
    /// When the operating system gives no more descriptors.
    pub fn new(deadline: Option<Instant>) -> std::io::Result<Self> {
        Host::native().waiter(deadline)
    }

    pub(crate) fn with_poller(poller: Box<dyn Poller>, deadline: Option<Instant>) -> Self {
        Self {
            shared: Arc::new(Shared { state: Mutex::default(), poller, completions: WaitQueue::new() }),
            deadline,
        }
    }

    /// The same waiter with a deadline; made when the run starts.
    pub fn with_deadline(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What time it is, by the clock of which deadlines are told.
    pub fn now(&self) -> Instant {
        self.shared.poller.now()
    }

    /// Says where signals go. Those sent before are for nobody.
    pub fn connect(&self, sink: Sink) {
        let before = self.state().signals.connect(Some(sink));
        drop(before);
    }

    /// Forgets where signals go, who ticks and who looks: the run is over. All may
    /// hold this waiter in their turn.
    pub fn disconnect(&self) {
        let mut state = self.state();
        let connected =
            (state.signals.connect(None), state.timers.schedule_by(None), state.cancel.look_by(None));
        drop(state);
        drop(connected);
    }

    /// Says who looks, while a call is answered, whether the run must end for a cause
    /// that only this thread can see. It must not use this waiter.
    pub fn look_by(&self, look: Look) {
        let before = self.state().cancel.look_by(Some(look));
        drop(before);
    }

    /// Says who calls [`tick`](Self::tick) while the guest computes and no
    /// handler waits.
    pub fn schedule_by(&self, schedule: Schedule) {
        let before = self.state().timers.schedule_by(Some(schedule));
        drop(before);
    }

    /// Sends this signal at this time: the warning before a deadline.
    pub fn warn(&self, at: Instant, signal: Signal) {
        self.state().timers.warn(at, signal);
    }

    /// Whether the warning was given.
    pub fn has_warned(&self) -> bool {
        self.state().timers.has_warned()
    }

    /// When the run must end.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends the run: every wait, now and later, returns this cause, or an earlier
    /// one. Whether it is the first.
    pub fn stop(&self, cause: Stop) -> bool {
        let mut state = self.state();
        let first = state.cancel.stop(cause);
        self.notify(&mut state);
        first
    }

    /// Ends the run: every wait, now and later, returns [`Stop::Killed`].
    pub fn kill(&self) {
        self.stop(Stop::Killed);
    }

    /// Why the run must end, if something said so.
    pub fn stopped(&self) -> Option<Stop> {
        self.state().cancel.stopped().cloned()
    }

    /// Sends the guest a signal. A call of it that waits, or the next one that
    /// would, returns EINTR, until the guest has taken the signal.
    pub fn signal(&self, signal: Signal) {
        let mut state = self.state();
        state.signals.send(signal);
        self.notify(&mut state);
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INTERRUPT);
    }

    /// Whether any signal was ever sent.
    pub fn has_signalled(&self) -> bool {
        self.state().signals.has_sent()
    }

    /// A call of the guest begins. It tells which signals have arrived since the
    /// last one, and whether the guest has yet to take one.
    pub fn open_call(&self, arrived: u64, untaken: bool) {
        self.open_call_with(|| arrived, untaken);
    }

    /// The same for a guest of which one can ask what has arrived; it is asked
    /// while no signal can be sent.
    pub fn open_call_with(&self, arrived: impl FnOnce() -> u64, untaken: bool) {
        let mut state = self.state();
        let arrived = arrived();
        if !state.signals.is_open() {
            state.timers.set_computing(|| self.now(), Computing::No);
        }
        state.signals.open_call(arrived, untaken);
    }

    /// The call ends. Gives the signals that are still on their way, and those that
    /// go with its answer: a bit for each, by [`Signal::interrupt`].
    pub fn close_call(&self) -> (u64, u64) {
        let mut state = self.state();
        let signals = state.signals.close_call();
        if !state.signals.is_open() {
            state.timers.set_computing(|| self.now(), Computing::Yes);
        }
        signals
    }

    /// Whether the guest has yet to take a signal.
    pub fn is_interrupted(&self) -> bool {
        self.state().signals.is_interrupted()
    }

    /// Sends the signals that have become due, and asks to be called for those
    /// to come.
    pub fn tick(&self) {
        let mut state = self.state();
        self.fire(&mut state);
        state.timers.schedule_next();
    }

    fn fire(&self, state: &mut State) {
        // Most guests have no timer, and then nobody asks for the time.
        if state.timers.next().is_none() {
            return;
        }
        let State { timers, signals, .. } = &mut *state;
        if timers.fire(self.now(), signals) == Fired::Yes {
            self.notify(state);
        }
    }

    /// What the guest's timers do and say, once those are fired that are due.
    fn timers<T>(&self, act: impl FnOnce(&mut Timers, Instant, Computing) -> T) -> T {
        let mut state = self.state();
        self.fire(&mut state);
        let computing = if state.signals.is_open() { Computing::No } else { Computing::Yes };
        act(&mut state.timers, self.now(), computing)
    }

    /// Sets an alarm clock of the guest's, and gives what was set before.
    pub(crate) fn set_alarm(&self, clock: AlarmClock, basis: Basis, setting: Setting) -> Setting {
        self.timers(|timers, now, computing| {
            let before = timers.alarm_setting(clock, now);
            timers.set_alarm(clock, basis, setting, now, computing);
            before
        })
    }

    /// How an alarm clock of the guest's is set.
    pub(crate) fn alarm(&self, clock: AlarmClock) -> Setting {
        self.timers(|timers, now, _| timers.alarm_setting(clock, now))
    }

    /// Makes a timer, which is not set; EAGAIN if there are too many. Without a value of the
    /// maker's its number goes with its signal.
    pub(crate) fn create_timer(
        &self,
        clock: i32,
        basis: Basis,
        signal: Option<Signal>,
        value: Option<u32>,
    ) -> Result<u32, Errno> {
        self.timers(|timers, _, _| timers.create(clock, basis, signal, value))
    }

    /// What the maker of a timer calls its clock; EINVAL if there is no such timer.
    pub(crate) fn timer_clock(&self, timer: u32) -> Result<i32, Errno> {
        self.state().timers.clock(timer)
    }

    /// EINVAL if there is no such timer.
    pub(crate) fn delete_timer(&self, timer: u32) -> Result<(), Errno> {
        self.timers(|timers, _, _| if timers.delete(timer) { Ok(()) } else { Err(Errno::INVAL) })
    }

    /// Sets a timer, and gives what was set before; EINVAL if there is none.
    pub(crate) fn set_timer(&self, timer: u32, setting: Setting) -> Result<Setting, Errno> {
        self.timers(|timers, now, computing| {
            let before = timers.setting(timer, now)?;
            timers.set(timer, setting, now, computing)?;
            Ok(before)
        })
    }

    /// How a timer is set; EINVAL if there is none.
    pub(crate) fn timer(&self, timer: u32) -> Result<Setting, Errno> {
        self.timers(|timers, now, _| timers.setting(timer, now))
    }

    /// How often a timer had expired beside that of which its signal was taken last; EINVAL
    /// if there is none.
    pub(crate) fn timer_overrun(&self, timer: u32) -> Result<u32, Errno> {
        self.timers(|timers, _, _| timers.overrun(timer))
    }

    /// The guest takes a signal: what of its timers has sent it, if one has.
    pub(crate) fn take_expiry(&self, signal: Signal) -> Option<Expiry> {
        self.timers(|timers, now, computing| timers.take(signal, now, computing))
    }

    /// Whether work for the run may go on, signals or not. It is cheap enough to be
    /// asked for each piece of some microseconds.
    ///
    /// # Errors
    /// Why the run must end.
    pub fn go_on(&self) -> Result<(), Stop> {
        match self.state().cancel.looked() {
            Some(stop) => Err(stop.clone()),
            None if self.is_late() => Err(Stop::Deadline),
            None => Ok(()),
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.now() >= deadline)
    }

    /// Whether the run must end, or a signal is pending.
    ///
    /// # Errors
    /// [`Woken::Stop`] or [`Woken::Interrupted`].
    pub fn check(&self) -> Result<(), Woken> {
        self.check_in(&mut self.state())
    }

    fn check_in(&self, state: &mut State) -> Result<(), Woken> {
        if let Some(stop) = state.cancel.stopped() {
            return Err(Woken::Stop(stop.clone()));
        }
        if self.is_late() {
            return Err(Woken::Stop(Stop::Deadline));
        }
        self.fire(state);
        if state.signals.is_interrupted() { Err(Woken::Interrupted) } else { Ok(()) }
    }

    fn notify(&self, state: &mut State) {
        if !std::mem::replace(&mut state.notified, true) {
            self.shared.poller.notify();
        }
    }

    /// Woken when an answer has come that came later than its call.
    pub fn completions(&self) -> &WaitQueue {
        &self.shared.completions
    }

    /// Ends the wait that is under way, if there is one, so that it looks again at what
    /// it waits for.
    pub(crate) fn wake(&self) {
        self.notify(&mut self.state());
    }

    /// Whether both are the waiter of one run.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// How many hold it, this one included.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.shared)
    }

    /// Begins a wait that may end at `until`: see [`Wait::poll`].
    ///
    /// # Errors
    /// Why the run must end.
    pub(crate) fn begin(&self, until: Option<Instant>) -> Result<Wait<'_>, Stop> {
        let mut state = self.state();
        let interrupted = match self.check_in(&mut state) {
            Ok(()) => false,
            Err(Woken::Stop(stop)) => return Err(stop),
            Err(Woken::Interrupted | Woken::TimedOut) => true,
        };
        // As long as a signal is pending every wait ends at once, and so it may stay.
        if state.notified && !interrupted && state.waits == 0 {
            state.notified = false;
            self.shared.poller.reset();
        }
        state.waits = state.waits.saturating_add(1);
        let until = match interrupted {
            // What is ready is taken, signal or not; only waiting is interrupted.
            true => Some(self.now()),
            false => [until, self.deadline, state.timers.next()].into_iter().flatten().min(),
        };
        Ok(Wait { waiter: self, until, interrupted })
    }

    /// Lets time pass, signals or not: what slows a run down.
    ///
    /// # Errors
    /// [`Stop`] if the run must end before that.
    pub fn pause_until(&self, until: Instant) -> Result<(), Stop> {
        loop {
            if let Err(Woken::Stop(stop)) = self.check() {
                return Err(stop);
            }
            let now = self.now();
            if now >= until {
                return Ok(());
            }
            // In steps, for a notice of a signal would end a wait early.
            let step = [Some(until), self.deadline, self.state().timers.next(), now.checked_add(PAUSE)];
            self.shared.poller.sleep(step.into_iter().flatten().min().unwrap_or(until));
        }
    }
}

/// A wait that has begun.
pub(crate) struct Wait<'a> {
    waiter: &'a Waiter,
    /// When it ends at the latest.
    until: Option<Instant>,
    /// Whether a signal is pending, so that it does not wait.
    pub interrupted: bool,
}

impl Wait<'_> {
    /// Waits until one of `sources` is ready, the time is over, or something else is to
    /// be looked at. See [`Poller::wait`].
    pub(crate) fn poll(&mut self, sources: &[(Source, Interest)], ready: &mut [Ready]) -> Result<(), Errno> {
        self.waiter.shared.poller.wait(sources, ready, self.until)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut state = self.waiter.state();
        state.waits = state.waits.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter() -> Waiter {
        Waiter::new(None).expect("the host has descriptors")
    }

    #[test]
    fn a_run_that_must_end_pauses_no_longer() {
        let waiter = waiter();
        waiter.kill();
        assert_eq!(waiter.pause_until(Instant::now() + Duration::from_secs(100)), Err(Stop::Killed));
        let late = waiter.with_deadline(Some(Instant::now()));
        assert_eq!(late.go_on(), Err(Stop::Killed), "the first cause stays");
    }

    #[test]
    fn a_signal_ends_no_pause() {
        let waiter = waiter();
        waiter.interrupt();
        let until = Instant::now() + Duration::from_millis(30);
        assert_eq!(waiter.pause_until(until), Ok(()));
        assert!(Instant::now() >= until);
    }

    #[test]
    fn a_timer_that_is_due_interrupts_and_then_is_quiet_until_the_next_time() {
        let waiter = waiter();
        let interval = Duration::from_millis(20);
        let set = |left| waiter.set_alarm(AlarmClock::Real, Basis::Time, Setting { left, interval });
        set(Duration::from_nanos(1));
        assert_eq!(waiter.check(), Err(Woken::Interrupted));
        assert_eq!(waiter.close_call(), (0, 1 << 14));
        assert_eq!(waiter.check(), Ok(()));
        std::thread::sleep(interval);
        assert_eq!(waiter.check(), Err(Woken::Interrupted));
        assert_eq!((waiter.close_call(), set(Duration::ZERO).interval), ((0, 1 << 14), interval));
        assert_eq!(waiter.alarm(AlarmClock::Real), Setting::default());
    }

    #[test]
    fn a_tick_sends_a_warning_once() {
        let waiter = waiter();
        waiter.warn(Instant::now(), Signal::TERMINATE);
        waiter.tick();
        assert_eq!((waiter.close_call(), waiter.has_warned()), ((0, 1 << 15), true));
        waiter.tick();
        assert_eq!(waiter.close_call(), (0, 0));
    }
}
