//! A grader: a stranger's program, run once for each case, under limits.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example grader -- SUBMISSION.py`
//!
//! The exercise: read whole numbers, one a line, and print their sum.

use bellglass::{Capture, Image, Input, Limits, Mount, Outcome, Output, Pool, Report, Store};
use std::process::ExitCode;
use std::time::Duration;

/// What a submission reads, and what it should print.
const CASES: [(&str, &str); 3] =
    [("1\n2\n3\n", "6\n"), ("", "0\n"), ("-5\n100000000000000000000\n", "99999999999999999995\n")];

/// Where the submission lies in the guest's tree.
const PLACE: &str = "/submission.py";

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: grader SUBMISSION.py");
        return Ok(ExitCode::from(2));
    };
    let submission = std::fs::read(path)?;
    let image: Image = Store::open_default()?.find("python")?;
    // Each case gets a fresh cell; a pool starts the next while one is at work.
    let pool = Pool::builder(image).build()?;
    let mut passed = 0;
    for (number, (input, expected)) in CASES.iter().enumerate() {
        let (printed, complaints) = (Capture::new(), Capture::new());
        let report = pool
            .sandbox()
            .arguments([PLACE])
            .mount(Mount::bytes(submission.clone(), PLACE))
            .stdin(Input::Bytes(input.as_bytes().to_vec()))
            .stdout(Output::Capture(printed.clone()))
            .stderr(Output::Capture(complaints.clone()))
            .limits(Limits {
                timeout: Some(Duration::from_secs(2)),
                memory_bytes: 128 << 20,
                output_bytes: Some(1 << 20),
                ..Limits::default()
            })
            .build()?
            .run();
        let verdict = judge(&report, &printed.bytes(), expected.as_bytes(), &complaints.bytes());
        passed += usize::from(verdict == "passed");
        println!(
            "case {}: {verdict} ({:.0?}, {} external calls)",
            number + 1,
            report.wall_time,
            calls(&report)
        );
    }
    println!("{passed} of {} cases passed", CASES.len());
    Ok(if passed == CASES.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What to tell whoever handed it in. Why a run ended is in its report, and never has to
/// be guessed from an exit code.
fn judge(report: &Report, printed: &[u8], expected: &[u8], complaints: &[u8]) -> String {
    match &report.outcome {
        Outcome::Exited { code: 0 } if printed == expected => "passed".to_owned(),
        Outcome::Exited { code: 0 } => "wrong answer".to_owned(),
        Outcome::Exited { .. } => {
            // The last line of a traceback. It is the submission's own text: escaped, it
            // can do nothing to a terminal.
            let text = String::from_utf8_lossy(complaints);
            format!("failed: {}", text.lines().last().unwrap_or("it gave no reason").escape_debug())
        }
        Outcome::Limit(reached) => format!("stopped: {reached}"),
        other => format!("ended: {other:?}"),
    }
}

fn calls(report: &Report) -> u64 {
    report.calls.iter().map(|call| call.count).sum()
}
