//! Where the parts of the toolchain lie.

use crate::DriverError;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// C++'s libraries and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cxx {
    folder: PathBuf,
}

impl Cxx {
    /// Those of this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The headers.
    pub fn include(&self) -> PathBuf {
        self.folder.join("include")
    }

    /// The libraries.
    pub fn library(&self) -> PathBuf {
        self.folder.join("lib")
    }
}

/// Wherever the pinned packages have LLVM's programs.
const LLVM: &str = "usr/lib/llvm-19";

/// The pinned toolchain and what is made with it for all programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kit {
    toolchain: PathBuf,
    folder: PathBuf,
}

impl Kit {
    /// `toolchain` is the folder into which the packages are unpacked; `folder` has
    /// `linux/`, the sysroot, and `clang/`, what the compiler brings along.
    pub fn new(toolchain: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self { toolchain: toolchain.into(), folder: folder.into() }
    }

    /// The compiler's own headers and run-time library.
    pub fn resources(&self) -> PathBuf {
        self.folder.join("clang")
    }

    /// The C library's headers and libraries: `include/` and `lib/`.
    pub fn sysroot(&self) -> PathBuf {
        self.folder.join("linux")
    }

    /// The headers of Linux itself, as the packages have them.
    pub fn kernel_headers(&self) -> PathBuf {
        self.toolchain.join("usr/include")
    }

    /// The compiler's resources as the packages have them.
    pub fn packaged_resources(&self) -> PathBuf {
        self.toolchain.join(LLVM).join("lib/clang/19")
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.toolchain.join(LLVM).join("bin").join(name)
    }

    /// A command for one of LLVM's programs, which finds its shared libraries
    /// beside itself and not in the system.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        let mut path = OsString::new();
        for machine in ["x86_64-linux-gnu", "aarch64-linux-gnu"] {
            let folder = self.toolchain.join("usr/lib").join(machine);
            if folder.is_dir() {
                path.push(folder);
                path.push(":");
            }
        }
        let variable = "LD_LIBRARY_PATH";
        path.push(std::env::var_os(variable).as_deref().unwrap_or(OsStr::new("")));
        let trimmed = path.to_string_lossy().trim_end_matches(':').to_owned();
        command.env(variable, if path.to_str().is_some() { OsString::from(trimmed) } else { path });
        command
    }

    /// Runs a program to its end.
    pub(crate) fn run(&self, name: &str, arguments: Vec<OsString>) -> Result<u8, DriverError> {
        let mut command = self.command(name);
        command.args(arguments);
        self.replace(command)
    }

    /// Runs a command as the last thing that this process does: in its place
    /// where the system can, so that nothing waits for it.
    pub(crate) fn replace(&self, mut command: Command) -> Result<u8, DriverError> {
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            let source = command.exec();
            Err(DriverError::Start { program: Path::new(command.get_program()).to_owned(), source })
        }
        #[cfg(not(unix))]
        {
            status(&mut command).map(code_of)
        }
    }
}

/// Runs a command and waits for it.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, DriverError> {
    let program = Path::new(command.get_program()).to_owned();
    command.status().map_err(|source| DriverError::Start { program, source })
}

/// The exit code that stands for how a program ended.
pub(crate) fn code_of(status: ExitStatus) -> u8 {
    // A program that a signal has ended has no code of its own.
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
