//! The bellglass command.
#![forbid(unsafe_code)]

mod arguments;
mod changes;
mod commands;
mod exit;
mod program;
mod prompt;
mod signals;
mod trace;
mod units;

use arguments::Command;
use exit::ExitCode;

fn main() -> std::process::ExitCode {
    let arguments = match arguments::parse(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and versions come this way too; only they are no failure.
            let code = if error.use_stderr() { ExitCode::Usage as u8 } else { 0 };
            let _ = error.print();
            return code.into();
        }
    };
    let outcome = match arguments.command {
        Command::Run(run) => commands::run::run(run),
        Command::Repl(repl) => commands::repl::repl(repl),
        Command::Image(command) => commands::image::image(command),
        Command::Doctor { json } => commands::doctor::doctor(json),
        Command::Calls { image } => commands::calls::calls(&image),
    };
    match outcome {
        Ok(code) => code.into(),
        Err(error) if is_broken_pipe(&error) => 0.into(),
        Err(error) => {
            eprintln!("bellglass: {error:#}");
            let usage = error.is::<program::NoProgram>() || error.is::<changes::NoOverlay>();
            (if usage { ExitCode::Usage } else { ExitCode::Failed } as u8).into()
        }
    }
}

/// Whoever reads what the command prints has had enough: no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
