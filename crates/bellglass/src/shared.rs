//! What all runs of an image in this process share, made once: an image is
//! opened and mapped for the first run, and the next ones only find it.

use bellglass_engine::{EngineError, Interruption, Program};
use bellglass_pack::{Pack, PackError};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Images that are kept, each used in turn. Their files are mapped, not read, so
/// that one which is not used costs next to nothing.
const KEPT: usize = 8;

static PACKS: Cache<Pack> = Cache(Mutex::new(Vec::new()));
static PROGRAMS: Cache<Program> = Cache(Mutex::new(Vec::new()));

/// The base files of an image.
///
/// # Errors
/// [`PackError`] if they are damaged.
pub(crate) fn pack_of(files: &File) -> Result<Arc<Pack>, PackError> {
    PACKS.find_or_make(files, || Pack::open(files))
}

/// The program in a compiled module for guests in threads.
///
/// # Errors
/// [`EngineError`] if it cannot be loaded.
pub(crate) fn program_of(compiled: &File) -> Result<Arc<Program>, EngineError> {
    PROGRAMS.find_or_make(compiled, || {
        let file = compiled.try_clone().map_err(|error| EngineError::Load { reason: error.to_string() })?;
        Program::load_own(file, Interruption::Epoch)
    })
}

/// The last few of a kind, the one used last at the end.
struct Cache<T>(Mutex<Vec<Loaded<T>>>);

struct Loaded<T> {
    identity: Identity,
    /// Held open, so that the system gives its number to no other file.
    _file: File,
    made: Arc<T>,
}

/// Which file it is. An image's files are replaced, never changed.
type Identity = (u64, u64, u64, i64, i64);

fn identity(file: &File) -> std::io::Result<Identity> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

impl<T> Cache<T> {
    fn find_or_make<E>(&self, file: &File, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let Ok(identity) = identity(file) else { return make().map(Arc::new) };
        // Held while it is made, so that many runs that begin at once make it once.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match kept.iter().position(|known| known.identity == identity) {
            Some(found) => kept.remove(found),
            None => {
                let made = Arc::new(make()?);
                let Ok(file) = file.try_clone() else { return Ok(made) };
                Loaded { identity, _file: file, made }
            }
        };
        let made = Arc::clone(&entry.made);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push(entry);
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        tempfile::tempfile().expect("a file")
    }

    #[test]
    fn a_thing_is_made_once_for_a_file() {
        let kept = Cache(Mutex::new(Vec::new()));
        let one = file();
        let first = kept.find_or_make(&one, || Ok::<_, ()>(1)).expect("it is made");
        let again = kept.find_or_make(&one, || Ok::<_, ()>(2)).expect("it is found");
        assert!(Arc::ptr_eq(&first, &again));
        drop(one);
        // It gets the number that the first would leave free.
        let other = kept.find_or_make(&file(), || Ok::<_, ()>(3)).expect("it is made");
        assert_eq!(*other, 3);
        assert_eq!(kept.find_or_make(&file(), || Err::<i32, _>("no")), Err("no"));
    }

    #[test]
    fn only_the_last_few_are_kept() {
        let kept = Cache(Mutex::new(Vec::new()));
        let files: Vec<File> = (0..=KEPT).map(|_| file()).collect();
        for file in &files[..KEPT] {
            kept.find_or_make(file, || Ok::<_, ()>(0)).expect("it is made");
        }
        kept.find_or_make(&files[0], || Ok::<_, ()>(9)).expect("it is found");
        kept.find_or_make(&files[KEPT], || Ok::<_, ()>(0)).expect("it is made");
        assert_eq!(*kept.find_or_make(&files[0], || Ok::<_, ()>(9)).expect("used lately"), 0);
        assert_eq!(*kept.find_or_make(&files[1], || Ok::<_, ()>(9)).expect("made again"), 9);
    }
}
