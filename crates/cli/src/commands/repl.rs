//! `bellglass repl`

use crate::arguments::ReplArguments;
use crate::changes::Keys;
use crate::commands::image::find_or_build;
use crate::commands::run::{build, explain, finish, sandbox_of};
use crate::program::View;
use crate::prompt::{EditedLines, PromptOutput, Session};
use crate::signals::Again;
use crate::{signals, terminal};
use anyhow::Context;
use bellglass::{Input, Output, cache_directory};
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs an interactive interpreter and gives the command's exit code.
pub(crate) fn repl(arguments: ReplArguments) -> anyhow::Result<u8> {
    let options = &arguments.options;
    let view = View::new(&options.directories, options.cwd.as_deref())?;
    // The interpreter's own new prompt needs a terminal of its own; the plain
    // one works on lines, which is what an editor on this side gives.
    let (builder, overlays) = sandbox_of(find_or_build(&options.image)?, options, &view, &[])?;
    let builder = builder
        .working_directory(view.cwd.as_os_str().as_bytes())
        .arguments(["-i"])
        .environment("PYTHON_BASIC_REPL", "1");
    if options.explain {
        return explain(&builder, options);
    }
    if !stdin().is_terminal() {
        let builder = builder.stdin(Input::Inherit).stdout(Output::Inherit).stderr(Output::Inherit);
        let sandbox = build(builder, options)?;
        terminal::lend();
        return finish(sandbox.run(), options, &overlays, || Keys::Ours);
    }
    let session = Session::default();
    let controls = Arc::new(Mutex::new(None));
    let history = cache_directory().ok().map(|folder| folder.join("repl-history"));
    let lines = EditedLines::new(session.clone(), history, Arc::clone(&controls))
        .context("cannot edit lines on this terminal")?;
    let builder = builder
        .stdin(Input::Reader(Box::new(lines)))
        .stdout(Output::Writer(Box::new(PromptOutput::new(stdout(), session.clone()))))
        .stderr(Output::Writer(Box::new(PromptOutput::new(stderr(), session.clone()))));
    let sandbox = build(builder, options)?;
    *controls.lock().unwrap_or_else(PoisonError::into_inner) = Some(sandbox.controls());
    signals::pass_on(sandbox.controls(), Again::Interrupt).context("cannot listen for Ctrl-C")?;
    terminal::lend();
    // Something of its output may still be held up.
    finish(sandbox.run(), options, &overlays, || session.end())
}
