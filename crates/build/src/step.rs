//! Running one script of a recipe.

use crate::keeper::{self, Kept};
use crate::progress::{Event, Progress};
use crate::recipe::{Need, Step};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// Options with these names would hide what the builder tells the scripts.
pub(crate) const RESERVED: [&str; 9] =
    ["toolchain", "sources", "work", "out", "guests", "jobs", "command", "cache", "options"];

/// How many lines of the log an error shows.
const SHOWN_LINES: usize = 20;

/// Bytes at the end of the log that are looked at for them.
const SHOWN_BYTES: u64 = 16 << 10;

/// How often a script is asked whether it has ended.
const POLL: Duration = Duration::from_millis(100);

/// Why a step did not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The script failed.
    #[error("the step '{step}' failed with {status}: see its log {}, which ends so:\n{tail}", log.display())]
    Failed {
        /// The step's name.
        step: String,
        /// How the script ended.
        status: ExitStatus,
        /// The whole log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The script could not be run.
    #[error("cannot run the step '{step}' ({source}): check that sh is installed and that {} may be written to", log.display())]
    Start {
        /// The step's name.
        step: String,
        /// Where its log was to be.
        log: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Where the scripts of a build find things.
pub(crate) struct Surroundings<'a> {
    pub toolchain: &'a Path,
    pub sources: &'a Path,
    pub work: &'a Path,
    pub out: &'a Path,
    pub guests: &'a Path,
    /// The bellglass command, whose `cc` compiles and which ends what a script leaves.
    pub command: &'a Path,
    pub cache: &'a Path,
    pub jobs: usize,
    pub options: &'a BTreeMap<String, String>,
}

impl Surroundings<'_> {
    /// A shell that runs the script of a step and sees nothing of the caller's
    /// environment but where programs are.
    fn command(&self, step: &Step, script: &Path) -> Command {
        let mut command = keeper::command(self.command, "sh");
        command.arg(script).current_dir(self.work).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("HOME", self.work).env("TMPDIR", self.work.join("tmp"));
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        for need in step.needs() {
            if let Need::Option(name) = need
                && let Some(value) = self.options.get(name)
            {
                command.env(format!("BELLGLASS_{}", name.to_ascii_uppercase()), value);
            }
        }
        command.env("BELLGLASS_TOOLCHAIN", self.toolchain);
        command.env("BELLGLASS_SOURCES", self.sources);
        command.env("BELLGLASS_WORK", self.work);
        command.env("BELLGLASS_OUT", self.out);
        command.env("BELLGLASS_GUESTS", self.guests);
        command.env("BELLGLASS_JOBS", self.jobs.to_string());
        command.env("BELLGLASS_COMMAND", self.command);
        // The compiler is the one of this build's cache.
        command.env(bellglass_image::CACHE_VARIABLE, self.cache);
        command
    }

    /// Runs the script of a step to its end, with its output in `log`.
    pub fn run(
        &self,
        step: &Step,
        script: &Path,
        log: &Path,
        progress: &dyn Progress,
    ) -> Result<(), StepError> {
        let start_error = |source| StepError::Start { step: step.name.clone(), log: log.to_owned(), source };
        fs::create_dir_all(self.work.join("tmp")).map_err(start_error)?;
        fs::create_dir_all(self.out).map_err(start_error)?;
        let mut command = self.command(step, script);
        // The output goes to the file and not through us: a process that a script
        // leaves behind then cannot keep the build waiting.
        let file = File::create(log).map_err(start_error)?;
        command.stderr(file.try_clone().map_err(start_error)?).stdout(file);
        let mut kept = Kept::start(&mut command).map_err(start_error)?;
        loop {
            if let Some(status) = kept.child.try_wait().map_err(start_error)? {
                if status.success() {
                    return Ok(());
                }
                let (step, log) = (step.name.clone(), log.to_owned());
                return Err(StepError::Failed { step, status, tail: last_lines(&log), log });
            }
            progress.event(Event::Working);
            std::thread::sleep(POLL);
        }
    }
}

fn last_lines(log: &Path) -> String {
    let text = end_of(log, SHOWN_BYTES).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    shown.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn end_of(log: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut end = Vec::new();
    file.take(bytes).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}
