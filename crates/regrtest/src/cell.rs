//! Running test files in cells.

use crate::install;
use crate::run::{FileRun, RECORD_BYTES, RECORDER, Runner, Task};
use anyhow::{Context, bail};
use bellglass::files::{Creation, MemoryTree, OpenOptions, Opened, Quota};
use bellglass::{Access, Capture, Image, Limits, Mount, Outcome, Output, RealClock, Sandbox, SandboxBuilder};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the guest writes the record.
const RECORD_FOLDER: &str = "/opt/record";
const RECORD_NAME: &str = "record";

/// Runs each file in a cell of its own, which sees the suite read-only.
pub(crate) struct Cells {
    image: Image,
    package: PathBuf,
}

impl Cells {
    /// Cells of an image, with the package `test` in a folder.
    pub fn new(image: Image, package: PathBuf) -> Self {
        Self { image, package }
    }

    /// All files of the suite, sorted; the suite's own runner knows.
    pub fn files(&self) -> anyhow::Result<Vec<String>> {
        let printed = Capture::new();
        let report = self
            .sandbox(Duration::from_secs(300))?
            .arguments(["-m", "test", "--list-tests"])
            .stdout(Output::Capture(printed.clone()))
            .stderr(Output::Capture(printed.clone()))
            .build()?
            .run();
        let text = String::from_utf8_lossy(&printed.bytes()).into_owned();
        if !report.outcome.is_success() {
            bail!("the suite does not list its files ({:?}): {text}", report.outcome);
        }
        let mut files: Vec<String> = text.lines().map(str::to_owned).collect();
        files.sort();
        Ok(files)
    }

    fn sandbox(&self, timeout: Duration) -> anyhow::Result<SandboxBuilder> {
        let limits = Limits {
            memory_bytes: 1 << 30,
            timeout: Some(timeout),
            file_bytes: 1 << 30,
            controller_bytes: 2 << 30,
            // The machine may be busy with the other files.
            start_time: Duration::from_secs(120),
            ..Limits::default()
        };
        let place = format!("{}/test", install::library(&self.image)?);
        // Each sandbox holds an open image of its own.
        let image = Image::open(self.image.path())?;
        Ok(Sandbox::builder(image).limits(limits).working_directory("/tmp").mount(Mount::directory(
            &self.package,
            place,
            Access::ReadOnly,
        )))
    }

    fn try_run(&self, task: &Task<'_>) -> anyhow::Result<FileRun> {
        let begun = Instant::now();
        let printed = Capture::new();
        let record =
            MemoryTree::new(Arc::new(Quota::new(RECORD_BYTES, 16)), 1_000_000, Arc::new(RealClock::new()));
        let report = self
            .sandbox(task.timeout)?
            .arguments(["-c", RECORDER, &format!("{RECORD_FOLDER}/{RECORD_NAME}")])
            .arguments(task.arguments())
            .mount(Mount::tree(record.root(), RECORD_FOLDER))
            .stdout(Output::Capture(printed.clone()))
            .stderr(Output::Capture(printed.clone()))
            .build()
            .context("a sandbox cannot be made")?
            .run();
        let seconds = begun.elapsed().as_secs_f64();
        let record = read(&record);
        Ok(FileRun::new(task.file, &record, &printed.take(), &sentence(&report.outcome), seconds))
    }
}

impl Runner for Cells {
    fn run(&self, task: &Task<'_>) -> FileRun {
        self.try_run(task).unwrap_or_else(|error| {
            FileRun::new(task.file, b"", b"", &format!("it did not start: {error:#}"), 0.0)
        })
    }
}

/// The record, as far as there is one.
fn read(tree: &MemoryTree) -> Vec<u8> {
    let options = OpenOptions {
        read: true,
        write: false,
        creation: Creation::Existing,
        truncate: false,
        permissions: 0,
    };
    let Ok(Opened::File(file)) = tree.root().open(RECORD_NAME.as_bytes(), &options) else {
        return Vec::new();
    };
    // The tree's quota has bounded the size; a gap in the file has not been paid for.
    let size = file.metadata().map_or(0, |metadata| metadata.size).min(RECORD_BYTES);
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    let mut read = 0;
    while let Ok(count @ 1..) = file.read_at(read as u64, &mut bytes[read..]) {
        read += count;
    }
    bytes.truncate(read);
    bytes
}

fn sentence(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("it exited with code {code}"),
        Outcome::Limit(reached) => reached.to_string(),
        Outcome::Crashed { message, backtrace } => {
            let innermost: Vec<&str> = backtrace.iter().take(6).map(String::as_str).collect();
            format!("it crashed: {message} (in {})", innermost.join(" < "))
        }
        other => format!("{other:?}"),
    }
}
