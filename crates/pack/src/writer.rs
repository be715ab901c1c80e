//! Writing: the same tree always gives the same bytes.

use crate::PackError;
use crate::format::{MAGIC, StoredEntry, StoredKind, TARGET_BYTES, VERSION};
use crate::reader::is_name;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Collects a tree and writes it as a pack.
///
/// What a pack's bytes depend on is the names, contents and permission bits of
/// its files, and the one modification time given here; not the order in which
/// files were added, nor anything else of the host.
#[derive(Debug)]
pub struct Writer {
    root: BTreeMap<Vec<u8>, Node>,
    modified: u64,
}

#[derive(Debug)]
enum Node {
    Directory(BTreeMap<Vec<u8>, Node>),
    File { content: Content, permissions: u16 },
    Symlink(Vec<u8>),
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    Host { path: PathBuf, length: u64 },
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Host { length, .. } => *length,
        }
    }
}

impl Writer {
    /// An empty tree whose files all bear the time `modified`, in nanoseconds
    /// since 1970.
    pub fn new(modified: u64) -> Self {
        Self { root: BTreeMap::new(), modified }
    }

    /// Adds what is in the host's directory `from`, at `path`. `choose` gets each
    /// path, relative to `from`, and says whether to take it; a directory not
    /// taken is not entered. What is there already is replaced.
    ///
    /// # Errors
    /// [`PackError`] if something cannot be read or cannot stand in a pack.
    pub fn directory(
        &mut self,
        path: impl AsRef<Path>,
        from: &Path,
        choose: &mut dyn FnMut(&Path) -> bool,
    ) -> Result<(), PackError> {
        let at = parts(path.as_ref())?;
        let target = descend(&mut self.root, &at, path.as_ref())?;
        let mut pending = vec![PathBuf::new()];
        while let Some(relative) = pending.pop() {
            let host = from.join(&relative);
            let failed = |source| PackError::Source { path: host.clone(), source };
            for entry in std::fs::read_dir(&host).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let relative = relative.join(entry.file_name());
                if !choose(&relative) {
                    continue;
                }
                let names: Vec<Vec<u8>> = relative.iter().map(|name| name.as_bytes().to_vec()).collect();
                let node = read_node(&entry.path())?;
                let enter = matches!(node, Node::Directory(_));
                insert(target, &names, node, &relative)?;
                if enter {
                    pending.push(relative);
                }
            }
        }
        Ok(())
    }

    /// Adds an empty directory, and its parents.
    ///
    /// # Errors
    /// [`PackError::Path`] if a part of the path is no name, or a file.
    pub fn empty_directory(&mut self, path: impl AsRef<Path>) -> Result<(), PackError> {
        let names = parts(path.as_ref())?;
        descend(&mut self.root, &names, path.as_ref()).map(|_| ())
    }

    /// Adds a file; missing parents are made.
    ///
    /// # Errors
    /// [`PackError::Path`] if a part of the path is no name, or a file.
    pub fn file(
        &mut self,
        path: impl AsRef<Path>,
        bytes: Vec<u8>,
        permissions: u16,
    ) -> Result<(), PackError> {
        let node = Node::File { content: Content::Bytes(bytes), permissions: permissions & 0o777 };
        let path = path.as_ref();
        insert(&mut self.root, &parts(path)?, node, path)
    }

    /// Adds a symlink; missing parents are made.
    ///
    /// # Errors
    /// [`PackError::Path`] if a part of the path is no name or a file, or the
    /// target cannot be one.
    pub fn symlink(&mut self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<(), PackError> {
        let path = path.as_ref();
        let target = target.as_ref().as_os_str().as_bytes().to_vec();
        insert(&mut self.root, &parts(path)?, symlink(target, path)?, path)
    }

    /// Writes the pack.
    ///
    /// # Errors
    /// [`PackError`] if a file of the host cannot be read or has another length
    /// than when it was added, or `into` fails.
    pub fn finish(self, into: &mut impl Write) -> Result<(), PackError> {
        let root_permissions = 0o755;
        let root = Node::Directory(self.root);
        let mut waiting = VecDeque::from([(Vec::new(), root)]);
        let mut index = Vec::new();
        let mut contents = Vec::new();
        let (mut count, mut next, mut data_length) = (0u32, 1u32, 0u64);
        while let Some((name, node)) = waiting.pop_front() {
            let target;
            let (kind, permissions) = match node {
                Node::Directory(children) => {
                    let number = u32::try_from(children.len()).ok();
                    let end = number.and_then(|number| next.checked_add(number));
                    let end = end.ok_or(PackError::damaged("too many files for one pack"))?;
                    let kind = StoredKind::Directory { first: next, count: end - next };
                    next = end;
                    waiting.extend(children);
                    (kind, root_permissions)
                }
                Node::File { content, permissions } => {
                    let length = content.length();
                    let kind = StoredKind::File { offset: data_length, length };
                    data_length = data_length
                        .checked_add(length)
                        .ok_or(PackError::damaged("too many bytes for one pack"))?;
                    contents.push(content);
                    (kind, permissions)
                }
                Node::Symlink(text) => {
                    target = text;
                    (StoredKind::Symlink { target: &target }, 0o777)
                }
            };
            let entry = StoredEntry { name: &name, permissions, modified: self.modified, kind };
            index = postcard::to_extend(&entry, index)
                .map_err(|_| PackError::damaged("an entry cannot be encoded"))?;
            count += 1;
        }
        into.write_all(MAGIC)?;
        into.write_all(&VERSION.to_le_bytes())?;
        into.write_all(&count.to_le_bytes())?;
        into.write_all(&(index.len() as u64).to_le_bytes())?;
        into.write_all(&data_length.to_le_bytes())?;
        into.write_all(&index)?;
        for content in contents {
            copy(content, into)?;
        }
        into.flush()?;
        Ok(())
    }
}

fn copy(content: Content, into: &mut impl Write) -> Result<(), PackError> {
    match content {
        Content::Bytes(bytes) => into.write_all(&bytes)?,
        Content::Host { path, length } => {
            let failed = |source| PackError::Source { path: path.clone(), source };
            let mut file = File::open(&path).map_err(failed)?;
            let copied = std::io::copy(&mut (&mut file).take(length), into).map_err(failed)?;
            let longer = file.read(&mut [0]).map_err(failed)? > 0;
            if copied != length || longer {
                return Err(failed(std::io::Error::other("the file changed while it was read")));
            }
        }
    }
    Ok(())
}

fn read_node(path: &Path) -> Result<Node, PackError> {
    let failed = |source| PackError::Source { path: path.to_owned(), source };
    let metadata = std::fs::symlink_metadata(path).map_err(failed)?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Ok(Node::Directory(BTreeMap::new()));
    }
    if kind.is_symlink() {
        let target = std::fs::read_link(path).map_err(failed)?;
        return symlink(target.into_os_string().into_vec(), path);
    }
    if !kind.is_file() {
        return Err(PackError::Special { path: path.to_owned() });
    }
    // Only whether it can be executed: the other bits depend on the umask of
    // whoever built the tree.
    let executable = metadata.permissions().mode() & 0o100 != 0;
    let content = Content::Host { path: path.to_owned(), length: metadata.len() };
    Ok(Node::File { content, permissions: if executable { 0o755 } else { 0o644 } })
}

fn symlink(target: Vec<u8>, path: &Path) -> Result<Node, PackError> {
    if target.is_empty() || target.len() > TARGET_BYTES || target.contains(&0) {
        return Err(bad_path(path, "a symlink's target is no path"));
    }
    Ok(Node::Symlink(target))
}

fn bad_path(path: &Path, why: &'static str) -> PackError {
    PackError::Path { path: path.display().to_string(), why }
}

/// The names that `path` is made of.
fn parts(path: &Path) -> Result<Vec<Vec<u8>>, PackError> {
    let names = path.as_os_str().as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    names
        .map(|name| match is_name(name) {
            true => Ok(name.to_vec()),
            false => Err(bad_path(path, "one of its parts is not a file name")),
        })
        .collect()
}

fn descend<'a>(
    mut directory: &'a mut BTreeMap<Vec<u8>, Node>,
    names: &[Vec<u8>],
    path: &Path,
) -> Result<&'a mut BTreeMap<Vec<u8>, Node>, PackError> {
    for name in names {
        let node = directory.entry(name.clone()).or_insert_with(|| Node::Directory(BTreeMap::new()));
        let Node::Directory(children) = node else {
            return Err(bad_path(path, "one of its parents is a file"));
        };
        directory = children;
    }
    Ok(directory)
}

fn insert(
    root: &mut BTreeMap<Vec<u8>, Node>,
    names: &[Vec<u8>],
    node: Node,
    path: &Path,
) -> Result<(), PackError> {
    let Some((name, parents)) = names.split_last() else {
        return Err(bad_path(path, "it names the root"));
    };
    if !is_name(name) {
        return Err(bad_path(path, "one of its parts is not a file name"));
    }
    let directory = descend(root, parents, path)?;
    match (directory.get(name), &node) {
        // Merged, not replaced.
        (Some(Node::Directory(_)), Node::Directory(_)) => {}
        _ => {
            directory.insert(name.clone(), node);
        }
    }
    Ok(())
}
