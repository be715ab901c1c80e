//! What guests are given: images, files of the host, limits.

use super::LATE;
use super::held::Held;
use bellglass::{Capture, Image, Isolation, Limits, Output, Pool, Report, Sandbox, SandboxBuilder, Store};
use bellglass_testkit::ToyImage;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Whether a guest ended as it should; if not, what it did.
pub(crate) type Verdict = Result<(), String>;

/// Cells that each pool keeps.
const POOL: usize = 3;

/// Names in the large directory.
const MANY: usize = 20_000;

/// Levels of the deep one.
pub(crate) const LEVELS: usize = 30;

/// Bytes of the file that is a hole.
const HOLE: u64 = 8 << 30;

/// Bytes of the archive's large entry.
pub(crate) const ENTRY: usize = 256 << 20;

/// Small entries of the archive.
const ENTRIES: usize = 1500;

/// How long what guests held may take to be given back, and pools to be full again.
const SETTLING: Duration = Duration::from_secs(20);

/// Where a guest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In a cell that is started for it.
    Cell,
    /// In one that a pool's zygote has forked.
    Pool,
    /// In the controller.
    Thread,
}

impl Placement {
    pub(crate) const ALL: &[Self] = &[Self::Cell, Self::Pool, Self::Thread];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cell => "cell",
            Self::Pool => "pool",
            Self::Thread => "thread",
        }
    }
}

/// A sequence of numbers that look random and are the same each time.
pub(crate) struct Numbers(pub u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Knuth's constants; the low bits are the weak ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What all guests share.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    python: Image,
    pool: Pool,
}

/// A run that is over.
pub(crate) struct Ended {
    pub report: Report,
    pub out: String,
    pub error: String,
}

impl Stage {
    /// Makes the files, and starts the pools.
    ///
    /// # Panics
    /// If the Python image is not built, or the host has no room.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        fs::create_dir(path.join("many")).expect("a folder");
        for number in 0..MANY {
            fs::File::create(path.join("many").join(number.to_string())).expect("a file");
        }
        fs::create_dir_all(path.join("deep").join(vec!["d"; LEVELS].join("/"))).expect("folders");
        fs::create_dir(path.join("large")).expect("a folder");
        let large = fs::File::create(path.join("large/hole")).expect("a file");
        large.set_len(HOLE).expect("a hole takes no room");
        make_work(&path.join("work"));
        make_archive(&path.join("archive.zip"));
        let python = Store::open_default().and_then(|store| store.find("python"));
        let python = python.expect("`cargo xtask soak` builds the image");
        let pool = Pool::builder(python.clone()).size(POOL).build().expect("a pool");
        Self { folder, python, pool }
    }

    /// A file or folder of the host.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A guest that runs this program.
    pub(crate) fn python(&self, place: Placement, code: &str) -> SandboxBuilder {
        let builder = match place {
            Placement::Pool => self.pool.sandbox(),
            Placement::Cell | Placement::Thread => Sandbox::builder(self.python.clone()),
        };
        within(builder, place).arguments(["-c", code])
    }

    /// Waits until no more is held than at another rest.
    pub(crate) fn settled(&self, before: Option<&Held>) -> Held {
        let patience = Instant::now() + SETTLING;
        loop {
            let held = Held::now();
            let is_settled =
                self.pool.ready() == POOL && before.is_none_or(|before| held.holds_no_more_than(before));
            // At the first rest nothing says what is to come: threads that watch leave.
            let is_early =
                before.is_none() && patience.saturating_duration_since(Instant::now()) > SETTLING * 3 / 4;
            if is_settled && !is_early || Instant::now() > patience {
                return held;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The same for an image of one's own.
pub(crate) fn toy(place: Placement, image: &ToyImage) -> SandboxBuilder {
    within(Sandbox::builder(image.open()), place)
}

fn within(builder: SandboxBuilder, place: Placement) -> SandboxBuilder {
    match place {
        Placement::Cell | Placement::Pool => builder,
        Placement::Thread => builder.isolation(Isolation::Thread),
    }
}

/// Those of a service, smaller: there are many guests, and their machine is small.
pub(crate) fn limits(timeout: Duration) -> Limits {
    Limits {
        timeout: Some(timeout),
        memory_bytes: 128 << 20,
        file_bytes: 8 << 20,
        file_count: 4096,
        controller_bytes: 14 << 20,
        output_bytes: Some(1 << 20),
        ..Limits::default()
    }
}

/// Time enough for what ends by itself, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a guest to its end, which must come in time.
pub(crate) fn finish(builder: SandboxBuilder, limits: Limits) -> Result<Ended, String> {
    let (out, error) = (Capture::new(), Capture::new());
    let allowed = limits.timeout.unwrap_or(PATIENCE) + limits.grace;
    let sandbox = builder
        .limits(limits)
        .stdout(Output::Capture(out.clone()))
        .stderr(Output::Capture(error.clone()))
        .build()
        .map_err(|error| format!("it did not start: {error}"))?;
    let begun = Instant::now();
    let report = sandbox.run();
    let late = begun.elapsed().saturating_sub(allowed);
    if late > LATE {
        return Err(format!("it was over {late:.1?} after its deadline: {:?}", report.outcome));
    }
    let text = |capture: &Capture| String::from_utf8_lossy(&capture.bytes()).into_owned();
    Ok(Ended { report, out: text(&out), error: text(&error) })
}

impl Ended {
    /// Whether it is as it should be.
    pub(crate) fn check(&self, is_right: bool) -> Verdict {
        if is_right {
            return Ok(());
        }
        let end = |text: &str| {
            text.chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect::<String>()
        };
        Err(format!("{:?}, it printed {:?} and {:?}", self.report.outcome, end(&self.out), end(&self.error)))
    }
}

/// A folder that a program changes.
pub(crate) fn make_work(path: &Path) {
    fs::create_dir_all(path.join("inner")).expect("folders");
    for (name, text) in [("text", "old\n"), ("removed", "old\n"), ("inner/kept", "kept\n")] {
        fs::write(path.join(name), text).expect("a file");
    }
}

fn make_archive(path: &Path) {
    let file = fs::File::create(path).expect("a file");
    let mut writer = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default().compression_level(Some(1));
    writer.start_file("zeros", options).expect("an entry");
    let piece = vec![0; 1 << 20];
    for _ in 0..ENTRY / piece.len() {
        writer.write_all(&piece).expect("a write");
    }
    for number in 0..ENTRIES {
        writer.start_file(format!("small/{number}"), options).expect("an entry");
        writer.write_all(format!("entry {number}\n").repeat(20).as_bytes()).expect("a write");
    }
    writer.finish().expect("an archive");
}
