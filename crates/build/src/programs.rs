//! The programs that were compiled and are kept: how many, and how one is removed.
//!
//! A program lies in a folder of the cache whose name is a digest, as a store with one
//! image. Removing takes what such a folder can hold and nothing else, a file at a time:
//! a folder that a person has put there, or a file in one, stays.

use bellglass_image::{FILES_FILE, FolderLock, MANIFEST_FILE, Sha256Digest, Start};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// The image's name.
pub(crate) const NAME: &str = "program";

/// The lock of who compiles a program.
pub(crate) const LOCK: &str = "compile";

/// How many are kept. A configure script makes hundreds that run once.
const KEPT_PROGRAMS: usize = 512;

/// Bytes of all that are kept.
const KEPT_BYTES: u64 = 4 << 30;

/// Removes the programs that were not used for the longest time, if there are many or
/// large ones. That it fails is no reason to stop: it is tried again next time.
pub(crate) fn make_room(folder: &Path) {
    let mut programs = programs_in(folder);
    programs.sort();
    let mut bytes: u64 = programs.iter().map(|program| program.bytes).sum();
    let mut count = programs.len();
    // Some more than one, so that this is not done at every new program.
    let (most, most_bytes) = match count > KEPT_PROGRAMS || bytes > KEPT_BYTES {
        true => (KEPT_PROGRAMS - KEPT_PROGRAMS / 8, KEPT_BYTES - KEPT_BYTES / 8),
        false => return,
    };
    for program in programs {
        if count <= most && bytes <= most_bytes {
            return;
        }
        if remove(&program.path).is_ok() {
            bytes -= program.bytes;
            count -= 1;
        }
    }
}

/// A program, the one that was not used for the longest time first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Program {
    used: SystemTime,
    path: PathBuf,
    bytes: u64,
}

fn programs_in(folder: &Path) -> Vec<Program> {
    let is_digest = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.parse::<Sha256Digest>().is_ok())
    };
    let program = |entry: fs::DirEntry| {
        // Of a link it is the link's own.
        let metadata = entry.metadata().ok().filter(|metadata| metadata.is_dir())?;
        let path = entry.path();
        Some(Program { used: metadata.modified().ok()?, bytes: bytes_below(&path), path })
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter(is_digest).filter_map(program).collect()
}

/// Bytes of the parts of a program's images.
fn bytes_below(program: &Path) -> u64 {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let images = list(program).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let parts = images.flat_map(|image| list(&image.path()));
    parts.filter_map(|part| part.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Removes a program, unless somebody is compiling it.
fn remove(program: &Path) -> io::Result<()> {
    let moment = Instant::now();
    let Ok(Some(held)) = FolderLock::take_until(program, LOCK, moment) else {
        return Err(io::ErrorKind::ResourceBusy.into());
    };
    let program = held.folder();
    for entry in fs::read_dir(program)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_image = name.to_str().is_some_and(|name| {
            // What was being made when its process died is swept away like that, too.
            name.starts_with(".incoming-") || name.starts_with(&format!("{NAME}@"))
        });
        if is_image && entry.file_type()?.is_dir() {
            remove_image(&entry.path())?;
        }
    }
    // Who waits for the lock goes on with a file that has no name any more, and may do
    // again what another does beside it: each makes a whole image.
    for lock in ["install", "recompile", LOCK] {
        remove_file(&program.join(format!(".{lock}.lock")))?;
    }
    fs::remove_dir(program)
}

fn remove_image(image: &Path) -> io::Result<()> {
    let starts = [Start::Fresh, Start::Snapshot];
    let compiled = bellglass_engine::Interruption::ALL
        .into_iter()
        .flat_map(|interruption| starts.map(|start| start.compiled_file(interruption)));
    let wasm = starts.map(Start::wasm_file);
    // The manifest first: then it is no image any more.
    for part in [MANIFEST_FILE, FILES_FILE].into_iter().chain(wasm).chain(compiled) {
        remove_file(&image.join(part))?;
    }
    fs::remove_dir(image)
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellglass_image::digest_of_bytes;

    fn program(folder: &Path, number: usize) -> PathBuf {
        let digest = digest_of_bytes(&number.to_le_bytes());
        let program = folder.join(digest.to_string());
        let image = program.join(format!("{NAME}@{}-{}", digest.short(), digest.short()));
        fs::create_dir_all(&image).expect("a folder");
        for part in [MANIFEST_FILE, FILES_FILE, "module.wasm", "module.cwasm"] {
            fs::write(image.join(part), "part").expect("a part");
        }
        fs::write(program.join(".compile.lock"), "").expect("a lock");
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
        fs::File::open(&program).and_then(|folder| folder.set_modified(time)).expect("its time");
        program
    }

    #[test]
    fn the_oldest_programs_go_and_nothing_else_does() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("programs");
        let programs: Vec<PathBuf> = (0..=KEPT_PROGRAMS).map(|number| program(&folder, number)).collect();
        // Older than all of them, and not ours: a folder of another name, a link with a
        // name like ours, a file in a folder of ours, a folder in one, a whole tree.
        let aside = home.path().join("aside");
        fs::create_dir_all(aside.join("program@1-1")).expect("a folder");
        let digest = |text: &[u8]| digest_of_bytes(text).to_string();
        std::os::unix::fs::symlink(&aside, folder.join(digest(b"link"))).expect("a link");
        let others = [
            folder.join("thesis/chapter"),
            folder.join(digest(b"x")).join("notes"),
            programs[0].join("notes"),
            programs[1].join("program@1-1/letters/letter"),
            aside.join("program@1-1/manifest.json"),
        ];
        for other in &others {
            fs::create_dir_all(other.parent().expect("a parent")).expect("a folder");
            fs::write(other, "mine").expect("a file");
        }
        make_room(&folder);
        for other in &others {
            assert!(other.exists(), "{}", other.display());
        }
        let left = programs.iter().filter(|program| program.exists()).count();
        assert!(left <= KEPT_PROGRAMS - KEPT_PROGRAMS / 8 + 3, "{left}");
        assert!(!programs[2].exists() && programs[KEPT_PROGRAMS].join(".compile.lock").exists());
    }

    #[test]
    fn a_program_that_is_being_compiled_stays() {
        let home = tempfile::tempdir().expect("a folder");
        let program = program(home.path(), 1);
        let lock = FolderLock::take(&program, LOCK, || {}).expect("a lock");
        remove(&program).expect_err("it is at work");
        assert!(program.join(".compile.lock").exists());
        drop(lock);
        remove(&program).expect("nobody has it");
        assert!(!program.exists());
    }
}
