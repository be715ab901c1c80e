//! The bellglass command.
#![forbid(unsafe_code)]
// What is printed goes through `say`.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod arguments;
mod changes;
mod commands;
mod exit;
mod patience;
mod program;
mod prompt;
mod say;
mod sentence;
mod signals;
mod terminal;
mod trace;
mod units;

use arguments::Command;
use commands::exec::Kind;
use exit::ExitCode;
use say::say;

fn main() -> std::process::ExitCode {
    let mut words = std::env::args_os();
    match words.nth(1) {
        // A compiler is to put up its walls before anything else.
        Some(word) if word == bellglass_build::COMPILE_VERB => {
            return bellglass_build::compile_here(words).into();
        }
        Some(word) if word == bellglass_build::KEEP_VERB => return bellglass_build::keep_here(words).into(),
        _ => {}
    }
    // Whoever started this may ignore how what it starts ends; this does not.
    bellglass::process::keep_ends_of_children();
    // A configure script starts the compiler hundreds of times, and what follows
    // is not ours to read.
    if let Some(code) = commands::tools::run_if_named(std::env::args_os()) {
        return code.into();
    }
    let arguments = match arguments::parse(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and versions come this way too; only they are no failure.
            let code = if error.use_stderr() { ExitCode::Usage as u8 } else { 0 };
            let _ = error.print();
            return code.into();
        }
    };
    if let Err(error) = signals::outlive_full_files() {
        say!("the signal for files that are full cannot be caught: {error}");
        return (ExitCode::Failed as u8).into();
    }
    let outcome = match arguments.command {
        Command::Run(run) => commands::run::run(run),
        Command::Repl(repl) => commands::repl::repl(repl),
        Command::Image(command) => commands::image::image(command),
        Command::Doctor { json } => commands::doctor::doctor(json),
        Command::Exec(program) => commands::exec::exec(program, Kind::Linked),
        // Taken care of above.
        Command::Cc(_) | Command::Cxx(_) | Command::Ar(_) => Ok(ExitCode::Usage as u8),
        Command::Calls { image } => commands::calls::calls(&image),
    };
    match outcome {
        Ok(code) => code.into(),
        Err(error) if is_broken_pipe(&error) => 0.into(),
        Err(error) => {
            say!("{}", sentence::sentence(&error));
            (exit::code_of_error(&error) as u8).into()
        }
    }
}

/// Whoever reads what the command prints has had enough: no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
