//! `bellglass exec`, and `bellglass run --wasm`: programs that are one file.

use crate::arguments::{Payload, RunArguments, Where};
use crate::commands::run::{sandbox_of, start};
use crate::program::View;
use anyhow::bail;
use bellglass::{Input, Output};
use bellglass_build::{Executable, prepare};
use bellglass_engine::Interruption;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Instant;

/// Runs a program and gives the command's exit code.
pub(crate) fn exec(arguments: RunArguments) -> anyhow::Result<u8> {
    // What compiling takes is of the program's own time.
    let begun = Instant::now();
    let options = &arguments.options;
    let (file, rest) = match arguments.payload {
        Payload::File(file, rest) => (file, rest),
        _ => bail!("name the program's file"),
    };
    let mut program = Executable::new(&file);
    program.entry = arguments.entry;
    program.interruption = match options.isolation {
        Where::Process => Interruption::Kill,
        Where::Thread => Interruption::Epoch,
    };
    program.limits = options.limits.compile_limits(begun);
    let view = View::new(&options.directories, options.cwd.as_deref())?;
    let (builder, overlays) = sandbox_of(prepare(&program)?, options, &view)?;
    let builder = builder
        .time_from(begun)
        .argument_zero(file.as_bytes())
        .arguments(rest.into_iter().map(OsStringExt::into_vec))
        .stdin(Input::Inherit)
        .stdout(Output::Inherit)
        .stderr(Output::Inherit);
    start(builder, options, &overlays)
}
