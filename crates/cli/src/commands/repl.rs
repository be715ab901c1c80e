//! `bellglass repl`

use crate::arguments::ReplArguments;
use crate::commands::run::{build, finish, sandbox};
use crate::program::View;
use crate::prompt::{EditedLines, PromptOutput, Unfinished};
use anyhow::Context;
use bellglass::{Input, Output};
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs an interactive interpreter and gives the command's exit code.
pub(crate) fn repl(arguments: ReplArguments) -> anyhow::Result<u8> {
    let options = &arguments.options;
    let view = View::new(&options.directories, options.cwd.as_deref())?;
    // The interpreter's own new prompt needs a terminal of its own; the plain
    // one works on lines, which is what an editor on this side gives.
    let (builder, overlays) = sandbox(options, &view)?;
    let builder = builder.arguments(["-i"]).environment("PYTHON_BASIC_REPL", "1");
    if !stdin().is_terminal() {
        let builder = builder.stdin(Input::Inherit).stdout(Output::Inherit).stderr(Output::Inherit);
        return finish(build(builder, options)?.run(), options, &overlays);
    }
    let unfinished = Unfinished::default();
    let controls = Arc::new(Mutex::new(None));
    let history = bellglass_image::cache_directory().ok().map(|folder| folder.join("repl-history"));
    let lines = EditedLines::new(Arc::clone(&unfinished), history, Arc::clone(&controls))
        .context("cannot edit lines on this terminal")?;
    let builder = builder
        .stdin(Input::Reader(Box::new(lines)))
        .stdout(Output::Writer(Box::new(PromptOutput::new(stdout(), Arc::clone(&unfinished)))))
        .stderr(Output::Writer(Box::new(PromptOutput::new(stderr(), unfinished))));
    let sandbox = build(builder, options)?;
    *controls.lock().unwrap_or_else(PoisonError::into_inner) = Some(sandbox.controls());
    interrupts(&sandbox)?;
    finish(sandbox.run(), options, &overlays)
}

/// While the guest computes, the terminal turns Ctrl-C into a signal; each of
/// them is an interrupt, for a session is not given up as a program is.
fn interrupts(sandbox: &bellglass::Sandbox) -> anyhow::Result<()> {
    let controls = sandbox.controls();
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT])
        .context("cannot listen for Ctrl-C")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            controls.interrupt();
        }
    });
    Ok(())
}
