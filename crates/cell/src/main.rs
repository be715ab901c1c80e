//! The program `bellglass-cell`; see the library of the same name.
#![forbid(unsafe_code)]

use bellglass_cell::Heap;
use std::process::ExitCode;

#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        // Somebody started it by hand, perhaps to see which version it is.
        println!("{}", bellglass_cell::version());
        return ExitCode::SUCCESS;
    }
    bellglass_cell::run(bellglass_cell::POLICY)
}
