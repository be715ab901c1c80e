//! Waiting inside a handler, without outliving the run.
//!
//! A handler that sleeps or reads a slow input must wake when the deadline
//! comes, when the run must end for another cause, and when a signal is sent to
//! the guest. All of them go through one [`Waiter`], of which each run has one.
//!
//! Work that does not wait asks [`Waiter::go_on`] from time to time.
//!
//! A signal that comes while a call is open goes to the guest with its answer; one
//! that comes while the guest computes is sent beside the calls, and the next call
//! says whether it has arrived, and whether the guest has yet to take one. As long
//! as there is any, a call that would wait is answered with EINTR, so that the guest
//! looks. None is lost in a race, and none disturbs a call that it came long before.

use crate::{Signal, Stop};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// Takes signals to a guest that computes. It says whether the signal went off: one
/// that did not goes with the answer of the guest's next call.
pub type Sink = Box<dyn FnMut(Signal) -> bool + Send>;

/// Looks, in the thread that answers the guest's calls, whether the run must end.
pub type Look = Box<dyn Fn() -> Option<Stop> + Send>;

/// Asks that [`Waiter::tick`] be called at this time.
pub type Remind = Box<dyn Fn(Instant) + Send>;

/// The shortest interval of a timer, so that it does not keep the machine busy.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

#[derive(Default)]
struct State {
    /// Why the run must end; the first cause stays.
    stop: Option<Stop>,
    /// How many calls of the guest are open.
    open: usize,
    /// Signals on their way beside the calls, a bit a number.
    travelling: u64,
    /// Signals that go with the open call's answer, or the next one's.
    within: u64,
    /// Whether the guest has yet to take a signal, as it said last.
    untaken: bool,
    /// Whether any was ever sent.
    sent: bool,
    sink: Option<Sink>,
    remind: Option<Remind>,
    look: Option<Look>,
    /// Whether the bell has rung, and nobody has emptied it.
    rung: bool,
    /// The signal that announces the deadline, and when it is due.
    warning: Option<(Instant, Signal)>,
    warned: bool,
    timer: Option<Timer>,
}

/// The guest's alarm clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer {
    /// When it rings next.
    pub at: Instant,
    /// How long after that again; zero for once.
    pub interval: Duration,
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
    /// An eventfd-like pipe: readable once anything in `state` is set, so that
    /// it can stand in the same poll as a descriptor.
    bell: (OwnedFd, OwnedFd),
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        formatter
            .debug_struct("Waiter")
            .field("deadline", &self.deadline)
            .field("stop", &state.stop)
            .field("pending", &state.is_interrupted())
            .finish_non_exhaustive()
    }
}

impl Waiter {
    /// A waiter for a run that must end at `deadline`.
    ///
    /// # Errors
    /// When the operating system gives no more descriptors.
    pub fn new(deadline: Option<Instant>) -> std::io::Result<Self> {
        let bell =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK)?;
        Ok(Self { shared: Arc::new(Shared { state: Mutex::default(), bell }), deadline })
    }

    /// The same waiter with a deadline; made when the run starts.
    pub fn with_deadline(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where signals go. Those sent before are for nobody.
    pub fn connect(&self, sink: Sink) {
        self.state().sink = Some(sink);
    }

    /// Forgets where signals go, who ticks and who looks: the run is over. All may
    /// hold this waiter in their turn.
    pub fn disconnect(&self) {
        let mut state = self.state();
        let connected = (state.sink.take(), state.remind.take(), state.look.take());
        drop(state);
        drop(connected);
    }

    /// Says who looks, while a call is answered, whether the run must end for a cause
    /// that only this thread can see. It must not use this waiter.
    pub fn look_by(&self, look: Look) {
        self.state().look = Some(look);
    }

    /// Says who calls [`tick`](Self::tick) while the guest computes and no
    /// handler waits.
    pub fn remind_by(&self, remind: Remind) {
        self.state().remind = Some(remind);
    }

    /// Sends this signal at this time: the warning before a deadline.
    pub fn warn(&self, at: Instant, signal: Signal) {
        let mut state = self.state();
        state.warning = Some((at, signal));
        if let Some(remind) = &state.remind {
            remind(at);
        }
    }

    /// Whether the warning was given.
    pub fn has_warned(&self) -> bool {
        self.state().warned
    }

    /// When the run must end.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends the run: every wait, now and later, returns this cause, or an earlier
    /// one. Whether it is the first.
    pub fn stop(&self, cause: Stop) -> bool {
        let mut state = self.state();
        let first = state.stop.is_none();
        state.stop.get_or_insert(cause);
        self.ring(&mut state);
        first
    }

    /// Ends the run: every wait, now and later, returns [`Stop::Killed`].
    pub fn kill(&self) {
        self.stop(Stop::Killed);
    }

    /// Why the run must end, if something said so.
    pub fn stopped(&self) -> Option<Stop> {
        self.state().stop.clone()
    }

    /// Sends the guest a signal. A call of it that waits, or the next one that
    /// would, returns EINTR, until the guest has taken the signal.
    pub fn signal(&self, signal: Signal) {
        self.send(&mut self.state(), signal);
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INTERRUPT);
    }

    fn send(&self, state: &mut State, signal: Signal) {
        let bit = 1 << signal.number();
        state.sent = true;
        // Under the lock, so that a call which comes now finds it on its way.
        if state.open == 0 && state.sink.as_mut().is_some_and(|sink| sink(signal)) {
            state.travelling |= bit;
        } else {
            state.within |= bit;
        }
        self.ring(state);
    }

    fn ring(&self, state: &mut State) {
        state.rung = true;
        // A full pipe already rings.
        let _ = rustix::io::write(&self.shared.bell.1, &[1]);
    }

    /// Wakes whoever waits, to look at something that is not kept here.
    pub fn wake(&self) {
        self.ring(&mut self.state());
    }

    /// Whether any signal was ever sent.
    pub fn has_signalled(&self) -> bool {
        self.state().sent
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
        state.open += 1;
        // A cell may lie; it only harms the waits of its own guest.
        state.travelling &= !arrived;
        state.untaken = untaken;
    }

    /// The call ends. Gives the signals that are still on their way, and those that
    /// go with its answer, a bit a number.
    pub fn close_call(&self) -> (u64, u64) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
        (state.travelling, std::mem::take(&mut state.within))
    }

    /// Whether the guest has yet to take a signal.
    pub fn is_interrupted(&self) -> bool {
        self.state().is_interrupted()
    }

    /// Sends the signals that have become due, and asks to be reminded of those
    /// to come.
    pub fn tick(&self) {
        let mut state = self.state();
        self.fire(&mut state);
        let next = state.next();
        if let (Some(remind), Some(next)) = (&state.remind, next) {
            remind(next);
        }
    }

    fn fire(&self, state: &mut State) {
        let now = Instant::now();
        if let Some((at, signal)) = state.warning
            && at <= now
        {
            state.warning = None;
            state.warned = true;
            self.send(state, signal);
        }
        if let Some(timer) = state.timer
            && timer.at <= now
        {
            // One that was missed is not made up for.
            let interval = timer.interval.max(SHORTEST_INTERVAL);
            let again = now.checked_add(interval).filter(|_| !timer.interval.is_zero());
            state.timer = again.map(|at| Timer { at, interval });
            // A guest that waits and does not take its alarms gets one at a time. Of
            // one that computes nobody knows whether it has taken the last.
            if state.open == 0 || !state.is_interrupted() || again.is_none() {
                self.send(state, Signal::ALARM);
            }
        }
    }

    /// Sets the guest's alarm clock, and gives what was set before.
    pub(crate) fn set_timer(&self, timer: Option<Timer>) -> Option<Timer> {
        let mut state = self.state();
        self.fire(&mut state);
        let before = std::mem::replace(&mut state.timer, timer);
        if let (Some(remind), Some(timer)) = (&state.remind, timer) {
            remind(timer.at);
        }
        before
    }

    /// The guest's alarm clock.
    pub(crate) fn timer(&self) -> Option<Timer> {
        self.state().timer
    }

    /// Whether work for the run may go on, signals or not. It is cheap enough to be
    /// asked for each piece of some microseconds.
    ///
    /// # Errors
    /// Why the run must end.
    pub fn go_on(&self) -> Result<(), Stop> {
        let mut state = self.state();
        if state.stop.is_none() {
            state.stop = state.look.as_ref().and_then(|look| look());
        }
        match &state.stop {
            Some(stop) => Err(stop.clone()),
            None if self.is_late() => Err(Stop::Deadline),
            None => Ok(()),
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether the run must end, or a signal is pending.
    ///
    /// # Errors
    /// [`Woken::Stop`] or [`Woken::Interrupted`].
    pub fn check(&self) -> Result<(), Woken> {
        let mut state = self.state();
        if let Some(stop) = &state.stop {
            return Err(Woken::Stop(stop.clone()));
        }
        if self.is_late() {
            return Err(Woken::Stop(Stop::Deadline));
        }
        self.fire(&mut state);
        if state.is_interrupted() {
            return Err(Woken::Interrupted);
        }
        if state.rung {
            state.rung = false;
            let mut rung = [0; 64];
            while rustix::io::read(&self.shared.bell.0, &mut rung).is_ok_and(|count| count > 0) {}
        }
        Ok(())
    }

    /// Readable when [`check`](Self::check) would find something other than the
    /// deadline.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.shared.bell.0.as_fd()
    }

    /// The time until [`check`](Self::check) must be asked again, or until `until`
    /// if that is earlier; `None` for ever.
    pub fn remaining(&self, until: Option<Instant>) -> Option<Duration> {
        let next = self.state().next();
        let earliest = [until, self.deadline, next].into_iter().flatten().min();
        earliest.map(|instant| instant.saturating_duration_since(Instant::now()))
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
            let now = Instant::now();
            if now >= until {
                return Ok(());
            }
            // In steps, for a bell that rings for a signal would end it early.
            let step = self.remaining(Some(until)).unwrap_or_default().min(Duration::from_millis(20));
            std::thread::sleep(step);
        }
    }
}

impl State {
    fn is_interrupted(&self) -> bool {
        self.untaken || (self.travelling | self.within) != 0
    }

    /// When the next signal becomes due.
    fn next(&self) -> Option<Instant> {
        let warning = self.warning.map(|(at, _)| at);
        [warning, self.timer.map(|timer| timer.at)].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LimitKind;
    use std::sync::mpsc;

    fn waiter() -> Waiter {
        Waiter::new(None).expect("the host has descriptors")
    }

    const TERMINATE: u64 = 1 << 15;

    #[test]
    fn an_alarm_clock_rings_again_and_again_for_a_guest_that_makes_no_calls() {
        let waiter = waiter();
        let (sent, arrived) = mpsc::channel();
        waiter.connect(Box::new(move |signal| sent.send(signal).is_ok()));
        let interval = Duration::from_millis(2);
        waiter.set_timer(Some(Timer { at: Instant::now(), interval }));
        for _ in 0..3 {
            std::thread::sleep(interval * 2);
            waiter.tick();
        }
        assert_eq!(arrived.try_iter().count(), 3);
    }

    #[test]
    fn a_signal_beside_the_calls_is_pending_until_the_guest_has_taken_it() {
        let waiter = waiter();
        let (sent, arrived) = mpsc::channel();
        waiter.connect(Box::new(move |signal| sent.send(signal).is_ok()));
        assert_eq!(waiter.check(), Ok(()));
        waiter.signal(Signal::TERMINATE);
        assert_eq!(arrived.try_recv(), Ok(Signal::TERMINATE));
        waiter.open_call(0, false);
        for _ in 0..2 {
            assert_eq!(waiter.check(), Err(Woken::Interrupted), "it is still on its way");
        }
        assert_eq!(waiter.close_call(), (TERMINATE, 0));
        waiter.open_call(TERMINATE, true);
        assert_eq!(waiter.check(), Err(Woken::Interrupted), "it is there, and not taken");
        assert_eq!(waiter.close_call(), (0, 0));
        waiter.open_call(0, false);
        assert_eq!(waiter.check(), Ok(()));
    }

    #[test]
    fn a_signal_in_a_call_goes_with_its_answer() {
        let waiter = waiter();
        waiter.connect(Box::new(|_| panic!("the guest stands still")));
        waiter.open_call(0, false);
        waiter.signal(Signal::TERMINATE);
        assert_eq!(waiter.check(), Err(Woken::Interrupted));
        assert_eq!((waiter.close_call(), waiter.close_call()), ((0, TERMINATE), (0, 0)));
    }

    #[test]
    fn a_signal_that_cannot_be_sent_goes_with_the_next_answer() {
        let waiter = waiter();
        waiter.connect(Box::new(|_| false));
        waiter.signal(Signal::TERMINATE);
        waiter.open_call(0, false);
        assert_eq!(waiter.check(), Err(Woken::Interrupted));
        assert_eq!(waiter.close_call(), (0, TERMINATE));
    }

    #[test]
    fn the_first_cause_to_stop_stays() {
        let waiter = waiter();
        assert!(waiter.stop(Stop::Limit(LimitKind::Output.at(1))));
        assert!(!waiter.stop(Stop::Killed));
        assert_eq!(waiter.stopped(), Some(Stop::Limit(LimitKind::Output.at(1))));
        assert_eq!(
            waiter.pause_until(Instant::now() + Duration::from_secs(100)),
            Err(Stop::Limit(LimitKind::Output.at(1)))
        );
    }

    #[test]
    fn a_timer_rings_when_it_is_due_and_again() {
        let waiter = waiter();
        let interval = Duration::from_millis(20);
        waiter.set_timer(Some(Timer { at: Instant::now(), interval }));
        assert_eq!(waiter.check(), Err(Woken::Interrupted));
        assert_eq!(waiter.close_call(), (0, 1 << 14));
        assert_eq!(waiter.check(), Ok(()));
        assert!(waiter.remaining(None).is_some_and(|left| left <= interval));
        std::thread::sleep(interval);
        assert_eq!(waiter.check(), Err(Woken::Interrupted));
        assert_eq!((waiter.close_call(), waiter.set_timer(None).is_some()), ((0, 1 << 14), true));
    }

    #[test]
    fn a_warning_is_given_once() {
        let waiter = waiter();
        waiter.warn(Instant::now(), Signal::TERMINATE);
        waiter.tick();
        assert_eq!((waiter.close_call(), waiter.has_warned()), ((0, 1 << 15), true));
        waiter.tick();
        assert_eq!(waiter.close_call(), (0, 0));
    }
}
