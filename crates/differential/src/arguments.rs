//! The arguments of the program.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Compare what programs do in cells with what they do natively
#[derive(Debug, Parser)]
#[command(name = "differential")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Random sequences of operations, as a native program and as a guest
    #[command(name = "programs", bin_name = "cargo xtask differential")]
    Programs(Programs),
    /// The POSIX test suite, natively and in cells
    #[command(name = "suite", bin_name = "cargo xtask linux-tests")]
    Suite(Suite),
}

#[derive(Args, Debug)]
pub(crate) struct Programs {
    /// What to compare, such as files or signals; everything if none is named
    pub families: Vec<String>,
    /// How many sequences of each family
    #[arg(short = 'n', long, default_value_t = 10_000, value_name = "COUNT")]
    pub sequences: u32,
    /// Where the random numbers begin
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
    /// The first sequence: with --sequences 1, the only one
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub first: u32,
    /// How many programs run at once
    #[arg(short, long, default_value_t = 2, value_name = "COUNT")]
    pub jobs: usize,
    /// The file tree that guests work in
    #[arg(long, value_enum, default_value_t = Tree::Memory)]
    pub tree: Tree,
    /// Parts of the programs that are left out, such as attributes or fifos
    #[arg(long, value_name = "PART,...", default_value = "")]
    pub without: String,
    /// How many kinds of differences are made small and shown
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    pub show: usize,
}

/// What kind of tree the guests work in. The native programs work in a directory of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tree {
    /// Files in memory.
    Memory,
    /// A directory of the host.
    Directory,
    /// The same, with all changes in memory.
    Overlay,
}

#[derive(Args, Debug)]
pub(crate) struct Suite {
    /// Folders of the suite, such as sigaction or mmap; all if none is named
    pub folders: Vec<String>,
    /// Seconds for one test
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub timeout: u64,
    /// How many tests run at once
    #[arg(short, long, default_value_t = 2, value_name = "COUNT")]
    pub jobs: usize,
    /// Write docs/linux-tests.md from a whole run
    #[arg(long, conflicts_with = "folders")]
    pub document: bool,
}
