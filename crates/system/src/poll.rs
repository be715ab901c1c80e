//! Waiting for any of many things: what poll, select and epoll have in common.
//!
//! A look asks each thing which events hold of it now, and gathers what it depends on
//! besides: sources of the host, queues that are woken, clocks that come. If no event that
//! is wanted holds, one waits for any of these, and looks again.

use crate::clock::Sleep;
use crate::host::{Ready, Source};
use crate::object::Interest;
use crate::sleep::{Pace, since, sleep_or_wake};
use crate::wait::{Doubt, Listener, Readiness, WaitQueue, wait_for_any};
use crate::{Errno, Fault};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::time::Duration;

/// What may hold of a thing, in Linux's numbers (`asm-generic/poll.h`).
pub(crate) mod events {
    pub(crate) const IN: u32 = 1;
    pub(crate) const PRIORITY: u32 = 2;
    pub(crate) const OUT: u32 = 4;
    pub(crate) const ERROR: u32 = 8;
    pub(crate) const HANGUP: u32 = 0x10;
    /// It is not open.
    pub(crate) const INVALID: u32 = 0x20;
    const READ_NORMAL: u32 = 0x40;
    const READ_BAND: u32 = 0x80;
    const WRITE_NORMAL: u32 = 0x100;
    pub(crate) const WRITE_BAND: u32 = 0x200;
    /// The other end writes no more.
    pub(crate) const READ_HANGUP: u32 = 0x2000;

    /// There are bytes to read; there is room for some.
    pub(crate) const READABLE: u32 = IN | READ_NORMAL;
    pub(crate) const WRITABLE: u32 = OUT | WRITE_NORMAL;
    /// All that is about reading, and about writing.
    pub(crate) const READING: u32 = READABLE | READ_BAND | PRIORITY | READ_HANGUP;
    pub(crate) const WRITING: u32 = WRITABLE | WRITE_BAND;
    /// What is told without being asked for.
    pub(crate) const ALWAYS: u32 = ERROR | HANGUP;
}

use events::*;

/// What a thing answers to a look.
#[derive(Clone, Debug, Default)]
pub struct Polled {
    /// The events that hold now.
    pub(crate) events: u32,
    /// The sources on which more depends.
    asked: SmallVec<[Asked; 2]>,
    /// How often it changed, of what knows: an edge is when it did.
    pub(crate) edges: Option<u64>,
}

/// A source of the host that a thing depends on.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Which it is of those that the look has gathered.
    source: usize,
    /// Which of its events count.
    only: u32,
    /// What holds of the thing when they do, if not the same.
    gives: Option<u32>,
}

impl Polled {
    /// Of what knows without asking anybody.
    pub(crate) fn now(events: u32) -> Self {
        Self { events, ..Self::default() }
    }

    /// Of what knows how often it changed as well.
    pub(crate) fn with_edges(events: u32, edges: u64) -> Self {
        Self { edges: Some(edges), ..Self::now(events) }
    }

    /// The same of something that watches the thing, and tells `gives` when it finds one
    /// of `wanted`.
    pub(crate) fn as_part(&self, wanted: u32, gives: u32) -> Self {
        let wanted = wanted | ALWAYS;
        let part = |asked: &Asked| Asked { only: asked.only & wanted, gives: Some(gives), ..*asked };
        Self {
            events: if self.events & wanted == 0 { 0 } else { gives },
            asked: self.asked.iter().map(part).collect(),
            edges: self.edges,
        }
    }

    /// Of these events only.
    pub(crate) fn limited(mut self, counts: u32) -> Self {
        self.events &= counts;
        self.asked.iter_mut().for_each(|asked| asked.only &= counts);
        self
    }

    /// Adds another part of the same whole.
    pub(crate) fn add(&mut self, part: Self) {
        self.events |= part.events;
        self.asked.extend(part.asked);
        self.edges = self.edges.zip(part.edges).map(|(one, other)| one.wrapping_add(other));
    }
}

/// What a look gathers for the wait after it.
#[derive(Default)]
pub struct Look {
    sources: Vec<(Source, Interest)>,
    listeners: Vec<Listener>,
    /// How long it is until the first clock comes.
    after: Option<Duration>,
    /// What was found of those that watch others: each is looked at once.
    watchers: HashMap<u64, Polled>,
}

impl Look {
    /// Gathers what an object depends on that says by its readiness what it waits for.
    pub(crate) fn by_readiness(
        &mut self,
        wanted: u32,
        readiness: impl Fn(Interest) -> Result<Readiness, Errno>,
    ) -> Polled {
        let mut polled = Polled::default();
        let both = [(Interest::Read, READING, READABLE), (Interest::Write, WRITING, WRITABLE)];
        for (interest, asked_for, goes_through) in both {
            // Who wants neither hears of the end all the same.
            let only = match wanted & (READING | WRITING) {
                0 if interest == Interest::Read => ALWAYS,
                wanted if wanted & asked_for == 0 => continue,
                _ => asked_for | ALWAYS,
            };
            match readiness(interest) {
                Ok(Readiness::Now { bytes, hangup }) => {
                    if bytes > 0 || !hangup {
                        polled.events |= goes_through;
                    }
                    if hangup {
                        polled.events |= if interest == Interest::Read { HANGUP } else { ERROR };
                    }
                }
                Ok(Readiness::On(source)) => {
                    self.sources.push((source, interest));
                    let source = self.sources.len() - 1;
                    polled.asked.push(Asked { source, only, gives: None });
                }
                Ok(Readiness::When(listener)) => self.listeners.push(listener),
                // What it was not opened for never comes.
                Ok(Readiness::Never) | Err(_) => {}
            }
        }
        polled
    }

    /// Listens to the queues of what the guest itself changes, as far as they matter, and
    /// says how often they were woken. It is called *before* one looks at the state.
    pub(crate) fn listen(&mut self, wanted: u32, readable: &WaitQueue, writable: &WaitQueue) -> u64 {
        let (reads, writes) = (wanted & READING != 0, wanted & WRITING != 0);
        let mut turns = 0u64;
        for (queue, matters) in [(readable, reads || !writes), (writable, writes || !reads)] {
            if matters {
                turns = turns.wrapping_add(queue.turn());
                self.listeners.push(queue.listen());
            }
        }
        turns
    }

    /// A clock comes after this time.
    pub(crate) fn wake_after(&mut self, time: Duration) {
        self.after = Some(self.after.map_or(time, |after| after.min(time)));
    }

    /// What was found before of the watcher of this number.
    pub(crate) fn watcher(&self, number: u64) -> Option<&Polled> {
        self.watchers.get(&number)
    }

    /// Notes what was found of a watcher.
    pub(crate) fn note_watcher(&mut self, number: u64, polled: &Polled) {
        self.watchers.insert(number, polled.clone());
    }

    /// Adds a source that is not asked by way of an object, and says which it is.
    pub(crate) fn add(&mut self, readiness: Readiness, interest: Interest) -> Option<usize> {
        match readiness {
            Readiness::On(source) => {
                self.sources.push((source, interest));
                return Some(self.sources.len() - 1);
            }
            Readiness::When(listener) => self.listeners.push(listener),
            Readiness::Now { .. } | Readiness::Never => {}
        }
        None
    }

    /// Whether only the guest itself could end a wait for it, and time.
    fn is_sleep(&self) -> bool {
        self.sources.is_empty() && self.listeners.iter().all(Listener::is_within)
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.listeners.iter().any(Listener::is_woken)
    }

    pub(crate) fn has_listeners(&self) -> bool {
        !self.listeners.is_empty()
    }
}

/// The events that a source's answer means.
fn events_of(ready: Ready, interest: Interest) -> u32 {
    let goes_through = if interest == Interest::Read { READABLE } else { WRITABLE };
    match ready {
        Ready::No => 0,
        Ready::Yes => goes_through,
        Ready::HungUp => HANGUP,
        Ready::Last => goes_through | HANGUP,
        Ready::Failed => goes_through | ERROR,
    }
}

/// A thing of which one wants to know something.
pub(crate) struct Watched {
    /// The events that are wanted.
    pub wanted: u32,
    pub polled: Polled,
}

impl Watched {
    /// What holds of it and is wanted, once the sources have answered.
    fn found(&self, look: &Look, ready: &[Ready]) -> u32 {
        let mut events = self.polled.events;
        for asked in &self.polled.asked {
            let (Some(ready), Some((_, interest))) =
                (ready.get(asked.source), look.sources.get(asked.source))
            else {
                continue;
            };
            match events_of(*ready, *interest) & asked.only {
                0 => {}
                holds => events |= asked.gives.unwrap_or(holds),
            }
        }
        events & (self.wanted | ALWAYS | INVALID)
    }
}

/// Looks, and waits, until one of those that `look` gives is as wanted or the time is over.
/// Says what holds of each. How long it was, by the guest's clock, is added to `passed`,
/// whatever ended it.
///
/// # Errors
/// As [`wait_for_any`], and what `look` says.
pub(crate) fn wait(
    pace: &mut Pace<'_>,
    timeout: Option<Duration>,
    passed: &mut Duration,
    mut look: impl FnMut(&mut Look) -> Result<Vec<Watched>, Fault>,
) -> Result<Vec<u32>, Fault> {
    let mut doubt = Doubt::default();
    loop {
        let mut gathered = Look::default();
        let watched = look(&mut gathered)?;
        let found = |ready: &[Ready]| -> Vec<u32> {
            watched.iter().map(|watched| watched.found(&gathered, ready)).collect()
        };
        let now = found(&[]);
        let is_found = |found: &[u32]| found.iter().any(|events| *events != 0);
        let left = timeout.map(|timeout| timeout.saturating_sub(*passed));
        // With something found already, the rest is only looked at.
        let until = match is_found(&now) {
            true if gathered.sources.is_empty() => return Ok(now),
            true => Some(Duration::ZERO),
            false => [left, gathered.after].into_iter().flatten().min(),
        };
        let woken_before = gathered.is_woken();
        let ready = step(pace, &gathered, until, passed)?;
        let found = found(&ready);
        if is_found(&found) || timeout.is_some_and(|timeout| *passed >= timeout) {
            return Ok(found);
        }
        // It was woken, or a source is ready, and nothing came of it.
        if woken_before || ready.iter().any(|ready| *ready != Ready::No) {
            let start = pace.waiter.now();
            doubt.wait(pace.waiter)?;
            *passed = passed.saturating_add(since(pace.waiter, start));
        }
    }
}

/// Waits until a source is ready, a listener is woken or the time is over, and says how
/// the sources are.
///
/// # Errors
/// As [`wait_for_any`].
pub(crate) fn step(
    pace: &mut Pace<'_>,
    look: &Look,
    timeout: Option<Duration>,
    passed: &mut Duration,
) -> Result<Vec<Ready>, Fault> {
    let Look { sources, listeners, .. } = look;
    let start = pace.waiter.now();
    if let Some(timeout) = timeout {
        let quiet = || vec![Ready::No; sources.len()];
        if timeout.is_zero() && sources.is_empty() {
            return Ok(quiet());
        }
        let ready = wait_for_any(pace.waiter, sources, listeners, Some(start))?;
        let is_over = timeout.is_zero() || look.is_woken();
        if is_over || ready.iter().any(|ready| *ready != Ready::No) {
            return Ok(ready);
        }
        // To wait for something of the host is no sleep.
        if look.is_sleep() {
            return sleep_or_wake(pace, listeners, timeout, passed).map(|()| ready);
        }
        if pace.clock.sleep(timeout) == Sleep::Over {
            *passed = passed.saturating_add(timeout);
            return Ok(ready);
        }
    }
    // A time too far to be told is for ever.
    let until = timeout.and_then(|timeout| start.checked_add(timeout));
    let result = wait_for_any(pace.waiter, sources, listeners, until);
    let took = since(pace.waiter, start);
    // What was waited for to its end was all of it, whatever a clock's last digits say.
    let is_over = until.is_some_and(|until| pace.waiter.now() >= until)
        && result.as_ref().is_ok_and(|ready| ready.iter().all(|ready| *ready == Ready::No));
    let took = if is_over { timeout.unwrap_or_default().max(took) } else { took };
    *passed = passed.saturating_add(took);
    result
}
