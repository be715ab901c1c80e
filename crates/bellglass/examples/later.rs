//! A host function that answers later: the program asks for a number, and a task of ours
//! that waits for something slow completes the call. No thread is held meanwhile but
//! that of the run, which goes on to watch its deadline.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example later`

use bellglass::{Answer, Capture, Completer, Isolation, Output, Sandbox, Store};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Whatever service a program may be given: here one that is slow, and no more.
async fn slow_service() -> i32 {
    Sleep(Instant::now() + Duration::from_millis(50)).await;
    4711
}

/// The task of one call.
async fn answer(completer: Completer) {
    let number = slow_service().await;
    // That the run has ended meanwhile is nobody's fault.
    if let Err(nobody) = completer.complete(Ok(Answer::i32(number))) {
        eprintln!("{nobody}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for isolation in [Isolation::Process, Isolation::Thread] {
        let tasks = executor();
        let printed = Capture::new();
        let report = Sandbox::builder(Store::open_default()?.find("python")?)
            .isolation(isolation)
            .arguments(["-c", "import os; print(os.getpid())"])
            .stdout(Output::Capture(printed.clone()))
            .on("linux.getpid()i", move |call, _next| {
                let (completer, later) = call.later()?;
                // Were the executor gone, the completer would be dropped, and the run end.
                drop(tasks.send(Box::pin(answer(completer))));
                Ok(later)
            })
            .build()?
            .run();
        print!("{isolation:?}: {}", String::from_utf8_lossy(&printed.bytes()));
        assert!(report.outcome.is_success(), "{:?}", report.outcome);
    }
    Ok(())
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The smallest executor that there is: a thread that runs one task after the other. An
/// application has its own, and spawns there.
fn executor() -> mpsc::Sender<Task> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let (sender, tasks) = mpsc::channel::<Task>();
    thread::spawn(move || {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        for mut task in tasks {
            while task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                thread::park();
            }
        }
    });
    sender
}

/// Is ready at its time.
struct Sleep(Instant);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        thread::spawn(move || {
            thread::sleep(left);
            waker.wake();
        });
        Poll::Pending
    }
}
