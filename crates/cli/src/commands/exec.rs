//! `bellglass exec`, and `bellglass run --wasm`: programs that are one file.

use crate::arguments::{Payload, RunArguments, Where, names};
use crate::commands::run::{sandbox_of, start};
use crate::exit::Usage;
use crate::program::View;
use bellglass::{Input, Output, walls};
use bellglass_build::{BuildError, CompileError, Executable, Interruption, prepare};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Instant;

/// What a linked program finds in its environment, as programs do that a shell starts.
const ENVIRONMENT: [(&str, &str); 2] = [("HOME", "/home/user"), ("PATH", "/usr/local/bin:/usr/bin:/bin")];

/// Runs a program and gives the command's exit code. It is a linked one, or a module
/// of whatever origin, whose environment is what it is given and nothing else.
pub(crate) fn exec(arguments: RunArguments, kind: Kind) -> anyhow::Result<u8> {
    // What compiling takes is of the program's own time.
    let begun = Instant::now();
    let options = &arguments.options;
    let (file, rest) = match arguments.payload {
        Payload::File(file, rest) => (file, rest),
        _ => return Err(Usage("name the program's file: a module has no options before it").into()),
    };
    let mut program = Executable::new(&file);
    program.entry = arguments.entry;
    program.interruption = match options.isolation {
        Where::Process => Interruption::Kill,
        Where::Thread => Interruption::Epoch,
    };
    program.limits = options.compile_limits(begun);
    let view = View::new(&options.directories, options.cwd.as_deref())?;
    let image = prepare(&program).map_err(|error| match names(&options.require_walls, walls::FILTER) {
        true => error.into(),
        false => with_way(error, "--limits service compiles a module"),
    })?;
    let environment: &[_] = if kind == Kind::Linked { &ENVIRONMENT } else { &[] };
    let (mut builder, overlays) = sandbox_of(image, options, &view, environment)?;
    if kind == Kind::Linked || view.cwd_is_told {
        builder = builder.working_directory(view.cwd.as_os_str().as_bytes());
    }
    let builder = builder
        .time_from(begun)
        .argument_zero(file.as_bytes())
        .arguments(rest.into_iter().map(OsStringExt::into_vec))
        .stdin(Input::Inherit)
        .stdout(Output::Inherit)
        .stderr(Output::Inherit);
    start(builder, options, &overlays)
}

/// What a program is that is one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One that `bellglass cc` has linked.
    Linked,
    /// A module of WebAssembly.
    Module,
}

/// Adds to the error of a compiler that would be without its filter how `who` has it work
/// all the same.
pub(crate) fn with_way(error: BuildError, who: &str) -> anyhow::Error {
    let way = match &error {
        BuildError::Compile(CompileError::NoWall { wall, .. }) if wall == walls::FILTER => {
            format!("{who} without it only with --waive-walls {wall}")
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(way)
}
