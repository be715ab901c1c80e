//! A handler of one's own: the program asks for the time, and the answer is ours.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example clock`

use bellglass::{Answer, Capture, Output, Sandbox, Store};

/// A second before the millennium, in nanoseconds since 1970.
const EVE: u64 = 946_684_799_000_000_000;

/// The clock that shows the time of day, as WASI numbers it.
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
        // Arguments: which clock, how precisely, and where in the guest's memory the
        // time is to be written. `bellglass calls python` lists every call.
        .on("wasi_snapshot_preview1.clock_time_get(iIi)i", |call, next| {
            if call.u32(0) != TIME_OF_DAY {
                // The clock that measures durations stays what it is.
                return next.answer(call);
            }
            call.write_u64(call.u32(2), EVE)?;
            // A call of WASI returns its error number, and 0 for success.
            Ok(Answer::i32(0))
        })
        .build()?
        .run();
    print!("{}", String::from_utf8_lossy(&printed.bytes()));
    assert!(report.outcome.is_success(), "{:?}", report.outcome);
    Ok(())
}
