//! The native side: the C library of guests, built for this machine, and programs linked with
//! it; or this machine's own CPython.

use crate::family::Library;
use crate::side::{Ended, Finished, Side};
use anyhow::{Context, bail};
use bellglass_build::{Display, Source, unpack_pinned};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Raise this when what is made here changes otherwise than by its parts.
const VERSION: u32 = 1;

/// Bytes that a program may write.
const OUTPUT_BYTES: u64 = 64 << 20;

/// How programs are compiled, on both sides.
pub(crate) const FLAGS: [&str; 4] = ["-O2", "-std=gnu11", "-Wall", "-Wno-unused-function"];

/// The compiler of this machine, and the library.
pub(crate) struct Toolbox {
    compiler: PathBuf,
    library: PathBuf,
}

/// What the port's own list of sources holds, of which one is the library.
#[derive(serde::Deserialize)]
struct Sources {
    source: Vec<Source>,
}

impl Toolbox {
    /// Builds the library if it is not there, which takes a minute.
    pub fn prepare() -> anyhow::Result<Self> {
        let compiler = PathBuf::from(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        let version = output(Command::new(&compiler).arg("--version"))
            .context("the comparison needs a C compiler for this machine")?;
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/port/sources.toml");
        let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
        let sources: Sources =
            toml::from_str(&text).with_context(|| format!("cannot understand {}", list.display()))?;
        let Some(source) = sources.source.into_iter().find(|source| source.name == "musl") else {
            bail!("{} names no musl", list.display());
        };
        // Another compiler makes another library.
        let key = format!("{VERSION} {} {}", source.sha256, version.lines().next().unwrap_or_default());
        let folder = bellglass::cache_directory()?.join("native-library");
        let library = folder.join(words(&key));
        if !library.join("lib/libc.a").is_file() {
            make_library(&source, &compiler, &library)?;
        }
        Ok(Self { compiler, library })
    }

    /// Compiles a program. What it says is shown if it fails.
    pub fn compile(
        &self,
        source: &Path,
        flags: &[&str],
        with: Library,
        program: &Path,
    ) -> anyhow::Result<()> {
        let mut command = Command::new(&self.compiler);
        command.args(FLAGS).args(flags).arg("-o").arg(program);
        match with {
            Library::Machines => drop(command.arg(source)),
            Library::Guests => {
                let headers = output(Command::new(&self.compiler).arg("-print-file-name=include"))?;
                let library = self.library.join("lib");
                command.args(["-static", "-no-pie", "-nostdinc", "-nostdlib", "-isystem"]);
                command.arg(self.library.join("include")).arg("-isystem").arg(headers.trim());
                command.arg(library.join("crt1.o")).arg(source).arg("-L").arg(&library);
                // The compiler's own functions may need the library's, and the other way about.
                command.args(["-lc", "-lgcc", "-lc"]);
            }
        }
        let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
        if !output.status.success() {
            bail!(
                "{} is not compiled natively:\n{}",
                source.display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }
}

/// A text as the name of a folder.
fn words(key: &str) -> String {
    key.chars().map(|one| if one.is_ascii_alphanumeric() || one == '.' { one } else { '-' }).collect()
}

fn make_library(source: &Source, compiler: &Path, library: &Path) -> anyhow::Result<()> {
    let folder = library.parent().context("the cache has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    eprintln!("differential: building the C library for this machine, once: this takes a minute");
    let staging = tempfile::Builder::new().prefix(".making-").tempdir_in(folder)?;
    let (sources, made) = (staging.path().join("source"), staging.path().join("made"));
    unpack_pinned(source, &sources, &Display::new())?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let configure = [
        "./configure".to_owned(),
        "--disable-shared".to_owned(),
        format!("--prefix={}", made.display()),
        format!("CC={}", compiler.display()),
    ];
    let make = ["make".to_owned(), "-s".to_owned(), "-j".to_owned(), jobs];
    for line in [&configure[..], &make, &["make".to_owned(), "-s".to_owned(), "install".to_owned()]] {
        output(Command::new(&line[0]).args(&line[1..]).current_dir(&sources))?;
    }
    // In one step, so that it is whole if it is there. Another process may have been quicker.
    if fs::rename(&made, library).is_err() && !library.is_dir() {
        bail!("cannot make {}", library.display());
    }
    Ok(())
}

/// What a command writes, which must succeed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A native program.
pub(crate) struct Native {
    /// The program, and the words before those of each run.
    command: Vec<PathBuf>,
    /// Whether root gives up its rights for it.
    ordinary: bool,
    /// Parts of the program that it leaves out.
    without: String,
    /// Holds the program, if it was made for this.
    _folder: Option<TempDir>,
}

/// Who runs a program that root must not.
const USER: u32 = 1000;

impl Native {
    /// A program of C.
    pub fn compiled(toolbox: &Toolbox, source: &Path, flags: &[&str], with: Library) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        // It gives up the rights that it does not need, and must be able to read itself then.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let program = folder.path().join("program");
        toolbox.compile(source, flags, with, &program)?;
        Ok(Self { command: vec![program], ordinary: false, without: String::new(), _folder: Some(folder) })
    }

    /// A program for an interpreter.
    pub fn interpreted(interpreter: &Path, words: &[&str], program: &Path) -> Self {
        let words = words.iter().map(PathBuf::from);
        Self {
            command: [interpreter.to_owned()].into_iter().chain(words).chain([program.to_owned()]).collect(),
            ordinary: false,
            without: String::new(),
            _folder: None,
        }
    }

    /// The same, leaving out these parts.
    pub fn without(mut self, parts: &str) -> Self {
        self.without = parts.to_owned();
        self
    }

    /// The same, run by a user without rights: the programs of the comparison see to that
    /// themselves.
    pub fn of_ordinary_user(mut self) -> Self {
        self.ordinary = rustix::process::geteuid().is_root();
        self
    }
}

/// A directory for a native program, in which a user without rights may write: in memory
/// where the machine has such a file system, as the guests' are.
pub(crate) fn place() -> anyhow::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let builder = |folder: &Path| tempfile::Builder::new().prefix("differential-").tempdir_in(folder);
    let folder = builder(memory).or_else(|_| builder(&std::env::temp_dir()))?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
    Ok(folder)
}

impl Side for Native {
    fn run(&self, words: &[String], timeout: Duration) -> anyhow::Result<Finished> {
        let place = place()?;
        let (written, errors) = (tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?);
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(words).current_dir(place.path()).env_clear();
        // The same variables that guests begin with, of those that programs look at.
        command.envs([("LANG", "C.UTF-8"), ("TZ", "UTC"), ("HOME", "/"), ("PATH", "/usr/bin:/bin")]);
        command.env("WITHOUT", &self.without);
        command.stdin(Stdio::null()).stdout(written.reopen()?).stderr(errors.reopen()?).process_group(0);
        if self.ordinary {
            command.uid(USER).gid(USER);
        }
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let ended = loop {
            if let Some(status) = child.try_wait()? {
                let signal = status.signal().map(|signal| 128 + signal);
                break Ended::Code(status.code().or(signal).unwrap_or(-1));
            }
            if begun.elapsed() > timeout {
                child.kill()?;
                child.wait()?;
                break Ended::Otherwise(format!("it took longer than {} s", timeout.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        // What it may have left running.
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        Ok(Finished::new(&read(written.path())?, &read(errors.path())?, ended))
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(OUTPUT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
