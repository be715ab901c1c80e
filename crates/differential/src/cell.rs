//! The guest's side: programs in cells.

use crate::arguments::Tree;
use crate::native;
use crate::side::{Ended, Finished, Side};
use anyhow::{Context, bail};
use bellglass::files::{MemoryTree, Quota};
use bellglass::{Access, Capture, Image, Limits, Mount, Outcome, Output, RealClock, Sandbox};
use bellglass_build::{Executable, prepare};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Where guests find the directory that they work in, and an interpreter's program.
const PLACE: &str = "/work";
const PROGRAM_PLACE: &str = "/opt/program";

/// Bytes and files of the tree.
const TREE_BYTES: u64 = 512 << 20;
const TREE_FILES: u64 = 100_000;

/// A guest that is started again and again.
pub(crate) struct Cell {
    image: PathBuf,
    tree: Tree,
    words: Vec<String>,
    /// Parts of the program that it leaves out.
    without: String,
    /// A folder that it sees read-only, where an interpreter's program is.
    programs: Option<PathBuf>,
}

impl Cell {
    /// A program of C.
    pub fn compiled(source: &Path, flags: &[&str], tree: Tree) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("program");
        compile(source, flags, &program)?;
        Self::of_program(&program, tree, None)
    }

    /// What the driver has linked, which is kept in the usual cache or another.
    pub fn of_program(program: &Path, tree: Tree, cache: Option<&Path>) -> anyhow::Result<Self> {
        let mut executable = Executable::new(program);
        executable.cache = cache.map(Path::to_owned);
        let image = prepare(&executable)?;
        Ok(Self {
            image: image.path().to_owned(),
            tree,
            words: Vec::new(),
            without: String::new(),
            programs: None,
        })
    }

    /// A program for the interpreter of an image.
    pub fn interpreted(image: &Image, program: &Path, tree: Tree) -> anyhow::Result<Self> {
        let name = program.file_name().context("a program has a name")?.to_string_lossy();
        Ok(Self {
            image: image.path().to_owned(),
            tree,
            words: vec![format!("{PROGRAM_PLACE}/{name}")],
            without: String::new(),
            programs: Some(program.parent().context("a program is in a folder")?.to_owned()),
        })
    }

    /// The same, leaving out these parts.
    pub fn without(mut self, parts: &str) -> Self {
        self.without = parts.to_owned();
        self
    }
}

/// Compiles a program for guests. What the compiler says is shown if it fails.
pub(crate) fn compile(source: &Path, flags: &[&str], program: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(driver()?);
    command.arg("cc").args(native::FLAGS).args(flags).arg("-o").arg(program).arg(source);
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{} is not compiled for guests:\n{}",
            source.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// The bellglass command, which is beside this program.
fn driver() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let command = own.with_file_name("bellglass");
    if !command.is_file() {
        bail!("there is no {}: run this by `cargo xtask differential`", command.display());
    }
    Ok(command)
}

impl Side for Cell {
    fn run(&self, words: &[String], timeout: Duration) -> anyhow::Result<Finished> {
        let limits = Limits {
            timeout: Some(timeout),
            processor_time: None,
            calls: None,
            file_bytes: TREE_BYTES,
            file_count: TREE_FILES,
            controller_bytes: 2 * TREE_BYTES,
            // The machine may be busy with the other side.
            start_time: Duration::from_secs(60),
            ..Limits::default()
        };
        let (printed, errors) = (Capture::new(), Capture::new());
        let mut sandbox = Sandbox::builder(Image::open(&self.image)?)
            .limits(limits)
            .arguments(self.words.iter().chain(words).map(String::as_str))
            .environment("LANG", "C.UTF-8")
            .environment("TZ", "UTC")
            .environment("WITHOUT", self.without.as_str())
            .working_directory(PLACE)
            .stdout(Output::Capture(printed.clone()))
            .stderr(Output::Capture(errors.clone()));
        if let Some(programs) = &self.programs {
            sandbox = sandbox.mount(Mount::directory(programs, PROGRAM_PLACE, Access::ReadOnly));
        }
        // Both are gone at the end, and not before.
        let directory = native::place()?;
        let tree = MemoryTree::new(
            Arc::new(Quota::new(TREE_BYTES, TREE_FILES)),
            1 << 20,
            Arc::new(RealClock::new()),
        );
        let mount = || Mount::directory(directory.path(), PLACE, Access::ReadWrite);
        let (mount, _overlay) = match self.tree {
            Tree::Memory => (Mount::tree(tree.root(), PLACE), None),
            Tree::Directory => (mount(), None),
            Tree::Overlay => {
                let (mount, overlay) = mount().overlay();
                (mount, Some(overlay))
            }
        };
        let report = sandbox.mount(mount).build().context("a sandbox cannot be made")?.run();
        Ok(Finished::new(&printed.take(), &errors.take(), ended(&report.outcome)))
    }
}

fn ended(outcome: &Outcome) -> Ended {
    match outcome {
        Outcome::Exited { code } => Ended::Code(*code),
        Outcome::Limit(reached) => Ended::Otherwise(reached.to_string()),
        Outcome::Crashed { message, backtrace } => {
            let innermost: Vec<&str> = backtrace.iter().take(8).map(String::as_str).collect();
            Ended::Otherwise(format!("it crashed: {message} (in {})", innermost.join(" < ")))
        }
        other => Ended::Otherwise(format!("{other:?}")),
    }
}
