//! The libc functions that wasi-libc lacks: they come as imports `env.name`.

mod descriptor;
mod files;
mod identity;
mod process;
mod resource;
mod rows;
mod socket;
mod terminal;

pub(crate) use rows::ROWS;
