//! One file a subcommand.

pub(crate) mod calls;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod image;
pub(crate) mod repl;
pub(crate) mod run;
pub(crate) mod tools;
