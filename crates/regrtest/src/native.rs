//! Running test files with a native interpreter, to know which of them fail on
//! this machine without any sandbox.

use crate::run::{FileRun, RECORD_BYTES, RECORDER, Runner, Task};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Runs a command with 8 GiB of address space: some tests, when they fail, do not
/// stop by themselves.
const BOUNDED: &str = r#"ulimit -v 8388608 && exec "$@""#;

/// Runs each file in a process of a native interpreter.
pub(crate) struct Native {
    python: PathBuf,
}

impl Native {
    /// With this interpreter, which must have the package `test`.
    pub fn new(python: &Path) -> anyhow::Result<Self> {
        let python = fs::canonicalize(python).with_context(|| format!("cannot find {}", python.display()))?;
        let found = Command::new(&python).args(["-c", "import test.libregrtest"]).status();
        if !found.is_ok_and(|status| status.success()) {
            bail!("{} has no package 'test'", python.display());
        }
        Ok(Self { python })
    }

    fn try_run(&self, task: &Task<'_>) -> anyhow::Result<FileRun> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("work"))?;
        let output = File::create(path("output"))?;
        let begun = Instant::now();
        // A shell's background jobs ignore interrupts, and some tests wait for one.
        let mut child = Command::new("env")
            .args(["--default-signal", "sh", "-c", BOUNDED, "sh"])
            .arg(&self.python)
            .args(["-X", "frozen_modules=on", "-c", RECORDER])
            .arg(path("record"))
            .args(task.arguments())
            .current_dir(path("work"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", path("work"))
            .env("LANG", "C.UTF-8")
            .env("TMPDIR", path("work"))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        let ended = loop {
            if let Some(status) = child.try_wait()? {
                break sentence(status);
            }
            if begun.elapsed() > task.timeout {
                child.kill()?;
                child.wait()?;
                break format!("it took longer than {} s", task.timeout.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // What the tests have left running.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let read = |name| {
            let mut bytes = Vec::new();
            File::open(path(name))
                .and_then(|file| file.take(RECORD_BYTES).read_to_end(&mut bytes))
                .map_or_else(|_| Vec::new(), |_| bytes)
        };
        Ok(FileRun::new(task.file, &read("record"), &read("output"), &ended, seconds))
    }
}

impl Runner for Native {
    fn run(&self, task: &Task<'_>) -> FileRun {
        self.try_run(task).unwrap_or_else(|error| {
            FileRun::new(task.file, b"", b"", &format!("it did not start: {error:#}"), 0.0)
        })
    }
}

fn sentence(status: ExitStatus) -> String {
    format!("the interpreter ended: {status}")
}
