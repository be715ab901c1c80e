use bellglass::{Limits, Pool};
use bellglass_testkit::ToyImage;
use std::process::Command;
use std::time::{Duration, Instant};

const LIAR: &str = env!("CARGO_BIN_EXE_lying-cell");

/// A pool of which both the zygote and the cells follow this script, until it has given
/// up the zygote. How long that took.
fn try_out(script: &str) -> Duration {
    let image = ToyImage::from_script(script);
    let begun = Instant::now();
    let pool = Pool::builder(image.open()).size(1).cell(LIAR).build().expect("a pool");
    while pool.ready() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(40), "{script:?}: no cell is started");
        std::thread::sleep(Duration::from_millis(5));
    }
    let taken = begun.elapsed();
    let limits = Limits { start_time: Duration::from_millis(300), ..Limits::default() };
    // A cell was started in place of what was to be forked. It is told from that by its
    // lies, too.
    if let Err(error) = pool.sandbox().limits(limits).build() {
        assert!(error.to_string().contains("the cell"), "{error}");
    }
    taken
}

#[test]
fn a_zygote_names_no_process() {
    // Children of this process that are no cells.
    let mut strangers: Vec<_> =
        (0..3).map(|_| Command::new("sleep").arg("60").spawn().expect("a process")).collect();
    let mut claims: Vec<u32> = strangers.iter().map(std::process::Child::id).collect();
    claims.extend([0, 1, std::process::id(), u32::MAX]);
    for claim in claims {
        try_out(&format!("await\nforked {claim}\nsleep 9000"));
    }
    // Its own is a child, but no new one.
    try_out("await\nforked own\nsleep 9000");
    for stranger in &mut strangers {
        assert!(stranger.try_wait().expect("it is ours").is_none(), "a stranger was killed");
        stranger.kill().expect("it lives");
        stranger.wait().expect("its end");
    }
}

#[test]
fn a_zygote_that_says_something_else_or_dies_is_given_up() {
    for step in [
        "no-room",
        "hello",
        "data 4",
        "data 100000",
        "send ff ff ff ff",
        "send 04 00 00 00",
        "again 5000 forked 1",
        "hush",
        "die 1",
    ] {
        let taken = try_out(&format!("await\n{step}\nsleep 9000"));
        assert!(taken < Duration::from_secs(8), "{step}: {taken:?}");
    }
}

#[test]
fn a_zygote_that_hangs_is_given_up() {
    try_out("sleep 90000");
}
