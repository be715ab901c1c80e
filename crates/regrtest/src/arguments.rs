//! The arguments of the program.

use clap::Parser;
use std::path::PathBuf;

/// Run CPython's own test suite in cells, and compare the outcome with what is expected
#[derive(Debug, Parser)]
#[command(name = "cargo xtask regrtest")]
pub(crate) struct Arguments {
    /// Test files, such as test_os or test_asyncio; all of the suite if none is named
    pub files: Vec<String>,
    /// How many files run at once
    #[arg(short, long, default_value_t = 2, value_name = "COUNT")]
    pub jobs: usize,
    /// Seconds for one file; files that are known to take long have more
    #[arg(long, default_value_t = 240, value_name = "SECONDS")]
    pub timeout: u64,
    /// Do not try a file again that fails unexpectedly
    #[arg(long)]
    pub once: bool,
    /// Run the files that stand for the suite in every test run
    #[arg(long, conflicts_with = "files")]
    pub sample: bool,
    /// Run the files with the native interpreter that the image's build has made
    /// instead, or with another one, to compare with
    #[arg(long, value_name = "PYTHON", num_args = 0..=1, require_equals = true)]
    pub native: Option<Option<PathBuf>>,
    /// Write docs/regrtest.md from a whole run and the last native one
    #[arg(long, conflicts_with_all = ["files", "sample", "native"])]
    pub document: bool,
    /// Judge what a results.json of before tells instead of running files; of a file that
    /// is in more than one, the last counts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "sample", "native"])]
    pub results: Vec<PathBuf>,
    /// The image whose interpreter is tested; by default, one that is made for it,
    /// which has the modules that only tests need, or with --sample the usual one
    #[arg(long)]
    pub image: Option<String>,
    /// The list of what is expected to fail
    #[arg(long, default_value = "guests/python/expected-failures.toml", value_name = "FILE")]
    pub expectations: PathBuf,
    /// Where the tests are unpacked and the results are written
    #[arg(long, default_value = "target/regrtest", value_name = "FOLDER")]
    pub folder: PathBuf,
}
