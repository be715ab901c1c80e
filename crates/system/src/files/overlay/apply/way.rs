//! From the root of the tree beneath to a directory of it, one name at a time.

use crate::Errno;
use crate::files::{Directory, Found};
use std::sync::Arc;

/// The directories on the way to the one that was asked for last. Changes come in the
/// order of their paths, so that the next one is mostly a step away: all of them
/// together take as many steps as there are directories, however deep they lie.
pub(super) struct Way {
    root: Arc<dyn Directory>,
    /// What was asked for last.
    path: Vec<u8>,
    /// What was found on the way, each with where its name ends in `path`.
    // BOUND: a path has no more names than half its bytes. What a directory of the
    // host holds open of these is let go when there are too many, see `Handles`.
    found: Vec<(usize, Arc<dyn Directory>)>,
}

impl Way {
    pub(super) fn new(root: &Arc<dyn Directory>) -> Self {
        Self { root: Arc::clone(root), path: Vec::new(), found: Vec::new() }
    }

    pub(super) fn root(&self) -> &Arc<dyn Directory> {
        &self.root
    }

    /// From the root again, the next time.
    pub(super) fn start_again(&mut self) {
        self.found.clear();
    }

    /// Lets go of the directory that was asked for last, and of what it has listed.
    pub(super) fn leave(&mut self) {
        self.found.pop();
    }

    /// The directory at a path, without following any symlink.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR, or what the tree says.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<Arc<dyn Directory>, Errno> {
        let common = common(&self.path, path);
        while let Some((end, _)) = self.found.last()
            && (*end > common || path.get(*end).is_some_and(|byte| *byte != b'/'))
        {
            self.found.pop();
        }
        self.path.clear();
        self.path.extend(path);
        let (mut end, mut directory) = match self.found.last() {
            Some((end, directory)) => (*end, Arc::clone(directory)),
            None => (0, Arc::clone(&self.root)),
        };
        let names = path.get(end..).unwrap_or_default().split(|byte| *byte == b'/');
        for name in names.filter(|name| !name.is_empty()) {
            directory = match directory.lookup(name)? {
                Found::Directory(found) => found,
                _ => return Err(Errno::NOTDIR),
            };
            end += name.len() + usize::from(end > 0);
            self.found.push((end, Arc::clone(&directory)));
        }
        Ok(directory)
    }
}

/// How many bytes they have in common at their beginning.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
