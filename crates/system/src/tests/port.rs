//! The port: a guest on a machine of which a test makes the time.

use super::fake::{FakeGuest, RESULT};
use crate::host::{Host, Poller, Ready, Source, Waiting};
use crate::{Clock, Ending, Errno, Input, Interest, SeededRandom, Sleep, Stop, System};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

/// Time that passes only while a call waits, and then at once.
#[derive(Clone)]
struct TestTime {
    start: Instant,
    passed: Arc<Mutex<Duration>>,
}

impl TestTime {
    fn new() -> Self {
        Self { start: Instant::now(), passed: Arc::default() }
    }

    fn passed(&self) -> Duration {
        *self.passed.lock().expect("held by nobody")
    }

    fn host(&self) -> Host {
        Host {
            clock: Arc::new(self.clone()),
            random: Box::new(SeededRandom::new(7)),
            waiting: Box::new(self.clone()),
        }
    }
}

impl Clock for TestTime {
    fn realtime(&self) -> Duration {
        self.passed()
    }

    fn monotonic(&self) -> Duration {
        self.passed()
    }

    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn sleep(&self, _duration: Duration) -> Sleep {
        Sleep::Wait
    }
}

impl Waiting for TestTime {
    fn poller(&self) -> std::io::Result<Box<dyn Poller>> {
        Ok(Box::new(self.clone()))
    }
}

impl Poller for TestTime {
    fn now(&self) -> Instant {
        self.start + self.passed()
    }

    fn wait(&self, _: &[(Source, Interest)], _: &mut [Ready], until: Option<Instant>) -> Result<(), Errno> {
        Poller::sleep(self, until.ok_or(Errno::DEADLK)?);
        Ok(())
    }

    fn sleep(&self, until: Instant) {
        let mut passed = self.passed.lock().expect("held by nobody");
        *passed = until.saturating_duration_since(self.start).max(*passed);
    }

    fn notify(&self) {}

    fn reset(&self) {}
}

fn clock(timeout: Duration) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[16..20].copy_from_slice(&1u32.to_le_bytes());
    bytes[24..32].copy_from_slice(&(timeout.as_nanos() as u64).to_le_bytes());
    bytes
}

fn input() -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[8] = 1;
    bytes
}

/// How many events poll tells.
fn poll(guest: &mut FakeGuest, subscriptions: &[[u8; 48]]) -> Result<u32, Errno> {
    let (address, _) = guest.put(&subscriptions.concat());
    let (events, _) = guest.put(&vec![0; 32 * subscriptions.len()]);
    guest.wasi("poll_oneoff", &[address, events, subscriptions.len() as u64, u64::from(RESULT)])?;
    Ok(guest.get_u32(RESULT))
}

#[test]
fn hours_pass_in_no_time_where_the_machine_says_so() {
    let begun = Instant::now();
    let time = TestTime::new();
    let (reader, _writer) = std::io::pipe().expect("a pipe");
    let host = time.host();
    let waiter = host.waiter(Some(time.start + 4 * HOUR)).expect("a waiter");
    let system = System::builder().host(host).stdin(Input::Descriptor(reader.into())).build();
    let mut guest = FakeGuest::new(system.expect("a system"));
    guest.waiter = waiter;

    // A sleep, and a wait for an input that never comes.
    assert_eq!(poll(&mut guest, &[clock(HOUR)]), Ok(1));
    assert_eq!(time.passed(), HOUR);
    assert_eq!(poll(&mut guest, &[clock(HOUR), input()]), Ok(1));
    guest.wasi("clock_time_get", &[1, 0, u64::from(RESULT)]).expect("told");
    assert_eq!(Duration::from_nanos(guest.get_u64(RESULT)), 2 * HOUR);

    // An alarm clock in between.
    let (setting, _) = guest.put(&[0u32, 0, 1800, 0].map(u32::to_le_bytes).concat());
    guest.linux("setitimer", &[0, setting, 0]).expect("set");
    assert_eq!(poll(&mut guest, &[clock(HOUR)]), Err(Errno::INTR));
    assert_eq!((time.passed(), guest.signals), (2 * HOUR + HOUR / 2, 1 << 14));

    // The deadline is told by the same clock.
    let (address, _) = guest.put(&clock(100 * HOUR));
    let arguments = [address, 2000, 1, u64::from(RESULT)];
    assert_eq!(guest.call("poll_oneoff", &arguments), Err(Ending::Stop(Stop::Deadline)));
    assert_eq!(time.passed(), 4 * HOUR);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn all_that_is_random_comes_from_the_machine() {
    let random = || {
        let system = System::builder().host(TestTime::new().host()).build().expect("a system");
        let mut guest = FakeGuest::new(system);
        guest.wasi("random_get", &[u64::from(RESULT), 32]).expect("filled");
        guest.get(RESULT, 32)
    };
    assert_eq!(random(), random());
}
