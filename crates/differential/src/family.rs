//! What is compared: a program for each subject.

use anyhow::bail;
use std::path::{Path, PathBuf};

/// A program and what it needs.
#[derive(Debug)]
pub(crate) struct Family {
    /// What it is called.
    pub name: &'static str,
    /// Its file in the folder of programs.
    pub file: &'static str,
    /// Whether each sequence is a process of its own: its end is what is compared.
    pub alone: bool,
    /// The library of the native program.
    pub library: Library,
}

/// What a native program is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// That of guests, built for this machine.
    Guests,
    /// This machine's own.
    Machines,
}

const fn family(name: &'static str, file: &'static str) -> Family {
    Family { name, file, alone: false, library: Library::Guests }
}

/// All of them.
const FAMILIES: [Family; 15] = [
    family("files", "files.c"),
    family("descriptors", "descriptors.c"),
    family("locks", "locks.c"),
    family("polling", "polling.c"),
    family("signals", "signals.c"),
    Family { alone: true, ..family("endings", "endings.c") },
    family("maps", "maps.c"),
    family("formats", "formats.c"),
    Family { library: Library::Machines, ..family("dates", "dates.c") },
    family("python-os", "python/os_program.py"),
    family("python-fcntl", "python/fcntl_program.py"),
    family("python-signal", "python/signal_program.py"),
    family("python-select", "python/select_program.py"),
    family("python-mmap", "python/mmap_program.py"),
    family("python-time", "python/time_program.py"),
];

impl Family {
    /// The program's source.
    pub fn source(&self) -> PathBuf {
        programs().join(self.file)
    }

    pub fn is_python(&self) -> bool {
        self.file.ends_with(".py")
    }
}

/// The folder of programs.
pub(crate) fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// The families of these names; all of them if there are no names. A name that several begin
/// with, such as `python`, means all of these.
pub(crate) fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Family>> {
    if names.is_empty() {
        return Ok(FAMILIES.iter().collect());
    }
    let mut families = Vec::new();
    for name in names {
        let is_meant = |family: &&Family| {
            family.name == name
                || family.name.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('-'))
        };
        let before = families.len();
        families.extend(FAMILIES.iter().filter(is_meant));
        if families.len() == before {
            bail!(
                "there is nothing called '{name}' to compare: there are {}",
                FAMILIES.each_ref().map(|family| family.name).join(", ")
            );
        }
    }
    Ok(families)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_program() {
        for family in &FAMILIES {
            assert!(family.source().is_file(), "{}", family.source().display());
        }
    }

    #[test]
    fn families_are_chosen_by_name_and_by_beginning() {
        let names = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            chosen(&wanted).map(|found| found.iter().map(|family| family.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["maps"]).expect("one"), ["maps"]);
        assert_eq!(names(&["python"]).expect("some").len(), 6);
        assert_eq!(names(&[]).expect("all").len(), FAMILIES.len());
        assert!(names(&["pyth"]).is_err() && names(&["file"]).is_err());
    }
}
