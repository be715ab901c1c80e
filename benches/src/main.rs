//! A live controller, for what the command cannot show: how long one more sandbox
//! takes, how many there can be in a second, and what one more costs that waits.
//! `benches/run.py` starts it and reads what it prints.
#![forbid(unsafe_code)]

use anyhow::{Context, bail};
use bellglass::{
    Capture, Image, Input, Isolation, LimitKind, Limits, Outcome, Output, Pool, Reached, Sandbox,
    SandboxBuilder, Store,
};
use clap::{Parser, Subcommand, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// A program that says that it is there, and then waits for ever.
const WAITING: &str = "import sys; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()";

/// Stack of a thread that holds one waiting sandbox.
const HOLDER_STACK_BYTES: usize = 512 << 10;

/// Measure sandboxes from a live controller.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Where guests run
    #[arg(long, value_enum, default_value = "process", global = true)]
    isolation: Where,
    /// The image
    #[arg(long, default_value = "python", global = true)]
    image: String,
    /// What each fresh sandbox runs; it prints 'hi'
    #[arg(long, default_value = "print('hi')", global = true)]
    program: String,
}

#[derive(Subcommand)]
enum What {
    /// For each line on stdin, run one fresh sandbox and print the seconds
    Warm,
    /// Run fresh sandboxes one after the other for some seconds; print how many a second
    Rate {
        /// How long
        seconds: f64,
    },
    /// Hold so many waiting sandboxes; print a line and wait for one after each
    Live {
        /// How many, one after the other
        counts: Vec<usize>,
    },
    /// Run a program that never ends until its deadline; print by how much it was missed
    Deadline {
        /// The program
        program: String,
        /// The deadline in seconds
        seconds: f64,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Where {
    Process,
    Thread,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let isolation = match arguments.isolation {
        Where::Process => Isolation::Process,
        Where::Thread => Isolation::Thread,
    };
    let store = Store::open_default()?;
    let image = || store.find(&arguments.image).context("there is no image: run `cargo xtask bench`");
    match arguments.what {
        What::Warm => warm(&Source::new(image()?, isolation)?, &arguments.program),
        What::Rate { seconds } => {
            let source = Source::new(image()?, isolation)?;
            rate(&source, &arguments.program, Duration::from_secs_f64(seconds))
        }
        What::Live { counts } => live(&image()?, isolation, &counts),
        What::Deadline { program, seconds } => deadline(image()?, isolation, &program, seconds),
    }
}

/// Where sandboxes come from: cells are kept ready for those that have one.
enum Source {
    Pool(Pool),
    Threads(Image),
}

impl Source {
    fn new(image: Image, isolation: Isolation) -> anyhow::Result<Self> {
        Ok(match isolation {
            Isolation::Process => Self::Pool(Pool::builder(image).build()?),
            Isolation::Thread => Self::Threads(image),
        })
    }

    fn sandbox(&self) -> SandboxBuilder {
        match self {
            Self::Pool(pool) => pool.sandbox(),
            Self::Threads(image) => Sandbox::builder(image.clone()).isolation(Isolation::Thread),
        }
    }

    /// Runs one fresh sandbox, from nothing to its report.
    fn once(&self, program: &str) -> anyhow::Result<()> {
        let printed = Capture::new();
        let report =
            self.sandbox().arguments(["-c", program]).stdout(Output::Capture(printed.clone())).build()?.run();
        if printed.bytes() != b"hi\n" {
            bail!("the program ended as {:?} and printed {:?}", report.outcome, printed.bytes());
        }
        Ok(())
    }

    /// Waits until a cell is ready, as one is for a controller that is not asked
    /// without a pause.
    fn rest(&self) {
        const LONGEST: Duration = Duration::from_secs(1);
        let begun = Instant::now();
        while let Self::Pool(pool) = self
            && pool.ready() == 0
            && begun.elapsed() < LONGEST
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn warm(source: &Source, program: &str) -> anyhow::Result<()> {
    source.once(program)?;
    for line in std::io::stdin().lock().lines() {
        line?;
        source.rest();
        let begun = Instant::now();
        source.once(program)?;
        say(&format!("{:.9}", begun.elapsed().as_secs_f64()))?;
    }
    Ok(())
}

fn rate(source: &Source, program: &str, time: Duration) -> anyhow::Result<()> {
    for _ in 0..10 {
        source.once(program)?;
    }
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < time {
        source.once(program)?;
        count += 1;
    }
    say(&format!("{:.3}", f64::from(count) / begun.elapsed().as_secs_f64()))
}

fn live(image: &Image, isolation: Isolation, counts: &[usize]) -> anyhow::Result<()> {
    // Each sandbox has a few descriptors, and the usual limit is for programs that
    // have one.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let (input, _never) = rustix::pipe::pipe()?;
    let (mut output, to_output) = std::io::pipe()?;
    let to_output = OwnedFd::from(to_output);
    let mut held = Vec::new();
    let mut lines = std::io::stdin().lock().lines();
    for count in counts {
        while held.len() < *count {
            let sandbox = Sandbox::builder(image.clone())
                .isolation(isolation)
                .arguments(["-c", WAITING])
                .limits(Limits { timeout: None, ..Limits::default() })
                .stdin(Input::Descriptor(input.try_clone()?))
                .stdout(Output::Descriptor(to_output.try_clone()?))
                .build()?;
            let controls = sandbox.controls();
            let holder = std::thread::Builder::new().stack_size(HOLDER_STACK_BYTES);
            held.push((controls, holder.spawn(move || sandbox.run().outcome)?));
            // One after the other: the machine shall not be full of starts.
            output.read_exact(&mut [0])?;
        }
        say(&held.len().to_string())?;
        if lines.next().is_none() {
            break;
        }
    }
    for (controls, _) in &held {
        controls.kill();
    }
    for (_, holder) in held {
        match holder.join() {
            Ok(Outcome::Killed) => {}
            other => bail!("a waiting sandbox ended as {other:?}"),
        }
    }
    Ok(())
}

fn deadline(image: Image, isolation: Isolation, program: &str, seconds: f64) -> anyhow::Result<()> {
    let timeout = Duration::from_secs_f64(seconds);
    // Nothing ever comes from it, and it does not end.
    let (silent, _held) = std::io::pipe()?;
    let sandbox = Sandbox::builder(image)
        .stdin(Input::Descriptor(silent.into()))
        .isolation(isolation)
        .arguments(["-c", program])
        .limits(Limits { timeout: Some(timeout), ..Limits::default() })
        .build()?;
    let begun = Instant::now();
    match sandbox.run().outcome {
        Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }) => {
            say(&format!("{:.9}", begun.elapsed().saturating_sub(timeout).as_secs_f64()))
        }
        other => bail!("the program ended as {other:?} before its deadline"),
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
