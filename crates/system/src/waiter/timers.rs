//! Signals that become due: the guest's alarm clock, and the warning before a deadline.

use super::signals::Signals;
use crate::Signal;
use std::time::{Duration, Instant};

/// Asks that [`Waiter::tick`](super::Waiter::tick) be called at this time.
pub type Schedule = Box<dyn Fn(Instant) + Send>;

/// The shortest interval of a timer, so that it does not keep the machine busy.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// The guest's alarm clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer {
    /// When it expires next.
    pub at: Instant,
    /// How long after that again; zero for once.
    pub interval: Duration,
}

#[derive(Default)]
pub(super) struct Timers {
    /// The signal that announces the deadline, and when it is due.
    warning: Option<(Instant, Signal)>,
    warned: bool,
    timer: Option<Timer>,
    schedule: Option<Schedule>,
}

/// Whether something became due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fired {
    Yes,
    No,
}

impl Timers {
    pub(super) fn schedule_by(&mut self, schedule: Option<Schedule>) -> Option<Schedule> {
        std::mem::replace(&mut self.schedule, schedule)
    }

    pub(super) fn warn(&mut self, at: Instant, signal: Signal) {
        self.warning = Some((at, signal));
        self.schedule(Some(at));
    }

    pub(super) fn has_warned(&self) -> bool {
        self.warned
    }

    pub(super) fn set_timer(&mut self, timer: Option<Timer>) -> Option<Timer> {
        let before = std::mem::replace(&mut self.timer, timer);
        self.schedule(timer.map(|timer| timer.at));
        before
    }

    pub(super) fn timer(&self) -> Option<Timer> {
        self.timer
    }

    /// Asks to be called when the next is due.
    pub(super) fn schedule_next(&self) {
        self.schedule(self.next());
    }

    fn schedule(&self, at: Option<Instant>) {
        if let (Some(schedule), Some(at)) = (&self.schedule, at) {
            schedule(at);
        }
    }

    /// When the next signal becomes due.
    pub(super) fn next(&self) -> Option<Instant> {
        let warning = self.warning.map(|(at, _)| at);
        [warning, self.timer.map(|timer| timer.at)].into_iter().flatten().min()
    }

    /// Sends what has become due at `now`.
    pub(super) fn fire(&mut self, now: Instant, signals: &mut Signals) -> Fired {
        let mut fired = Fired::No;
        if let Some((at, signal)) = self.warning
            && at <= now
        {
            self.warning = None;
            self.warned = true;
            signals.send(signal);
            fired = Fired::Yes;
        }
        if let Some(timer) = self.timer
            && timer.at <= now
        {
            // One that was missed is not made up for.
            let interval = timer.interval.max(SHORTEST_INTERVAL);
            let again = now.checked_add(interval).filter(|_| !timer.interval.is_zero());
            self.timer = again.map(|at| Timer { at, interval });
            // A guest that waits and does not take its alarms gets one at a time. Of
            // one that computes nobody knows whether it has taken the last.
            if !signals.is_open() || !signals.is_interrupted() || again.is_none() {
                signals.send(Signal::ALARM);
                fired = Fired::Yes;
            }
        }
        fired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const ALARM: u64 = 1 << 14;
    const INTERVAL: Duration = Duration::from_millis(20);

    #[test]
    fn an_alarm_clock_rings_again_and_again_for_a_guest_that_makes_no_calls() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let (sent, arrived) = mpsc::channel();
        signals.connect(Some(Box::new(move |signal| sent.send(signal).is_ok())));
        let start = Instant::now();
        timers.set_timer(Some(Timer { at: start, interval: INTERVAL }));
        for turn in 0..3 {
            assert_eq!(timers.fire(start + INTERVAL * turn, &mut signals), Fired::Yes);
        }
        assert_eq!(arrived.try_iter().count(), 3);
    }

    #[test]
    fn a_timer_rings_when_it_is_due_and_again() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        timers.set_timer(Some(Timer { at: start, interval: INTERVAL }));
        assert_eq!(timers.fire(start, &mut signals), Fired::Yes);
        assert_eq!((signals.close_call(), timers.next()), ((0, ALARM), Some(start + INTERVAL)));
        assert_eq!(timers.fire(start + INTERVAL / 2, &mut signals), Fired::No);
        assert_eq!(timers.fire(start + INTERVAL, &mut signals), Fired::Yes);
        assert!(timers.set_timer(None).is_some() && timers.next().is_none());
    }

    #[test]
    fn a_guest_that_waits_gets_one_alarm_at_a_time() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        signals.open_call(0, false);
        timers.set_timer(Some(Timer { at: start, interval: INTERVAL }));
        assert_eq!(timers.fire(start, &mut signals), Fired::Yes);
        assert_eq!(timers.fire(start + INTERVAL, &mut signals), Fired::No);
    }

    #[test]
    fn a_warning_is_given_once() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        timers.warn(start, Signal::TERMINATE);
        assert!(!timers.has_warned());
        assert_eq!(timers.fire(start, &mut signals), Fired::Yes);
        assert_eq!((signals.close_call(), timers.has_warned()), ((0, 1 << 15), true));
        assert_eq!(timers.fire(start, &mut signals), Fired::No);
    }
}
