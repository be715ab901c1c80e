//! Signals that become due: the guest's alarm clocks and timers, and the warning before a
//! deadline.
//!
//! A timer runs by the clock of waits, or by the guest's processor time. Nobody can be woken
//! when that has reached some value, so it is looked at when it can have at the earliest: a
//! guest has one thread, so its processor time is never faster than time. While a call is
//! open the guest does not compute, and it is not looked at.

use super::signals::Signals;
use crate::{Errno, Signal};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asks that [`Waiter::tick`](super::Waiter::tick) be called at this time.
pub type Schedule = Box<dyn Fn(Instant) + Send>;

/// Tells how much processor time a guest has used, in whatever thread. It must not use the
/// run's [`Waiter`](super::Waiter).
pub(crate) type ProcessorTime = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The shortest interval of an alarm clock, so that it does not keep the machine busy; and how
/// long processor time is not looked at again.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// How many timers a guest may have, beside its alarm clocks.
// BOUND: each is some 100 bytes, and a look at what is due looks at all of them.
pub(crate) const MOST_TIMERS: usize = 256;

/// What a timer is set to, or says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    /// How long until it expires; zero if it is not set.
    pub left: Duration,
    /// How long after that again; zero for once.
    pub interval: Duration,
}

/// The alarm clocks that each process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlarmClock {
    /// Of time as it passes.
    Real,
    /// Of the processor time of the program itself.
    Virtual,
    /// Of all processor time.
    Profile,
}

impl AlarmClock {
    /// By Linux's number.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [Self::Real, Self::Virtual, Self::Profile].get(number as usize).copied()
    }

    fn signal(self) -> Signal {
        match self {
            Self::Real => Signal::ALARM,
            Self::Virtual => Signal::VIRTUAL_ALARM,
            Self::Profile => Signal::PROFILE,
        }
    }
}

/// What a timer runs by.
#[derive(Clone)]
pub(crate) enum Basis {
    /// The clock of waits.
    Time,
    /// The guest's processor time.
    Processor(ProcessorTime),
}

/// What a timer tells when it expires.
#[derive(Clone, Copy)]
struct Notice {
    /// What it sends, if anything.
    signal: Option<Signal>,
    /// What goes with the signal.
    value: u32,
}

/// What expired, for the signal that told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// The timer's number.
    pub timer: u32,
    /// How often it has expired beside that since.
    pub overrun: u32,
    /// What goes with the signal.
    pub value: u32,
    /// Whether another one waits that is told by the same signal.
    pub more: bool,
}

/// What an alarm runs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunsBy {
    Time,
    Processor,
}

/// What the clocks show. Each is asked once, however many alarms run by it.
#[derive(Clone, Copy)]
struct Moment {
    now: Instant,
    /// How long the clock of waits has run.
    passed: Duration,
    /// How much processor time the guest has used.
    used: Duration,
    computing: Computing,
}

/// Something that is set to expire.
struct Alarm {
    runs_by: RunsBy,
    /// When it expires next, by what it runs by.
    due: Duration,
    interval: Duration,
    /// When it is to be looked at.
    look: Option<Instant>,
}

/// A timer that the program has made.
struct Timer {
    /// What its maker calls its clock.
    clock: i32,
    notice: Notice,
    runs_by: RunsBy,
    alarm: Option<Alarm>,
    /// Which of all expiries its signal told of that the guest has not taken yet. Until then
    /// it sends no other.
    pending: Option<u64>,
    /// How often it had expired beside that whose signal was taken last.
    overrun: u32,
}

#[derive(Default)]
pub(super) struct Timers {
    /// The signal that announces the deadline, and when it is due.
    warning: Option<(Instant, Signal)>,
    warned: bool,
    /// Where the clock of waits counts from.
    start: Option<Instant>,
    /// What tells of processor time, once something runs by that.
    processor: Option<ProcessorTime>,
    /// By the order of [`AlarmClock`].
    alarms: [Option<Alarm>; 3],
    // BOUND: MOST_TIMERS.
    timers: BTreeMap<u32, Timer>,
    /// How many expiries were signalled.
    expiries: u64,
    /// The earliest of all that is to be looked at.
    next: Option<Instant>,
    schedule: Option<Schedule>,
}

/// Whether the guest computes, or stands still in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Computing {
    Yes,
    No,
}

/// Whether something became due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fired {
    Yes,
    No,
}

impl Alarm {
    fn is_to_be_looked_at(&self, now: Instant) -> bool {
        self.look.is_some_and(|look| look <= now)
    }

    fn time(&self, moment: Moment) -> Duration {
        match self.runs_by {
            RunsBy::Time => moment.passed,
            RunsBy::Processor => moment.used,
        }
    }

    /// Says when it is to be looked at next.
    fn plan(&mut self, moment: Moment) {
        let left = self.due.saturating_sub(self.time(moment));
        self.look = match (self.runs_by, moment.computing) {
            // A time too far to be told never comes.
            (RunsBy::Time, _) => moment.now.checked_add(left),
            (RunsBy::Processor, Computing::Yes) => moment.now.checked_add(left.max(SHORTEST_INTERVAL)),
            (RunsBy::Processor, Computing::No) => None,
        };
    }

    /// How long it has until it expires next, or once more.
    fn left(&self, moment: Moment) -> Duration {
        let time = self.time(moment);
        match self.due.checked_sub(time) {
            Some(left) if !left.is_zero() => left,
            _ => {
                let late = time.saturating_sub(self.due);
                let (times, _) = expired(late, self.interval);
                self.interval.saturating_mul(times.saturating_add(1)).saturating_sub(late)
            }
        }
    }
}

/// How often something of this interval has expired once more within `late`, and how long that
/// takes.
fn expired(late: Duration, interval: Duration) -> (u32, Duration) {
    let times = late.as_nanos().checked_div(interval.as_nanos()).unwrap_or(0);
    let times = u32::try_from(times).unwrap_or(u32::MAX);
    (times, interval.saturating_mul(times))
}

impl Timers {
    pub(super) fn schedule_by(&mut self, schedule: Option<Schedule>) -> Option<Schedule> {
        std::mem::replace(&mut self.schedule, schedule)
    }

    pub(super) fn warn(&mut self, at: Instant, signal: Signal) {
        self.warning = Some((at, signal));
        self.look_ahead();
        self.schedule_next();
    }

    pub(super) fn has_warned(&self) -> bool {
        self.warned
    }

    fn moment(&mut self, now: Instant, computing: Computing) -> Moment {
        let passed = now.saturating_duration_since(*self.start.get_or_insert(now));
        let used = self.processor.as_ref().map_or(Duration::ZERO, |used| used());
        Moment { now, passed, used, computing }
    }

    /// What a timer of this basis runs by.
    fn run_by(&mut self, basis: Basis) -> RunsBy {
        match basis {
            Basis::Time => RunsBy::Time,
            Basis::Processor(used) => {
                // There is one guest, and so one time.
                self.processor.get_or_insert(used);
                RunsBy::Processor
            }
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Alarm> {
        let timers = self.timers.values_mut().filter(|timer| timer.is_watched());
        self.alarms.iter_mut().flatten().chain(timers.filter_map(|timer| timer.alarm.as_mut()))
    }

    fn look_ahead(&mut self) {
        let warning = self.warning.map(|(at, _)| at);
        self.next = self.all().filter_map(|alarm| alarm.look).chain(warning).min();
    }

    /// The guest begins to compute, or stands still in a call.
    pub(super) fn set_computing(&mut self, now: impl FnOnce() -> Instant, computing: Computing) {
        if self.processor.is_none() || !self.all().any(|alarm| alarm.runs_by == RunsBy::Processor) {
            return;
        }
        let moment = self.moment(now(), computing);
        for alarm in self.all().filter(|alarm| alarm.runs_by == RunsBy::Processor) {
            alarm.plan(moment);
        }
        self.look_ahead();
        if computing == Computing::Yes {
            self.schedule_next();
        }
    }

    fn alarm(
        &mut self,
        runs_by: RunsBy,
        setting: Setting,
        now: Instant,
        computing: Computing,
    ) -> Option<Alarm> {
        let moment = self.moment(now, computing);
        let mut alarm = Alarm { runs_by, due: Duration::ZERO, interval: setting.interval, look: None };
        alarm.due = alarm.time(moment).saturating_add(setting.left);
        alarm.plan(moment);
        (!setting.left.is_zero()).then_some(alarm)
    }

    pub(super) fn set_alarm(
        &mut self,
        clock: AlarmClock,
        basis: Basis,
        setting: Setting,
        now: Instant,
        computing: Computing,
    ) {
        let runs_by = self.run_by(basis);
        self.alarms[clock as usize] = self.alarm(runs_by, setting, now, computing);
        self.look_ahead();
        self.schedule_next();
    }

    pub(super) fn alarm_setting(&mut self, clock: AlarmClock, now: Instant) -> Setting {
        // Whether it computes makes no difference to what is told.
        let moment = self.moment(now, Computing::No);
        self.alarms[clock as usize].as_ref().map_or_else(Setting::default, |alarm| Setting {
            // One that is due is not over yet.
            left: alarm.due.saturating_sub(alarm.time(moment)).max(Duration::from_nanos(1)),
            interval: alarm.interval,
        })
    }

    /// Makes a timer of the lowest number that is free; EAGAIN if there are too many. What its
    /// signal says, if the maker does not, is this number.
    pub(super) fn create(
        &mut self,
        clock: i32,
        basis: Basis,
        signal: Option<Signal>,
        value: Option<u32>,
    ) -> Result<u32, Errno> {
        let free = (0..).zip(self.timers.keys().map(Some).chain([None]));
        let number = free.into_iter().find(|(number, taken)| *taken != Some(number));
        let Some((number, _)) = number.filter(|_| self.timers.len() < MOST_TIMERS) else {
            return Err(Errno::AGAIN);
        };
        let notice = Notice { signal, value: value.unwrap_or(number) };
        let runs_by = self.run_by(basis);
        self.timers.insert(number, Timer { clock, notice, runs_by, alarm: None, pending: None, overrun: 0 });
        Ok(number)
    }

    /// Whether there was such a timer.
    pub(super) fn delete(&mut self, timer: u32) -> bool {
        let was = self.timers.remove(&timer).is_some();
        self.look_ahead();
        was
    }

    /// EINVAL if there is none.
    pub(super) fn clock(&self, timer: u32) -> Result<i32, Errno> {
        self.timers.get(&timer).map(|timer| timer.clock).ok_or(Errno::INVAL)
    }

    /// EINVAL if there is none.
    pub(super) fn set(
        &mut self,
        timer: u32,
        setting: Setting,
        now: Instant,
        computing: Computing,
    ) -> Result<(), Errno> {
        let runs_by = self.timers.get(&timer).ok_or(Errno::INVAL)?.runs_by;
        let alarm = self.alarm(runs_by, setting, now, computing);
        if let Some(timer) = self.timers.get_mut(&timer) {
            (timer.alarm, timer.pending, timer.overrun) = (alarm, None, 0);
        }
        self.look_ahead();
        self.schedule_next();
        Ok(())
    }

    /// EINVAL if there is none.
    pub(super) fn setting(&mut self, timer: u32, now: Instant) -> Result<Setting, Errno> {
        let moment = self.moment(now, Computing::No);
        let timer = self.timers.get(&timer).ok_or(Errno::INVAL)?;
        Ok(timer.alarm.as_ref().map_or_else(Setting::default, |alarm| Setting {
            left: alarm.left(moment),
            interval: alarm.interval,
        }))
    }

    /// EINVAL if there is none.
    pub(super) fn overrun(&self, timer: u32) -> Result<u32, Errno> {
        self.timers.get(&timer).map(|timer| timer.overrun).ok_or(Errno::INVAL)
    }

    /// The guest takes the signal of the timer that was first to send it.
    pub(super) fn take(&mut self, signal: Signal, now: Instant, computing: Computing) -> Option<Expiry> {
        let moment = self.moment(now, computing);
        let waiting = || {
            let of_it = self.timers.iter().filter(|(_, timer)| timer.notice.signal == Some(signal));
            of_it.filter_map(|(number, timer)| Some((timer.pending?, *number)))
        };
        let (more, (_, number)) = (waiting().count() > 1, waiting().min()?);
        let timer = self.timers.get_mut(&number)?;
        timer.pending = None;
        timer.overrun = 0;
        match timer.alarm.as_mut() {
            Some(alarm) if !alarm.interval.is_zero() => {
                // It goes on from here, as if it had expired all the while.
                let late = alarm.time(moment).saturating_sub(alarm.due);
                let (times, took) = expired(late, alarm.interval);
                timer.overrun = times.min(i32::MAX.cast_unsigned());
                alarm.due = alarm.due.saturating_add(took).saturating_add(alarm.interval);
                alarm.plan(moment);
            }
            _ => timer.alarm = None,
        }
        let expiry = Expiry { timer: number, overrun: timer.overrun, value: timer.notice.value, more };
        self.look_ahead();
        self.schedule_next();
        Some(expiry)
    }

    /// Asks to be called when the next is due.
    pub(super) fn schedule_next(&self) {
        if let (Some(schedule), Some(at)) = (&self.schedule, self.next) {
            schedule(at);
        }
    }

    /// When the next signal becomes due, or is to be looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sends what has become due at `now`.
    pub(super) fn fire(&mut self, now: Instant, signals: &mut Signals) -> Fired {
        let mut fired = Fired::No;
        if self.next.is_none_or(|next| now < next) {
            return fired;
        }
        if let Some((at, signal)) = self.warning
            && at <= now
        {
            self.warning = None;
            self.warned = true;
            signals.send(signal);
            fired = Fired::Yes;
        }
        let computing = if signals.is_open() { Computing::No } else { Computing::Yes };
        let moment = self.moment(now, computing);
        for clock in [AlarmClock::Real, AlarmClock::Virtual, AlarmClock::Profile] {
            let slot = &mut self.alarms[clock as usize];
            let Some(alarm) = slot.as_mut().filter(|alarm| alarm.is_to_be_looked_at(now)) else { continue };
            let time = alarm.time(moment);
            if time < alarm.due {
                alarm.plan(moment);
                continue;
            }
            let again = !alarm.interval.is_zero();
            // One that was missed is not made up for.
            alarm.due = time.saturating_add(alarm.interval.max(SHORTEST_INTERVAL));
            alarm.plan(moment);
            if !again {
                *slot = None;
            }
            // A guest that waits and does not take its alarms gets one at a time. Of
            // one that computes nobody knows whether it has taken the last.
            if computing == Computing::Yes || !signals.is_interrupted() || !again {
                signals.send(clock.signal());
                fired = Fired::Yes;
            }
        }
        for timer in self.timers.values_mut().filter(|timer| timer.is_watched()) {
            let (Some(alarm), Some(signal)) = (timer.alarm.as_mut(), timer.notice.signal) else { continue };
            if !alarm.is_to_be_looked_at(now) {
                continue;
            }
            if alarm.time(moment) < alarm.due {
                alarm.plan(moment);
                continue;
            }
            self.expiries += 1;
            timer.pending = Some(self.expiries);
            signals.send(signal);
            fired = Fired::Yes;
        }
        self.look_ahead();
        fired
    }
}

impl Timer {
    /// Whether anything happens when it expires.
    fn is_watched(&self) -> bool {
        self.notice.signal.is_some() && self.pending.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc;

    const ALARM: u64 = 1 << 14;
    const INTERVAL: Duration = Duration::from_millis(20);
    const EACH: Setting = Setting { left: INTERVAL, interval: INTERVAL };

    fn set(timers: &mut Timers, start: Instant, setting: Setting) {
        timers.set_alarm(AlarmClock::Real, Basis::Time, setting, start, Computing::No);
    }

    #[test]
    fn an_alarm_clock_rings_again_and_again_for_a_guest_that_makes_no_calls() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let (sent, arrived) = mpsc::channel();
        signals.connect(Some(Box::new(move |signal| sent.send(signal).is_ok())));
        let start = Instant::now();
        set(&mut timers, start, EACH);
        for turn in 1..4 {
            assert_eq!(timers.fire(start + INTERVAL * turn, &mut signals), Fired::Yes);
        }
        assert_eq!(arrived.try_iter().count(), 3);
    }

    #[test]
    fn a_timer_rings_when_it_is_due_and_again() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        set(&mut timers, start, EACH);
        let first = start + INTERVAL;
        assert_eq!(timers.fire(first, &mut signals), Fired::Yes);
        assert_eq!((signals.close_call(), timers.next()), ((0, ALARM), Some(first + INTERVAL)));
        assert_eq!(timers.fire(first + INTERVAL / 2, &mut signals), Fired::No);
        assert_eq!(timers.alarm_setting(AlarmClock::Real, first + INTERVAL / 2).left, INTERVAL / 2);
        assert_eq!(timers.fire(first + INTERVAL, &mut signals), Fired::Yes);
        set(&mut timers, start, Setting::default());
        assert_eq!(
            (timers.next(), timers.alarm_setting(AlarmClock::Real, first)),
            (None, Setting::default())
        );
    }

    #[test]
    fn a_guest_that_waits_gets_one_alarm_at_a_time() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        signals.open_call(0, false);
        set(&mut timers, start, EACH);
        assert_eq!(timers.fire(start + INTERVAL, &mut signals), Fired::Yes);
        assert_eq!(timers.fire(start + INTERVAL * 2, &mut signals), Fired::No);
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

    #[test]
    fn processor_time_is_looked_at_while_the_guest_computes_and_no_sooner_than_it_can_be_over() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let used = Arc::new(Mutex::new(Duration::ZERO));
        let told = Arc::clone(&used);
        let basis = Basis::Processor(Arc::new(move || *told.lock().expect("held by nobody")));
        let start = Instant::now();
        // It is set in a call.
        timers.set_alarm(AlarmClock::Profile, basis, EACH, start, Computing::No);
        assert_eq!(timers.next(), None);
        timers.set_computing(|| start, Computing::Yes);
        assert_eq!(timers.next(), Some(start + INTERVAL));
        *used.lock().expect("held by nobody") = INTERVAL / 2;
        assert_eq!(timers.fire(start + INTERVAL, &mut signals), Fired::No);
        assert_eq!(timers.next(), Some(start + INTERVAL * 3 / 2));
        timers.set_computing(|| start, Computing::No);
        assert_eq!(timers.next(), None, "nobody computes");
        timers.set_computing(|| start + INTERVAL * 9, Computing::Yes);
        *used.lock().expect("held by nobody") = INTERVAL;
        assert_eq!(timers.fire(start + INTERVAL * 10, &mut signals), Fired::Yes);
        assert_eq!(signals.close_call(), (0, 1 << 27));
        assert_eq!(timers.alarm_setting(AlarmClock::Profile, start), EACH);
    }

    #[test]
    fn processor_time_is_asked_for_once_for_all_timers() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let asked = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&asked);
        let used: ProcessorTime = Arc::new(move || {
            *counted.lock().expect("held by nobody") += 1;
            Duration::ZERO
        });
        let start = Instant::now();
        for _ in 0..MOST_TIMERS {
            let basis = Basis::Processor(Arc::clone(&used));
            let number = timers.create(2, basis, Some(Signal::ALARM), None).expect("there is room");
            timers.set(number, EACH, start, Computing::No).expect("it is there");
        }
        let before = std::mem::take(&mut *asked.lock().expect("held by nobody"));
        assert_eq!(before, MOST_TIMERS, "once for each that is set");
        timers.set_computing(|| start, Computing::Yes);
        assert_eq!(timers.fire(start + INTERVAL, &mut signals), Fired::No);
        assert_eq!(*asked.lock().expect("held by nobody"), 2);
    }

    #[test]
    fn a_timer_sends_one_signal_until_it_is_taken_and_counts_the_rest() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        let at = |turns: u32| start + INTERVAL * turns;
        let number = timers.create(1, Basis::Time, Some(Signal::TERMINATE), Some(77)).expect("there is room");
        timers.set(number, EACH, start, Computing::No).expect("it is there");
        assert_eq!(timers.fire(at(1), &mut signals), Fired::Yes);
        assert_eq!((timers.fire(at(4), &mut signals), timers.next()), (Fired::No, None));
        let setting = timers.setting(number, at(4) + INTERVAL / 4).expect("it is there");
        assert_eq!(setting, Setting { left: INTERVAL * 3 / 4, interval: INTERVAL });
        assert_eq!(timers.take(Signal::ALARM, at(4), Computing::No), None);
        let expiry = Expiry { timer: number, overrun: 3, value: 77, more: false };
        assert_eq!(timers.take(Signal::TERMINATE, at(4), Computing::No), Some(expiry));
        assert_eq!((timers.overrun(number), timers.next()), (Ok(3), Some(at(5))));
        assert_eq!(timers.take(Signal::TERMINATE, at(4), Computing::No), None);
        assert_eq!(timers.fire(at(5), &mut signals), Fired::Yes);
        assert!(timers.delete(number) && !timers.delete(number) && timers.next().is_none());
    }

    #[test]
    fn timers_that_share_a_signal_are_told_of_in_the_order_in_which_they_expired() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        let once = |turns| Setting { left: INTERVAL * turns, interval: Duration::ZERO };
        for (number, turns) in [(0, 2), (1, 1)] {
            assert_eq!(timers.create(1, Basis::Time, Some(Signal::TERMINATE), None), Ok(number));
            timers.set(number, once(turns), start, Computing::No).expect("it is there");
        }
        for turns in [1, 2] {
            assert_eq!(timers.fire(start + INTERVAL * turns, &mut signals), Fired::Yes);
        }
        let taken = [(); 3].map(|()| timers.take(Signal::TERMINATE, start + INTERVAL * 3, Computing::No));
        let expiry = |timer, more| Some(Expiry { timer, overrun: 0, value: timer, more });
        assert_eq!(taken, [expiry(1, true), expiry(0, false), None]);
        assert_eq!(timers.setting(0, start + INTERVAL * 3), Ok(Setting::default()));
    }

    #[test]
    fn a_timer_without_a_signal_only_tells_its_time() {
        let (mut timers, mut signals) = (Timers::default(), Signals::default());
        let start = Instant::now();
        assert_eq!(timers.create(1, Basis::Time, None, None), Ok(0));
        timers.set(0, EACH, start, Computing::No).expect("it is there");
        assert_eq!((timers.next(), timers.fire(start + INTERVAL, &mut signals)), (None, Fired::No));
        let left = |turns: u32, quarters| {
            let at = start + INTERVAL * turns + INTERVAL * quarters / 4;
            move |timers: &mut Timers| timers.setting(0, at).expect("it is there").left
        };
        assert_eq!(left(0, 1)(&mut timers), INTERVAL * 3 / 4);
        assert_eq!(left(7, 1)(&mut timers), INTERVAL * 3 / 4);
        assert_eq!(left(7, 0)(&mut timers), INTERVAL);
    }

    #[test]
    fn there_are_no_more_timers_than_there_may_be() {
        let mut timers = Timers::default();
        for number in 0..MOST_TIMERS as u32 {
            assert_eq!(timers.create(1, Basis::Time, None, None), Ok(number));
        }
        assert_eq!(timers.create(1, Basis::Time, None, None), Err(Errno::AGAIN));
        assert!(timers.delete(7));
        assert_eq!(timers.create(1, Basis::Time, None, None), Ok(7));
        let never = Setting { left: Duration::MAX, interval: Duration::MAX };
        timers.set(7, never, Instant::now(), Computing::Yes).expect("it is there");
        assert_eq!(timers.set(999, never, Instant::now(), Computing::Yes), Err(Errno::INVAL));
    }
}
