//! `bellglass run`

use crate::arguments::{LimitSet, Options, Payload, RunArguments, User, Variable, WhenUnsupported, Where};
use crate::changes::{Keys, Overlaid, Settled};
use crate::commands::exec::Kind;
use crate::exit::{code_of, sentence_of};
use crate::patience::{self, Late};
use crate::program::{Program, Time, View};
use crate::say::{self, Lines, say};
use crate::signals::Again;
use crate::{changes, commands, signals, terminal, trace};
use anyhow::Context;
use bellglass::{
    Error, Identity, Image, Input, Isolation, Outcome, Output, ProgramName, RefusedCall, Report, Sandbox,
    SandboxBuilder, Unsupported, walls,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Instant;

/// Runs a program and gives the command's exit code.
pub(crate) fn run(arguments: RunArguments) -> anyhow::Result<u8> {
    if arguments.wasm || arguments.entry.is_some() {
        return commands::exec::exec(arguments, Kind::Module);
    }
    let options = &arguments.options;
    let view = View::new(&options.directories, options.cwd.as_deref())?;
    let image = commands::image::find_or_build(&options.image)?;
    // To wait for a program that comes by a pipe is of the program's own time.
    let time = Time { begun: Instant::now(), timeout: options.limits.limits().timeout };
    let mut found = None;
    let mut find = |word: &OsStr| -> anyhow::Result<OsString> {
        let program = found.insert(view.program(word, time)?);
        Ok(std::mem::take(&mut program.name))
    };
    let line = match arguments.payload {
        Payload::None => Vec::new(),
        Payload::Code(code, rest) => line([text("-c"), code], rest),
        Payload::Module(module, rest) => line([text("-m"), module], rest),
        Payload::Stdin(rest) => line([text("-")], rest),
        Payload::File(program, rest) => line([find(&program)?], rest),
        Payload::Words(mut words) => {
            // Of an interpreter of which that is not known the words are left as they are.
            let line = image.manifest().command_line.as_ref();
            let named = line.and_then(|line| line.program(words.iter().map(|word| word.as_bytes())));
            if let Some(ProgramName { word, from }) = named {
                let (option, file) = words[word].as_bytes().split_at(from);
                let name = find(OsStr::from_bytes(file))?;
                words[word] = OsString::from_vec([option, name.as_bytes()].concat());
            }
            words
        }
    };
    let (builder, overlays) = sandbox_of(image, options, &view, &[])?;
    let mut builder = builder.working_directory(view.cwd.as_os_str().as_bytes());
    if let Some(Program { mount, waited_from, .. }) = found {
        builder = mount.into_iter().fold(builder, SandboxBuilder::mount);
        builder = waited_from.into_iter().fold(builder, SandboxBuilder::time_from);
    }
    let builder = builder
        .arguments(line.into_iter().map(OsStringExt::into_vec))
        .stdin(Input::Inherit)
        .stdout(Output::Inherit)
        .stderr(Output::Inherit);
    start(builder, options, &overlays)
}

/// Lets this process have more descriptors, as many as its user allows: what a program
/// may have open of the host's files is a share of them.
fn raise_open_files() {
    /// More than the share's own limit needs.
    const ENOUGH: u64 = 1 << 16;
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|current| current < most) {
        // Without it the program has fewer.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit });
    }
}

/// Runs what was built to its end.
pub(crate) fn start(builder: SandboxBuilder, options: &Options, overlays: &[Overlaid]) -> anyhow::Result<u8> {
    if options.explain {
        return explain(&builder, options);
    }
    let sandbox = build(builder, options)?;
    signals::pass_on(sandbox.controls(), Again::End).context("cannot listen for Ctrl-C")?;
    terminal::lend();
    finish(sandbox.run(), options, overlays, || Keys::Ours)
}

/// Prints what the program may do and use.
pub(crate) fn explain(builder: &SandboxBuilder, options: &Options) -> anyhow::Result<u8> {
    let mut out = Lines::new();
    for line in builder.explain() {
        out.line(format_args!("{line}"))?;
    }
    if options.apply {
        out.line(format_args!("afterwards: what it has changed in overlays is written to the host"))?;
    }
    out.end()?;
    Ok(0)
}

/// Gets the sandbox ready, and says which walls are wanted and not up.
pub(crate) fn build(builder: SandboxBuilder, options: &Options) -> anyhow::Result<Sandbox> {
    let sandbox = builder.build().map_err(|error| match &error {
        Error::Wall { wall, .. } if options.wants(wall) && !options.require_walls.contains(wall) => {
            let way = format!("--limits service runs without it only with --waive-walls {wall}");
            anyhow::Error::from(error).context(way)
        }
        _ => error.into(),
    })?;
    for wall in sandbox.walls() {
        if !wall.active && options.wants(&wall.name) {
            let (name, purpose) = (&wall.name, walls::purpose(&wall.name));
            say!("the wall '{name}' is not up ({}), which is: {purpose}", wall.detail);
        }
    }
    Ok(sandbox)
}

/// A sandbox as the options ask for it, without a program, a working directory or streams,
/// and the directories of which changes can be told. The program finds the variables of
/// `environment` unless the options say otherwise.
pub(crate) fn sandbox_of(
    image: Image,
    options: &Options,
    view: &View,
    environment: &[(&str, &str)],
) -> anyhow::Result<(SandboxBuilder, Vec<Overlaid>)> {
    raise_open_files();
    let (mounts, overlays) = view.mounts();
    changes::check(options, &overlays)?;
    let mut builder = Sandbox::builder(image)
        .limits(options.limits.limits())
        .identity(identity(options))
        .isolation(match options.isolation {
            Where::Process => Isolation::Process,
            Where::Thread => Isolation::Thread,
        })
        .unsupported(match options.unsupported {
            WhenUnsupported::Errno => Unsupported::Errno,
            WhenUnsupported::Kill => Unsupported::Stop,
        });
    if options.no_snapshot {
        builder = builder.fresh_start();
    }
    for name in &options.require_walls {
        builder = match name.as_str() {
            "all" => builder.require_walls(walls::ALL),
            name => builder.require_walls([name]),
        };
    }
    if options.limits.base == LimitSet::Service && options.isolation == Where::Process {
        builder = builder.require_walls([walls::FILTER]);
    }
    builder = builder.waive_walls(options.waived());
    for mount in mounts {
        builder = builder.mount(mount);
    }
    for (name, value) in environment {
        builder = builder.environment(*name, *value);
    }
    for Variable { name, value } in &options.environment {
        // As with `docker run`, a bare name passes the host's value, if any.
        if let Some(value) = value.clone().or_else(|| std::env::var_os(name)) {
            builder = builder.environment(name.as_bytes(), value.into_vec());
        }
    }
    if let (Some(target), false) = (&options.trace, options.explain) {
        builder = builder.observe(trace::printer(target.as_deref())?);
    }
    Ok((builder, overlays))
}

/// Writes the report, says why the run ended if the program did not end by
/// itself, tells and writes what it changed, and gives the exit code.
pub(crate) fn finish(
    report: Report,
    options: &Options,
    overlays: &[Overlaid],
    keys: impl FnOnce() -> Keys,
) -> anyhow::Result<u8> {
    signals::take_back();
    let late = match options {
        Options { diff: Some(_), .. } | Options { apply: true, .. } => Late::Changes,
        Options { report: Some(_), .. } => Late::Report,
        _ => Late::Words(code_of(&report.outcome)),
    };
    patience::begin(report.limits.timeout, report.wall_time, late)
        .context("cannot keep the time in which it is told what became of the program")?;
    terminal::take_back();
    let keys = keys();
    if let Some(path) = &options.report {
        write(&report, path).with_context(|| format!("cannot write the report {}", path.display()))?;
    }
    if let Some(sentence) = sentence_of(&report.outcome) {
        say!("{sentence}");
    }
    if let (Outcome::Crashed { .. }, [_, ..]) = (&report.outcome, &*report.unsupported) {
        say!("before that it made calls that nothing answers: {}", report.unsupported.join(", "));
    }
    hint(&report, options);
    match changes::settle(options, overlays, &report, keys)? {
        Settled::Done => Ok(code_of(&report.outcome)),
        Settled::Stopped(code) => Ok(code as u8),
    }
}

fn write(report: &Report, path: &Path) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let text = say::json(report)?;
    let screen = file.try_clone()?;
    terminal::order(screen, &mut file)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Says what the policy refused, where it helps to understand a failure and
/// disturbs no one who reads the program's own stderr.
fn hint(report: &Report, options: &Options) {
    let failed = report.exit_code.is_some_and(|code| code != 0);
    if !failed || !(std::io::stderr().is_terminal() || options.trace.is_some()) {
        return;
    }
    for RefusedCall { signature, reason, permission, .. } in &report.refused {
        let name = signature.split('(').next().unwrap_or(signature);
        match permission {
            Some(permission) => {
                say!("the policy refused {name}, which needs the permission '{permission}': {reason}");
            }
            None => say!("the policy refused {name}: {reason}"),
        }
    }
}

/// The user, the group and the machine, as the program sees them.
fn identity(options: &Options) -> Identity {
    let mut identity = Identity::default();
    if let Some(host_name) = &options.hostname {
        identity.host_name.clone_from(host_name);
    }
    if let Some(processors) = options.cpus {
        identity.processors = processors;
    }
    if let Some(User { user, group }) = options.user {
        (identity.user, identity.group) = (user, group);
        if user == 0 {
            "root".clone_into(&mut identity.user_name);
        }
    }
    identity
}

fn text(word: &str) -> OsString {
    OsString::from(word)
}

fn line<const N: usize>(first: [OsString; N], rest: Vec<OsString>) -> Vec<OsString> {
    first.into_iter().chain(rest).collect()
}
