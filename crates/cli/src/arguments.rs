//! The command line: what was typed, checked, nothing done yet.

use crate::units::{parse_size, parse_time};
use bellglass::{Identity, Limits, Signal, walls};
use bellglass_build::{CompileLimits, SystemCallFilter};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::iter::once;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Run untrusted programs in an interpreter that can touch nothing.
#[derive(Debug, Parser)]
#[command(name = "bellglass", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program in a fresh sandbox
    ///
    /// The program may try anything; whatever would leave the interpreter is answered by
    /// bellglass. Nothing of the host is there unless an option shows it. An option with one
    /// hyphen that is none of these, and all after it, is the interpreter's own, as is all
    /// after '--': the program is the file that they name. The exit codes stand at the end.
    #[command(
        override_usage = "bellglass run [OPTIONS] PROGRAM.py [ARGS]...\n       bellglass run [OPTIONS] -O -W error PROGRAM.py [ARGS]...\n       bellglass run [OPTIONS] -c CODE [ARGS]...\n       bellglass run [OPTIONS] -m MODULE [ARGS]...\n       bellglass run [OPTIONS] - [ARGS]...\n       bellglass run [OPTIONS] --wasm MODULE.wasm [ARGS]...\n       bellglass run [OPTIONS] --image NAME -- [ARGS]...",
        after_long_help = crate::exit::table()
    )]
    Run(RunArguments),
    /// Type Python at a prompt, in a fresh sandbox
    Repl(ReplArguments),
    /// Build, list, inspect or remove images
    #[command(subcommand)]
    Image(ImageCommand),
    /// Check what this machine offers, and what is missing
    ///
    /// Starts a cell and prints which walls are around it, and why one is not; then the state
    /// of the images. The exit code is 0 if all checks passed, else 1.
    Doctor {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a program that `bellglass cc` has linked, as starting the program itself does
    ///
    /// The options of `run` may stand in the environment variable BELLGLASS_OPTIONS, with the
    /// quotes of a shell; those that are typed come after them.
    #[command(override_usage = "bellglass exec [OPTIONS] FILE [ARGS]...")]
    Exec(RunArguments),
    /// Compile C for a guest; takes the options of gcc and clang
    #[command(disable_help_flag = true)]
    Cc(ToolArguments),
    /// Compile C++ for a guest; takes the options of gcc and clang
    #[command(name = "c++", disable_help_flag = true)]
    Cxx(ToolArguments),
    /// The other tools of the compiler: ld, ar, ranlib, nm, strip, objcopy, objdump, size
    #[command(disable_help_flag = true)]
    Ar(ToolArguments),
    /// List each external call of an image, and what answers it
    Calls {
        /// The image's name, name@version or folder
        #[arg(default_value = "python")]
        image: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) options: Options,

    /// The program is a WebAssembly module: a command of WASI preview 1, or what --entry names
    #[arg(long, help_heading = "Program")]
    pub(crate) wasm: bool,

    /// Call this export of the module, in place of a command's
    #[arg(long, value_name = "EXPORT", help_heading = "Program")]
    pub(crate) entry: Option<String>,

    /// Run this code
    #[arg(short = 'c', value_name = "CODE", help_heading = "Program")]
    code: Option<OsString>,

    /// Run this module, as `python -m` does
    #[arg(short = 'm', value_name = "MODULE", help_heading = "Program")]
    module: Option<OsString>,

    /// The program's file, or - to read it from stdin; then its arguments
    #[arg(value_name = "PROGRAM", help_heading = "Program")]
    program: Vec<OsString>,

    /// What to run; found by [`split`], since all that follows it is its own.
    #[arg(skip)]
    pub(crate) payload: Payload,
}

/// What a tool of the compiler is given; see `commands::tools`, which gets it as
/// it was typed.
#[derive(Debug, Args)]
pub(crate) struct ToolArguments {
    /// The tool's own options and files
    #[arg(value_name = "ARGS", allow_hyphen_values = true, trailing_var_arg = true)]
    _arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplArguments {
    #[command(flatten)]
    pub(crate) options: Options,
}

/// What a program may see and use.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The interpreter's image: a name, name@version, or an image's folder
    #[arg(long, value_name = "NAME|PATH", default_value = "python")]
    pub(crate) image: String,

    /// Show a directory or an archive of the host, at the same path or at GUEST
    ///
    /// It is read-only, unless :rw lets the program change it, or :overlay lets it change what it
    /// sees and leaves the host as it is. An archive is a zip, tar, tar.gz or tar.zst file.
    #[arg(
        long = "dir",
        value_name = "HOST[:GUEST][:ro|rw|overlay]",
        value_parser = OsStringValueParser::new().try_map(|text| Directory::parse(&text))
    )]
    pub(crate) directories: Vec<Directory>,

    /// Print what the program has changed in :overlay directories, or the whole patch; at a
    /// terminal, then ask whether to write it
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "stat"
    )]
    pub(crate) diff: Option<Diff>,

    /// Write to the host what the program has changed in :overlay directories, once it has ended;
    /// what cannot be written is told, and the rest is written
    #[arg(long)]
    pub(crate) apply: bool,

    /// Set an environment variable; without =VALUE, pass the host's
    #[arg(
        long = "env",
        value_name = "KEY[=VALUE]",
        value_parser = OsStringValueParser::new().try_map(|text| Variable::parse(&text))
    )]
    pub(crate) environment: Vec<Variable>,

    /// The working directory, in the guest's file tree
    #[arg(long, value_name = "GUEST")]
    pub(crate) cwd: Option<PathBuf>,

    /// The name of the machine, as the program sees it
    #[arg(long, value_name = "NAME", value_parser = parse_hostname, help_heading = "Identity")]
    pub(crate) hostname: Option<String>,

    /// How many processors the program sees [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(Identity::PROCESSORS)), help_heading = "Identity")]
    pub(crate) cpus: Option<u32>,

    /// The user and the group that the program runs as, in its own view
    #[arg(long, value_name = "UID[:GID]", value_parser = User::parse, help_heading = "Identity")]
    pub(crate) user: Option<User>,

    /// Start the interpreter from nothing, not from the image's snapshot of a started one
    #[arg(long)]
    pub(crate) no_snapshot: bool,

    /// Refuse to run unless these walls are up (see 'bellglass doctor'), e.g. all
    #[arg(long, value_name = "WALL,...", value_delimiter = ',')]
    pub(crate) require_walls: Vec<String>,

    /// With --limits service, run without a word also where these walls are not up
    ///
    /// Without this --limits service refuses to run, and to compile a module, where the wall
    /// system_call_filter is not up, and says which others are not.
    #[arg(long, value_name = "WALL,...", value_delimiter = ',')]
    pub(crate) waive_walls: Vec<String>,

    /// Print what the program may do and use, a line each, and do not run it
    #[arg(long)]
    pub(crate) explain: bool,

    /// Write a report of the run, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Print each external call as it is answered, to stderr or to a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) trace: Option<Option<PathBuf>>,

    /// Where the guest runs
    #[arg(long, value_name = "WHERE", value_enum, default_value = "process")]
    pub(crate) isolation: Where,

    /// What happens at a call that nothing answers
    #[arg(long, value_name = "HOW", value_enum, default_value = "errno")]
    pub(crate) unsupported: WhenUnsupported,

    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

/// What a program may use. Without these it may use what it likes, as with other
/// commands that run programs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitOptions {
    /// The limits that hold where no option says otherwise
    #[arg(long = "limits", value_name = "SET", value_enum, default_value = "none")]
    pub(crate) base: LimitSet,

    /// The most memory that the guest may have, e.g. 256M; the most possible is 4G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,

    /// End the program after this time, e.g. 10s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) timeout: Option<Duration>,

    /// At the timeout, interrupt the program as Ctrl-C does, and end it this much later
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) grace: Option<Duration>,

    /// The signal that the program gets at the timeout, if there is a grace: INT if not given
    #[arg(long, value_name = "SIGNAL", requires = "grace")]
    pub(crate) grace_signal: Option<Signal>,

    /// End the program when it has used this much processor time, e.g. 5s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) cpu_time: Option<Duration>,

    /// End the program when it has written this much, e.g. 10M
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) output_limit: Option<u64>,

    /// The most that all files in memory may hold, e.g. 64M; beyond it there is no space left
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) file_space: Option<u64>,

    /// The most files, directories and links that there may be in memory
    #[arg(long, value_name = "COUNT")]
    pub(crate) file_count: Option<u64>,

    /// The most that bellglass may keep for the program in all, e.g. 512M: files in memory, names
    /// that it has seen, open files, pipes; beyond it the program's calls find no memory
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) controller_memory: Option<u64>,

    /// The most files that may be open at once
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(4..=1_048_576))]
    pub(crate) open_files: Option<u32>,

    /// End the program when it makes more external calls than this
    #[arg(long, value_name = "COUNT")]
    pub(crate) call_limit: Option<u64>,

    /// Slow the program down to this many external calls a second
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) call_rate: Option<u32>,

    /// End the program when it has slept for this long in all, e.g. 30s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) sleep_limit: Option<Duration>,

    /// End the program when it wants to sleep for longer than this at once, e.g. 5s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) longest_sleep: Option<Duration>,

    /// The most elements of the guest's function tables
    #[arg(long, value_name = "COUNT")]
    pub(crate) table_elements: Option<u64>,

    /// The most memory that compiling a module may take, e.g. 2G: 1G for strangers, else 8G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) compile_memory: Option<u64>,

    /// How long the cell may take to start, e.g. 20s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) start_time: Option<Duration>,
}

/// A set of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LimitSet {
    /// None but what the machine has
    #[default]
    None,
    /// Those of the library: for programs of strangers
    Service,
}

impl Options {
    /// Whether this wall is wanted because the program is a stranger's. Who chooses to
    /// run it in a thread has chosen to do without any.
    pub(crate) fn wants(&self, wall: &str) -> bool {
        let is_waived = names(&self.waive_walls, wall);
        self.limits.base == LimitSet::Service && self.isolation == Where::Process && !is_waived
    }

    /// What compiling a module may use whose run has begun at this moment. The compiler
    /// is a process of its own wherever the program is to run.
    pub(crate) fn compile_limits(&self, begun: Instant) -> CompileLimits {
        let mut limits = self.limits.compile_limits(begun);
        if names(&self.require_walls, walls::FILTER) {
            limits.filter = SystemCallFilter::Required;
        } else if names(&self.waive_walls, walls::FILTER) {
            limits.filter = SystemCallFilter::Waived;
        }
        limits
    }

    /// The walls that it may do without. What is required by name stays so.
    pub(crate) fn waived(&self) -> Vec<&str> {
        let is_waived = |wall: &&str| names(&self.waive_walls, wall) && !names(&self.require_walls, wall);
        walls::ALL.into_iter().filter(is_waived).collect()
    }
}

/// Whether words of the command line name this wall.
pub(crate) fn names(words: &[String], wall: &str) -> bool {
    words.iter().any(|word| word == wall || word == "all")
}

impl LimitOptions {
    /// The limits that they make.
    pub(crate) fn limits(&self) -> Limits {
        let base = match self.base {
            LimitSet::None => Limits::interactive(),
            LimitSet::Service => Limits::default(),
        };
        let file_bytes = self.file_space.unwrap_or(base.file_bytes);
        Limits {
            memory_bytes: self.memory.unwrap_or(base.memory_bytes),
            table_elements: self.table_elements.unwrap_or(base.table_elements),
            timeout: self.timeout.or(base.timeout),
            grace: self.grace.unwrap_or(base.grace),
            grace_signal: self.grace_signal.unwrap_or(base.grace_signal),
            processor_time: self.cpu_time.or(base.processor_time),
            output_bytes: self.output_limit.or(base.output_bytes),
            file_bytes,
            file_count: self.file_count.unwrap_or(base.file_count),
            // More room for files is not to end at what was meant for less.
            controller_bytes: self.controller_memory.unwrap_or_else(|| {
                base.controller_bytes.saturating_add(file_bytes.saturating_sub(base.file_bytes))
            }),
            open_files: self.open_files.map_or(base.open_files, |count| count as usize),
            calls: self.call_limit.or(base.calls),
            calls_per_second: self.call_rate.or(base.calls_per_second),
            sleep_time: self.sleep_limit.or(base.sleep_time),
            longest_sleep: self.longest_sleep.or(base.longest_sleep),
            start_time: self.start_time.unwrap_or(base.start_time),
        }
    }
}

impl LimitOptions {
    fn compile_limits(&self, begun: Instant) -> CompileLimits {
        let mut limits = match self.base {
            LimitSet::None => CompileLimits::large(),
            LimitSet::Service => CompileLimits::default(),
        };
        let Limits { timeout, processor_time, .. } = self.limits();
        limits.memory_bytes = self.compile_memory.unwrap_or(limits.memory_bytes);
        limits.processor_time = processor_time.unwrap_or(limits.processor_time);
        limits.deadline = timeout.and_then(|timeout| begun.checked_add(timeout));
        limits
    }
}

/// The user and the group that the program runs as, in its own view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl User {
    fn parse(text: &str) -> Result<Self, String> {
        // The greatest number stands for "leave it" in the calls that set one.
        let number = |part: &str| part.parse().ok().filter(|number| *number != u32::MAX);
        let (user, group) = text.split_once(':').unwrap_or((text, text));
        match (number(user), number(group)) {
            (Some(user), Some(group)) => Ok(Self { user, group }),
            _ => Err("write numbers, as UID or UID:GID".to_owned()),
        }
    }
}

fn parse_hostname(text: &str) -> Result<String, String> {
    let right = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    if (1..=64).contains(&text.len()) && text.chars().all(right) {
        Ok(text.to_owned())
    } else {
        Err("a host name has 1 to 64 letters, digits, dots and hyphens".to_owned())
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum WhenUnsupported {
    /// The program gets the error ENOSYS
    Errno,
    /// The run ends
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Diff {
    /// A line for each file
    Stat,
    /// A patch
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Where {
    /// In a process of its own, which can touch nothing
    Process,
    /// In bellglass's own process: faster calls, and WebAssembly as the only wall
    Thread,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Build an image from its recipe
    Build {
        /// A built-in recipe (python, python@VERSION) or a recipe's file
        #[arg(default_value = "python")]
        recipe: String,
        /// Build all steps again, whatever is cached
        #[arg(long)]
        fresh: bool,
    },
    /// List the images
    List,
    /// Show what is known of an image, and check its files
    Inspect {
        /// The image's name, name@version or folder
        #[arg(default_value = "python")]
        image: String,
        /// Print the manifest as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make an image of a program that `bellglass cc` has linked, or of another module
    Seal {
        /// The program
        file: PathBuf,
        /// The folder to make, NAME.bgi by custom
        #[arg(short, long, value_name = "FOLDER")]
        output: PathBuf,
        /// Put a file or folder of the host into the image, at GUEST of its file tree
        #[arg(
            long = "files",
            value_name = "HOST:GUEST",
            value_parser = OsStringValueParser::new().try_map(|text| sealed_files(&text))
        )]
        files: Vec<(PathBuf, PathBuf)>,
        /// Set an environment variable of every guest of the image
        #[arg(long = "env", value_name = "KEY=VALUE", value_parser = variable)]
        environment: Vec<(String, String)>,
        /// The image's name and version; without it, the file's name
        #[arg(long, value_name = "NAME[@VERSION]")]
        name: Option<String>,
        /// Call this export of the module, in place of a command's
        #[arg(long, value_name = "EXPORT")]
        entry: Option<String>,
        /// Seal it although nothing answers this call, for a reason
        #[arg(long, value_name = "CALL=REASON", value_parser = variable)]
        allow_unknown: Vec<(String, String)>,
        /// Compile it also where these walls around the compiler are not up
        #[arg(long, value_name = "WALL,...", value_delimiter = ',')]
        waive_walls: Vec<String>,
    },
    /// Remove an image
    Remove {
        /// The image's name or name@version
        image: String,
    },
}

/// What `run` runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Nothing was named.
    #[default]
    None,
    /// `-c CODE`, with its arguments.
    Code(OsString, Vec<OsString>),
    /// `-m MODULE`, with its arguments.
    Module(OsString, Vec<OsString>),
    /// A program's file, with its arguments.
    File(OsString, Vec<OsString>),
    /// `-`: the program comes on stdin.
    Stdin(Vec<OsString>),
    /// The interpreter's own words, which begin with an option of it or stand after `--`.
    Words(Vec<OsString>),
}

/// The two sides of the last `mark` in a text; names of files may be of any bytes.
fn split_at_last(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|byte| *byte == mark)?;
    Some((&text[..at], &text[at + 1..]))
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

fn sealed_files(text: &OsStr) -> Result<(PathBuf, PathBuf), String> {
    match split_at_last(text.as_bytes(), b':') {
        Some((host, guest)) if !host.is_empty() && guest.starts_with(b"/") => Ok((path(host), path(guest))),
        _ => Err("write HOST:GUEST, where GUEST begins with /".to_owned()),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write something on both sides of the '='".to_owned()),
    }
}

/// A variable of the guest's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: OsString,
    /// That of the host, if there is none.
    pub(crate) value: Option<OsString>,
}

impl Variable {
    fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        if name.is_empty() {
            return Err("the variable has no name: write KEY or KEY=VALUE".to_owned());
        }
        let owned = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        Ok(Self { name: owned(name), value: value.map(owned) })
    }
}

/// A directory or an archive to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) host: PathBuf,
    pub(crate) guest: Option<PathBuf>,
    pub(crate) mode: Mode,
}

/// What a program may do with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read it.
    ReadOnly,
    /// Change it.
    ReadWrite,
    /// Change what it sees, and not what is there.
    Overlay,
}

impl Directory {
    fn parse(text: &OsStr) -> Result<Self, String> {
        let text = text.as_bytes();
        let (rest, mode) = match split_at_last(text, b':') {
            Some((rest, b"rw")) => (rest, Mode::ReadWrite),
            Some((rest, b"ro")) => (rest, Mode::ReadOnly),
            Some((rest, b"overlay")) => (rest, Mode::Overlay),
            _ => (text, Mode::ReadOnly),
        };
        let (host, guest) = match split_at_last(rest, b':') {
            Some((host, guest)) => (host, Some(path(guest))),
            None => (rest, None),
        };
        if host.is_empty() {
            return Err("no directory is named: write HOST[:GUEST][:ro|rw|overlay]".to_owned());
        }
        if let Some(guest) = &guest
            && !guest.has_root()
        {
            return Err(format!("the guest's path '{}' does not begin with /", guest.display()));
        }
        Ok(Self { host: path(host), guest, mode })
    }
}

/// Reads the command line. Everything after what `run` runs belongs to the
/// program, options and all, as with `python`.
///
/// # Errors
/// What clap says, for help and versions as well.
pub(crate) fn parse(line: Vec<OsString>) -> Result<Arguments, clap::Error> {
    let is_exec = line.get(1).is_some_and(|word| word == "exec");
    let is_run = line.get(1).is_some_and(|word| word == "run");
    if !is_run && !is_exec {
        return Arguments::try_parse_from(line);
    }
    let line = if is_exec { with_environment(line)? } else { line };
    let (own, payload) = split(line);
    let mut arguments = Arguments::try_parse_from(own)?;
    if let Command::Run(run) | Command::Exec(run) = &mut arguments.command {
        run.payload = payload;
        if run.payload == Payload::None && !run.options.explain {
            let mut command = Arguments::command();
            let message = "nothing to run: name a program, or give -c CODE, -m MODULE or -";
            return Err(command.error(clap::error::ErrorKind::MissingRequiredArgument, message));
        }
    }
    Ok(arguments)
}

/// The environment variable with options for the programs that are linked.
pub(crate) const OPTIONS_VARIABLE: &str = "BELLGLASS_OPTIONS";

/// The line of an `exec` with the options of the environment before its own.
fn with_environment(mut line: Vec<OsString>) -> Result<Vec<OsString>, clap::Error> {
    let Some(options) = std::env::var_os(OPTIONS_VARIABLE) else { return Ok(line) };
    let Some(words) = split_as_a_shell(&options) else {
        let message = format!(
            "{OPTIONS_VARIABLE} cannot be split into words as a shell does it, so check its quotes: {options:?}"
        );
        return Err(Arguments::command().error(clap::error::ErrorKind::ValueValidation, message));
    };
    line.splice(2..2, words);
    Ok(line)
}

/// The words of a text with quotes, which may be of any bytes: those that mean something
/// to a shell are of ASCII, so that the others can pass for letters meanwhile.
fn split_as_a_shell(text: &OsStr) -> Option<Vec<OsString>> {
    let letters: String = text.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let words = shell_words::split(&letters).ok()?;
    let bytes = |word: String| {
        let bytes: Option<Vec<u8>> = word.chars().map(|letter| u8::try_from(letter).ok()).collect();
        bytes.map(OsString::from_vec)
    };
    words.into_iter().map(bytes).collect()
}

/// The command's own option of one letter, beside those that say what to run.
const HELP: &str = "-h";

/// Divides the line of a `run` into the command's own words and the payload.
fn split(line: Vec<OsString>) -> (Vec<OsString>, Payload) {
    let takes_value = |name: &str| {
        let command = Arguments::command();
        let run = command.find_subcommand("run");
        run.and_then(|run| run.get_arguments().find(|argument| argument.get_long() == Some(name)))
            .is_some_and(|argument| argument.get_action().takes_values() && !argument.is_require_equals_set())
    };
    let mut own = Vec::new();
    let mut words = line.into_iter();
    own.extend(words.by_ref().take(2));
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if let Some(long) = text.strip_prefix("--") {
            if long.is_empty() {
                return (own, verbatim(words.collect()));
            }
            own.push(word);
            if !long.contains('=')
                && takes_value(long)
                && let Some(value) = words.next()
            {
                own.push(value);
            }
            continue;
        }
        for (option, payload) in
            [(&b"-c"[..], Payload::Code as fn(_, _) -> _), (b"-m", Payload::Module as fn(_, _) -> _)]
        {
            if let Some(attached) = word.as_bytes().strip_prefix(option) {
                let attached = OsStr::from_bytes(attached).to_owned();
                let value = if attached.is_empty() { words.next() } else { Some(attached) };
                let Some(value) = value else {
                    // Clap says what is missing.
                    own.push(word);
                    return (own, Payload::None);
                };
                return (own, payload(value, words.collect()));
            }
        }
        match text.as_str() {
            "-" => return (own, Payload::Stdin(words.collect())),
            HELP => own.push(word),
            _ if text.starts_with('-') => return (own, Payload::Words(once(word).chain(words).collect())),
            _ => return (own, Payload::File(word, words.collect())),
        }
    }
    (own, Payload::None)
}

/// What follows `--`: a program's file, whatever its name, or the words that the
/// interpreter itself is given.
fn verbatim(mut words: Vec<OsString>) -> Payload {
    match words.first() {
        Some(first) if first.as_bytes().starts_with(b"-") && !Path::new(first).exists() => {
            Payload::Words(words)
        }
        Some(_) => {
            let program = words.remove(0);
            Payload::File(program, words)
        }
        None => Payload::Words(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(line: &str) -> Payload {
        let words = line.split(' ').map(OsString::from).collect();
        match parse(words).expect("a line that is right").command {
            Command::Run(run) => run.payload,
            other => panic!("{other:?}"),
        }
    }

    fn words(text: &[&str]) -> Vec<OsString> {
        text.iter().map(OsString::from).collect()
    }

    #[test]
    fn all_after_the_program_is_the_programs_own() {
        let expected = Payload::File("x.py".into(), words(&["--memory", "1", "-c", "--"]));
        assert_eq!(payload("bellglass run --memory 5M x.py --memory 1 -c --"), expected);
        assert_eq!(payload("bellglass run -c pass -x"), Payload::Code("pass".into(), words(&["-x"])));
        assert_eq!(payload("bellglass run -cpass"), Payload::Code("pass".into(), vec![]));
        assert_eq!(
            payload("bellglass run --trace -m json.tool -h"),
            Payload::Module("json.tool".into(), words(&["-h"]))
        );
        assert_eq!(payload("bellglass run - a"), Payload::Stdin(words(&["a"])));
        assert_eq!(payload("bellglass run -- odd.py a"), Payload::File("odd.py".into(), words(&["a"])));
        assert_eq!(payload("bellglass run -- -e x"), Payload::Words(words(&["-e", "x"])));
        assert_eq!(payload("bellglass run --image lua --"), Payload::Words(vec![]));
        assert_eq!(
            payload("bellglass run --cwd /tmp -Wd --cwd x.py"),
            Payload::Words(words(&["-Wd", "--cwd", "x.py"]))
        );
    }

    #[test]
    fn a_run_of_nothing_is_refused() {
        for line in ["bellglass run", "bellglass run --memory 5M", "bellglass run -c", "bellglass run -h"] {
            assert!(parse(words(&line.split(' ').collect::<Vec<_>>())).is_err(), "{line}");
        }
    }

    #[test]
    fn directories_may_name_a_guest_path_and_a_mode() {
        let parsed = |text: &str| Directory::parse(text.as_ref()).map(|one| (one.host, one.guest, one.mode));
        assert_eq!(parsed("."), Ok((".".into(), None, Mode::ReadOnly)));
        assert_eq!(parsed("a:rw"), Ok(("a".into(), None, Mode::ReadWrite)));
        assert_eq!(parsed("a:/b:ro"), Ok(("a".into(), Some("/b".into()), Mode::ReadOnly)));
        assert_eq!(parsed("a:/b:overlay"), Ok(("a".into(), Some("/b".into()), Mode::Overlay)));
        assert!(parsed("a:b").is_err() && parsed(":rw").is_err());
    }

    #[test]
    fn what_is_named_may_be_of_any_bytes() {
        let os = OsStr::from_bytes;
        let directory = Directory::parse(os(b"a\xff:b:/c\xfe:rw")).expect("a directory");
        assert_eq!(directory.host, os(b"a\xff:b"));
        assert_eq!(directory.guest.as_deref(), Some(Path::new(os(b"/c\xfe"))));
        let variable = Variable::parse(os(b"A\xff=b=\xfe")).expect("a variable");
        assert_eq!(
            (variable.name.as_os_str(), variable.value.as_deref()),
            (os(b"A\xff"), Some(os(b"b=\xfe")))
        );
        assert_eq!(Variable::parse(os(b"A=")).expect("a variable").value.as_deref(), Some(os(b"")));
        assert!(Variable::parse(os(b"=x")).is_err() && Variable::parse(os(b"")).is_err());
        assert_eq!(sealed_files(os(b"\xff:/\xfe")), Ok((os(b"\xff").into(), os(b"/\xfe").into())));
        let line =
            [&b"bellglass"[..], b"run", b"--env", b"\xff=\xfe", b"--cwd", b"/\xfd", b"-c\xfc", b"\xfb"];
        let line = line.into_iter().map(|word| os(word).to_owned()).collect();
        let Command::Run(run) = parse(line).expect("a line that is right").command else { panic!("a run") };
        assert_eq!(run.payload, Payload::Code(os(b"\xfc").into(), vec![os(b"\xfb").into()]));
        assert_eq!(run.options.environment[0].name, os(b"\xff"));
        assert_eq!(run.options.cwd.as_deref(), Some(Path::new(os(b"/\xfd"))));
        let words = split_as_a_shell(os(b"--env 'a b\xff'=\xc3\xa4 --cwd /\xa0"));
        let expected =
            [&b"--env"[..], b"a b\xff=\xc3\xa4", b"--cwd", b"/\xa0"].map(|word| os(word).to_owned());
        assert_eq!(words, Some(expected.to_vec()));
        assert_eq!(split_as_a_shell(os(b"'\xff")), None);
    }

    #[test]
    fn users_are_numbers() {
        assert_eq!(User::parse("7"), Ok(User { user: 7, group: 7 }));
        assert_eq!(User::parse("0:5"), Ok(User { user: 0, group: 5 }));
        for wrong in ["", "root", "1:", ":1", "4294967295", "-1"] {
            assert!(User::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_host_name_is_one_word() {
        assert!(parse_hostname("build-7.example").is_ok());
        for wrong in ["", "a b", "a\nb", "é", &"x".repeat(65)] {
            assert!(parse_hostname(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
