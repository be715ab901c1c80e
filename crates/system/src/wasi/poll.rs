//! Waiting for clocks and descriptors.

use super::clock::ClockId;
use super::done;
use crate::host::Ready;
use crate::object::Interest;
use crate::poll::{Look, step};
use crate::rights::Rights;
use crate::sleep::Pace;
use crate::wait::{Doubt, Readiness};
use crate::{Answer, Call, Errno, Fault, System};
use std::time::Duration;

/// Subscriptions of one call.
// BOUND: the guest chooses their number; 64 bytes of ours for each.
const SUBSCRIPTIONS: u32 = 8192;

/// Bytes of a subscription, and of an event.
const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;

struct Subscription {
    user_data: u64,
    what: What,
}

enum What {
    /// A clock, and how long from now it has.
    Clock(Duration),
    Read(u32),
    Write(u32),
    /// A subscription that failed at once.
    Failed(u8, Errno),
}

struct Event {
    user_data: u64,
    result: Result<(), Errno>,
    event_type: u8,
    bytes: u64,
    hangup: bool,
}

impl Event {
    fn encode(&self) -> [u8; EVENT_BYTES] {
        let mut bytes = [0; EVENT_BYTES];
        bytes[..8].copy_from_slice(&self.user_data.to_le_bytes());
        let errno = self.result.map_or_else(Errno::wasi, |()| 0);
        bytes[8..10].copy_from_slice(&errno.to_le_bytes());
        bytes[10] = self.event_type;
        bytes[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[24] = u8::from(self.hangup);
        bytes
    }
}

pub(super) fn poll_oneoff(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (subscriptions_address, events_address, count) = (call.u32(0), call.u32(1), call.u32(2));
    if count == 0 || count > SUBSCRIPTIONS {
        return Err(Errno::INVAL.into());
    }
    let events_end = u64::from(events_address) + u64::from(count) * EVENT_BYTES as u64;
    if events_end > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    let bytes = call.bytes_at(subscriptions_address, count as usize * SUBSCRIPTION_BYTES)?;
    let subscriptions: Vec<Subscription> =
        bytes.as_chunks::<SUBSCRIPTION_BYTES>().0.iter().map(|bytes| decode(system, bytes)).collect();
    let events = wait(system, call, &subscriptions)?;
    let encoded: Vec<u8> = events.iter().flat_map(Event::encode).collect();
    call.memory.write(events_address, &encoded)?;
    call.write_u32(call.u32(3), events.len() as u32)?;
    done()
}

fn decode(system: &System, bytes: &[u8; SUBSCRIPTION_BYTES]) -> Subscription {
    let number = |at: usize, length: usize| {
        bytes[at..at + length].iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let what = match bytes[8] {
        0 => match ClockId::from_number(number(16, 4) as u32) {
            Err(errno) => What::Failed(0, errno),
            // The processor's clock stands still while one waits.
            Ok(ClockId::Processor) => What::Failed(0, Errno::NOTSUP),
            Ok(clock) => {
                let timeout = Duration::from_nanos(number(24, 8));
                match number(40, 2) {
                    0 => What::Clock(timeout),
                    1 => What::Clock(timeout.saturating_sub(clock.now(system))),
                    _ => What::Failed(0, Errno::INVAL),
                }
            }
        },
        1 => What::Read(number(16, 4) as u32),
        2 => What::Write(number(16, 4) as u32),
        other => What::Failed(other, Errno::INVAL),
    };
    Subscription { user_data: number(0, 8), what }
}

/// What a subscription to a descriptor finds.
fn readiness(system: &System, number: u32, interest: Interest) -> Result<Readiness, Errno> {
    let descriptor = system.descriptors.get(number)?;
    descriptor.with(Rights::POLL_FD_READWRITE)?;
    let description = descriptor.with(match interest {
        Interest::Read => Rights::FD_READ,
        Interest::Write => Rights::FD_WRITE,
    })?;
    let position = description.state().position;
    description.object.readiness(interest, position)
}

/// What the subscriptions to descriptors find.
#[derive(Default)]
struct Found {
    events: Vec<Event>,
    /// What has to be waited for, and for each source its user data and event type.
    look: Look,
    waited_for: Vec<(u64, u8)>,
}

fn look(system: &System, subscriptions: &[Subscription]) -> Found {
    let mut found = Found::default();
    for Subscription { user_data, what } in subscriptions {
        let user_data = *user_data;
        let (readiness, interest, event_type) = match what {
            What::Clock(_) => continue,
            What::Failed(event_type, errno) => (Err(*errno), Interest::Read, *event_type),
            What::Read(number) => (readiness(system, *number, Interest::Read), Interest::Read, 1),
            What::Write(number) => (readiness(system, *number, Interest::Write), Interest::Write, 2),
        };
        match readiness {
            Ok(Readiness::Now { bytes, hangup }) => {
                found.events.push(Event { user_data, result: Ok(()), event_type, bytes, hangup });
            }
            Ok(readiness) => {
                if found.look.add(readiness, interest).is_some() {
                    found.waited_for.push((user_data, event_type));
                }
            }
            Err(errno) => {
                let result = Err(errno);
                found.events.push(Event { user_data, result, event_type, bytes: 0, hangup: false });
            }
        }
    }
    found
}

fn wait(system: &mut System, call: &Call<'_>, subscriptions: &[Subscription]) -> Result<Vec<Event>, Fault> {
    let clocks = || {
        subscriptions.iter().filter_map(|subscription| match subscription.what {
            What::Clock(timeout) => Some((subscription.user_data, timeout)),
            _ => None,
        })
    };
    let shortest = clocks().map(|(_, timeout)| timeout).min();
    // How long it has been so far, by the guest's clock.
    let mut passed = Duration::ZERO;
    let mut doubt = Doubt::default();
    loop {
        let Found { mut events, look, waited_for } = look(system, subscriptions);
        // With something ready already, the rest is only looked at.
        let timeout = match events.is_empty() {
            true => shortest.map(|shortest| shortest.saturating_sub(passed)),
            false => Some(Duration::ZERO),
        };
        let woken_before = look.is_woken();
        let mut pace = Pace { clock: &*system.host.clock, sleeps: &mut system.sleeps, waiter: call.waiter };
        let ready = step(&mut pace, &look, timeout, &mut passed)?;
        for ((user_data, event_type), ready) in waited_for.into_iter().zip(ready) {
            if ready != Ready::No {
                let hangup = ready != Ready::Yes;
                events.push(Event { user_data, result: Ok(()), event_type, bytes: 1, hangup });
            }
        }
        for (user_data, _) in clocks().filter(|(_, timeout)| *timeout <= passed) {
            events.push(Event { user_data, result: Ok(()), event_type: 0, bytes: 0, hangup: false });
        }
        // Nothing yet where a listener was woken: what it listens to is asked anew.
        if !events.is_empty() || !look.has_listeners() {
            return Ok(events);
        }
        if woken_before {
            let start = call.waiter.now();
            doubt.wait(call.waiter)?;
            passed = passed.saturating_add(call.waiter.now().saturating_duration_since(start));
        }
    }
}
