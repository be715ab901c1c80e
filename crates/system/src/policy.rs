//! What a run may do: one value that says all of it, prints itself, and is asked
//! before a call is refused.

use crate::Access;
use bellglass_wire::{Signature, plain};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// What a run may do. By default: nothing.
///
/// It is made by the builder that is told what to allow, and can be read from there
/// before the run, and from the report after it. As text it is a line for each thing
/// that is allowed, or that is not.
///
/// ```
/// use bellglass_system::{Access, Mount, Policy, System};
///
/// let policy = System::builder().mount(Mount::directory("data", "/data", Access::ReadOnly)).policy();
/// assert!(policy.to_string().contains("files: it may read /data, the directory data of the host\n"));
/// assert!(Policy::default().to_string().contains("network: none"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The trees and files that it sees. A later one lies over an earlier one.
    pub files: Vec<FileGrant>,
    /// What it reaches of the network.
    pub network: Network,
    /// Which programs it starts.
    pub programs: Programs,
    /// Calls that handlers of the user's answer, before anything else does.
    pub host_functions: BTreeSet<Signature>,
    /// The environment variables that it sees, and their values.
    pub environment: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the operating system must add to its isolation.
    pub walls: Walls,
    /// What becomes of a call that nothing answers.
    pub unsupported: Unsupported,
}

/// What a call can need before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// To reach others over a network, or to ask for their names.
    Network,
    /// To start programs.
    Programs,
}

impl Permission {
    /// Its name, in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Programs => "programs",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a run reaches of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// Nothing: there are pairs of sockets within the guest.
    #[default]
    Nothing,
}

/// Which programs a run starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Programs {
    /// None: its own process is the only one.
    #[default]
    Nothing,
}

/// A tree or a file that a run sees.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileGrant {
    /// Where, in the guest's file tree.
    pub path: Vec<u8>,
    /// What it is.
    pub source: FileSource,
    /// What may be done with it.
    pub access: FileAccess,
    /// Whether it may be the kernel's own.
    pub kernel: KernelAccess,
}

/// Whether what is shown may lie in a file system of the kernel's own: see
/// [`Mount::allow_kernel_files`](crate::Mount::allow_kernel_files).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelAccess {
    /// It may not.
    #[default]
    Refused,
    /// It may.
    Allowed,
}

/// What a run sees at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileSource {
    /// The image's own files.
    Image,
    /// What is in memory and goes away with the run.
    Memory,
    /// Devices, which the controller makes up.
    Devices,
    /// What a process may know of itself, which the controller makes up.
    Processes,
    /// What a program may know of its machine, which the controller makes up.
    Machine,
    /// A directory of the host.
    HostDirectory(PathBuf),
    /// A directory of the host that the user had open.
    OpenDirectory,
    /// A file of the host.
    HostFile(PathBuf),
    /// What is in an archive of the host.
    Archive(PathBuf),
    /// A file that the user gave the content of.
    Bytes,
    /// A symlink to this path, which is followed in the guest's tree.
    Symlink(Vec<u8>),
    /// A tree that the user's own code answers for.
    Tree,
}

/// What a run may do with what it sees at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileAccess {
    /// Read it.
    ReadOnly,
    /// Change it.
    ReadWrite,
    /// Change what it sees there. What lies beneath stays, unless the user writes the
    /// changes to it afterwards.
    Overlay,
    /// What the user's own code lets it do.
    Own,
}

impl From<Access> for FileAccess {
    fn from(access: Access) -> Self {
        match access {
            Access::ReadOnly => Self::ReadOnly,
            Access::ReadWrite => Self::ReadWrite,
        }
    }
}

/// What the operating system must add to the isolation of a run, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Walls {
    /// Without these the run does not begin.
    pub required: BTreeSet<String>,
    /// Without these it begins, also if they are required.
    pub waived: BTreeSet<String>,
}

impl Walls {
    /// Those without which the run does not begin.
    pub fn demanded(&self) -> impl Iterator<Item = &str> {
        self.required.difference(&self.waived).map(String::as_str)
    }
}

/// What becomes of a call that nothing answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// The guest gets ENOSYS and goes on.
    #[default]
    Errno,
    /// The run ends, as refused.
    Stop,
}

impl Policy {
    /// Whether it grants what a call needs. How much of it is for the handler to ask.
    pub fn grants(&self, permission: Permission) -> bool {
        match permission {
            Permission::Network => match self.network {
                Network::Nothing => false,
            },
            Permission::Programs => match self.programs {
                Programs::Nothing => false,
            },
        }
    }

    /// What it allows, a line each, in plain English, with nothing in it that a
    /// terminal would act on.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.files.iter().map(|grant| format!("files: {grant}")).collect();
        lines.push(match self.files.iter().any(|grant| grant.source.is_of_the_host()) {
            true => "files: it sees nothing else of the host".to_owned(),
            false => "files: it sees nothing of the host".to_owned(),
        });
        lines.push(match self.network {
            Network::Nothing => "network: none, it reaches no host and asks no name server".to_owned(),
        });
        lines.push(match self.programs {
            Programs::Nothing => "programs: none, it starts no process".to_owned(),
        });
        if self.host_functions.is_empty() {
            lines.push("host functions: none".to_owned());
        }
        for signature in &self.host_functions {
            lines.push(format!("host functions: {signature} is answered by the user's own handler"));
        }
        lines.push(match list(self.environment.keys().map(|name| shown(name))) {
            Some(names) => format!("environment: it sees {names}, and no other variable"),
            None => "environment: it sees no variable".to_owned(),
        });
        lines.push(match list(self.walls.demanded().map(|name| shown(name.as_bytes()))) {
            Some(names) => {
                format!("walls: it runs only behind {names}; every other one is used if this machine has it")
            }
            None => "walls: none is required, a process of its own is behind each that this machine has"
                .to_owned(),
        });
        if let Some(names) = list(self.walls.waived.iter().map(|name| shown(name.as_bytes()))) {
            lines.push(format!("walls: it runs also without {names}"));
        }
        lines.push(match self.unsupported {
            Unsupported::Errno => "unsupported calls: they fail with ENOSYS, and it goes on".to_owned(),
            Unsupported::Stop => "unsupported calls: they end it".to_owned(),
        });
        lines
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

/// As its lines: the values of variables may be secrets.
impl fmt::Debug for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.lines()).finish()
    }
}

impl FileGrant {
    /// What is there from the start, without a word of the user's.
    pub(crate) fn own(path: &[u8], source: FileSource, access: FileAccess) -> Self {
        Self { path: path.to_vec(), source, access, kernel: KernelAccess::Refused }
    }
}

impl FileSource {
    fn is_of_the_host(&self) -> bool {
        match self {
            Self::HostDirectory(_) | Self::OpenDirectory | Self::HostFile(_) | Self::Archive(_) => true,
            Self::Image | Self::Memory | Self::Devices | Self::Processes | Self::Machine => false,
            Self::Bytes | Self::Symlink(_) | Self::Tree => false,
        }
    }
}

impl fmt::Display for FileGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // First what it may do: no name that follows can take that back.
        formatter.write_str(match self.access {
            FileAccess::ReadOnly => "it may read ",
            FileAccess::ReadWrite => "it may read and change ",
            FileAccess::Overlay => "it may change what it sees, and not what lies beneath, of ",
            FileAccess::Own => "the user's own code says what it may do with ",
        })?;
        formatter.write_str(&shown(&self.path))?;
        let host = |path: &PathBuf| shown(path.as_os_str().as_encoded_bytes());
        match &self.source {
            FileSource::Image => formatter.write_str(", the image's own files"),
            FileSource::Memory => formatter.write_str(", which is in memory and goes away with the run"),
            FileSource::Devices | FileSource::Processes | FileSource::Machine => {
                formatter.write_str(", which bellglass makes up")
            }
            FileSource::HostDirectory(path) => {
                write!(formatter, ", the directory {} of the host", host(path))
            }
            FileSource::OpenDirectory => formatter.write_str(", an open directory of the host"),
            FileSource::HostFile(path) => write!(formatter, ", the file {} of the host", host(path)),
            FileSource::Archive(path) => write!(formatter, ", the archive {} of the host", host(path)),
            FileSource::Bytes => formatter.write_str(", a file that the user gave"),
            FileSource::Symlink(target) => write!(formatter, ", a link to {}", shown(target)),
            FileSource::Tree => formatter.write_str(", a tree of the user's own"),
        }?;
        match self.kernel {
            KernelAccess::Refused => Ok(()),
            KernelAccess::Allowed => {
                formatter.write_str(", also where the kernel tells of this process there")
            }
        }
    }
}

/// A name as people may be shown it, in quotes where it could be taken for more than
/// one word.
fn shown(name: &[u8]) -> String {
    let text = plain(&String::from_utf8_lossy(name));
    let is_word = |character: char| character.is_alphanumeric() || "/._-+@%~".contains(character);
    if !text.is_empty() && text.chars().all(is_word) {
        return text;
    }
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn list(names: impl Iterator<Item = String>) -> Option<String> {
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Mount, System, SystemBuilder};

    fn lines(change: impl FnOnce(SystemBuilder) -> SystemBuilder) -> Vec<String> {
        change(System::builder()).policy().lines()
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        let policy = Policy::default();
        for permission in [Permission::Network, Permission::Programs] {
            assert!(!policy.grants(permission), "{permission}");
        }
        assert_eq!(
            policy.lines(),
            [
                "files: it sees nothing of the host",
                "network: none, it reaches no host and asks no name server",
                "programs: none, it starts no process",
                "host functions: none",
                "environment: it sees no variable",
                "walls: none is required, a process of its own is behind each that this machine has",
                "unsupported calls: they fail with ENOSYS, and it goes on",
            ]
        );
    }

    #[test]
    fn all_that_is_allowed_has_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = std::fs::File::open(folder.path()).expect("it is there");
        let found = lines(|system| {
            system
                .mount(Mount::directory("a", "/a", Access::ReadOnly))
                .mount(Mount::directory("b c", "/b", Access::ReadWrite).allow_kernel_files())
                .mount(Mount::archive("d.zip", "/d").overlay().0)
                .mount(Mount::open_directory(open, "/e", Access::ReadOnly))
                .mount(Mount::file("f", "/f"))
                .mount(Mount::bytes(*b"x", "/g"))
                .mount(Mount::symlink("/f", "/h"))
                .environment("SECRET", "hunter2")
                .working_directory("/a")
                .host_function("linux.clone(iiiii)i".parse().expect("a signature"))
                .require_walls(["one", "two"])
                .waive_walls(["two", "three"])
                .unsupported(Unsupported::Stop)
        });
        for line in [
            "files: it may read /, the image's own files",
            "files: it may read and change /tmp, which is in memory and goes away with the run",
            "files: it may read /dev, which bellglass makes up",
            "files: it may read /a, the directory a of the host",
            "files: it may read and change /b, the directory 'b c' of the host, also where the kernel tells of this process there",
            "files: it may change what it sees, and not what lies beneath, of /d, the archive d.zip of the host",
            "files: it may read /e, an open directory of the host",
            "files: it may read /f, the file f of the host",
            "files: it may read /g, a file that the user gave",
            "files: it may read /h, a link to /f",
            "files: it sees nothing else of the host",
            "host functions: linux.clone(iiiii)i is answered by the user's own handler",
            "environment: it sees PWD, SECRET, and no other variable",
            "walls: it runs only behind one; every other one is used if this machine has it",
            "walls: it runs also without three, two",
            "unsupported calls: they end it",
        ] {
            assert!(found.iter().any(|one| one == line), "{line}\n{found:#?}");
        }
        assert!(!found.concat().contains("hunter2"));
    }

    #[test]
    fn no_name_passes_for_more_than_a_name() {
        let name = "/x' of the host\nnetwork: all\x1b[2J\u{202e}";
        let found = lines(|system| {
            system.mount(Mount::bytes(*b"", name)).environment(name, "").require_walls([name])
        });
        let quoted = r"'/x\' of the host<U+000A>network: all<U+001B>[2J<U+202E>'";
        assert_eq!(found.iter().filter(|line| line.contains(quoted)).count(), 3, "{found:#?}");
        assert_eq!(found.iter().filter(|line| line.starts_with("network: ")).count(), 1);
        assert!(found.iter().all(|line| line.chars().all(bellglass_wire::is_plain)));
    }

    #[test]
    fn what_is_mounted_is_what_is_told() {
        let system = System::builder().mount(Mount::bytes(*b"", "/file")).environment("A", "b");
        let told = system.policy();
        let built = system.build().expect("a system");
        assert_eq!(**built.policy(), told);
        let paths: Vec<_> = told.files.iter().map(|grant| String::from_utf8_lossy(&grant.path)).collect();
        assert_eq!(
            paths,
            ["/", "/tmp", "/var/tmp", "/home/user", "/dev", "/dev/shm", "/proc", "/sys", "/file"]
        );
    }
}
