//! A handler of one's own: the program asks for the time, and the answer is ours.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example clock`

use bellglass::{Answer, Capture, Output, Sandbox, Store};

/// A second before the millennium, in seconds since 1970.
const EVE: u64 = 946_684_799;

/// The clock that shows the time of day, as Linux numbers it.
const TIME_OF_DAY: u32 = 0;

const PROGRAM: &str = "
import datetime
print(datetime.datetime.now(datetime.timezone.utc))
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let printed = Capture::new();
    let report = Sandbox::builder(Store::open_default()?.find("python")?)
        .arguments(["-c", PROGRAM])
        .stdout(Output::Capture(printed.clone()))
        // Arguments: which clock, and where in the guest's memory the time is to be written,
        // seconds and nanoseconds. `bellglass calls python` lists every call.
        .on("linux.clock_gettime64(ii)i", |call, next| {
            if call.u32(0) != TIME_OF_DAY {
                // The clock that measures durations stays what it is.
                return next.answer(call);
            }
            let time = call.u32(1);
            call.write_u64(time, EVE)?;
            call.write_u64(time + 8, 0)?;
            // A call of Linux returns its error number, negated, and 0 for success.
            Ok(Answer::i32(0))
        })
        .build()?
        .run();
    print!("{}", String::from_utf8_lossy(&printed.bytes()));
    assert!(report.outcome.is_success(), "{:?}", report.outcome);
    Ok(())
}
