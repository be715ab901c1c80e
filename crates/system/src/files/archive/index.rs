//! What is in an archive: names, and where their contents are.

use super::ArchiveError;
use crate::files::{NAME_BYTES, Timestamp};
use crate::meter::{Charge, Meter};
use crate::{Errno, pieces};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries of one archive, directories that are only named within others
/// included.
// BOUND: NODE_BYTES and the name are charged for each.
pub(super) const ENTRIES: usize = 1 << 19;

/// What an entry is charged with, beside its name: more than its part of all tables
/// where these are emptiest.
const NODE_BYTES: u64 = 384;

/// What a directory is charged with beside: the first node of its table.
const DIRECTORY_BYTES: u64 = 512;

/// What a name is charged with, beside itself.
const LINK_BYTES: u64 = 192;

/// Bytes of all names of one archive.
const NAMES: usize = 128 << 20;

/// How deep an entry may lie.
const DEPTH: usize = 512;

pub(super) struct Node {
    pub content: Content,
    pub permissions: u32,
    pub modified: Timestamp,
    pub links: u64,
}

pub(super) enum Content {
    /// Its entries, by name.
    Directory(Vec<(Vec<u8>, usize)>),
    File {
        /// Where the content begins, or the number of the entry that has it.
        position: u64,
        size: u64,
    },
    Symlink(Vec<u8>),
}

pub(super) struct Index {
    nodes: Vec<Node>,
    charge: Option<Charge>,
}

/// A large one is freed on a thread of its own, so that no run's end waits for it.
impl Drop for Index {
    fn drop(&mut self) {
        if self.nodes.len() > pieces::FEW {
            pieces::free_later((std::mem::take(&mut self.nodes), self.charge.take()));
        }
    }
}

impl Index {
    pub(super) fn get(&self, number: usize) -> Result<&Node, Errno> {
        self.nodes.get(number).ok_or(Errno::IO)
    }
}

/// Collects the entries of an archive in the order in which they stand there.
pub(super) struct IndexBuilder {
    nodes: Vec<Node>,
    /// The entries of each node that is a directory.
    children: Vec<Option<BTreeMap<Vec<u8>, usize>>>,
    names: usize,
    charge: Option<Charge>,
    limit: u64,
}

/// As with an [`Index`], for one that was given up.
impl Drop for IndexBuilder {
    fn drop(&mut self) {
        if self.nodes.len() > pieces::FEW {
            let (nodes, children) = (std::mem::take(&mut self.nodes), std::mem::take(&mut self.children));
            pieces::free_later((nodes, children, self.charge.take()));
        }
    }
}

/// What comes of adding.
pub(super) enum New {
    Directory,
    File {
        position: u64,
        size: u64,
    },
    Symlink(Vec<u8>),
    /// Another name of an entry before.
    Link(Vec<u8>),
}

impl IndexBuilder {
    pub(super) fn new(meter: &Arc<Meter>) -> Self {
        let (charge, limit) = (Some(meter.nothing()), meter.limit());
        let mut builder = Self { nodes: Vec::new(), children: Vec::new(), names: 0, charge, limit };
        builder.nodes.push(directory(Timestamp::EPOCH, 0o755));
        builder.children.push(Some(BTreeMap::new()));
        builder
    }

    /// Adds an entry. Of several with the same name the last counts, as with the
    /// tools that unpack.
    pub(super) fn add(
        &mut self,
        path: &[u8],
        new: New,
        permissions: u32,
        modified: Timestamp,
    ) -> Result<(), ArchiveError> {
        let names = names(path)?;
        let Some((name, parents)) = names.split_last() else {
            // The root itself, which some archives name.
            if let (New::Directory, Some(root)) = (&new, self.nodes.first_mut()) {
                root.permissions = permissions;
                root.modified = modified;
            }
            return Ok(());
        };
        let conflict = || ArchiveError::Conflict(path.escape_ascii().to_string());
        let mut parent = 0;
        for name in parents {
            parent = match self.child(parent, name) {
                Some(child) => child,
                None => self.insert(parent, name, directory(modified, 0o755))?,
            };
            if self.entries(parent).is_none() {
                return Err(conflict());
            }
        }
        let there = self.child(parent, name);
        let is_directory = there.map(|there| self.entries(there).is_some());
        let content = match new {
            New::Directory => match (there, is_directory) {
                (Some(there), Some(true)) => {
                    if let Some(node) = self.nodes.get_mut(there) {
                        node.permissions = permissions;
                        node.modified = modified;
                    }
                    return Ok(());
                }
                (Some(_), _) => return Err(conflict()),
                _ => Content::Directory(Vec::new()),
            },
            _ if is_directory == Some(true) => return Err(conflict()),
            New::File { position, size } => Content::File { position, size },
            New::Symlink(target) => {
                self.count(target.len())?;
                Content::Symlink(target)
            }
            New::Link(target) => {
                let target = self.find(&target).ok_or_else(conflict)?;
                match self.nodes.get_mut(target) {
                    Some(node) if matches!(node.content, Content::File { .. }) => node.links += 1,
                    _ => return Err(conflict()),
                }
                self.unname(there);
                return self.name(parent, name, target);
            }
        };
        self.unname(there);
        let node = Node { content, permissions: permissions & 0o777, modified, links: 1 };
        self.insert(parent, name, node).map(|_| ())
    }

    /// A name is about to be taken from what had it.
    fn unname(&mut self, there: Option<usize>) {
        if let Some(node) = there.and_then(|there| self.nodes.get_mut(there)) {
            node.links = node.links.saturating_sub(1);
        }
    }

    fn entries(&self, number: usize) -> Option<&BTreeMap<Vec<u8>, usize>> {
        self.children.get(number).and_then(Option::as_ref)
    }

    fn child(&self, parent: usize, name: &[u8]) -> Option<usize> {
        self.entries(parent)?.get(name).copied()
    }

    fn find(&self, path: &[u8]) -> Option<usize> {
        names(path).ok()?.into_iter().try_fold(0, |parent, name| self.child(parent, name))
    }

    fn insert(&mut self, parent: usize, name: &[u8], node: Node) -> Result<usize, ArchiveError> {
        if self.nodes.len() >= ENTRIES {
            return Err(ArchiveError::TooMuch { limit: ENTRIES as u64, what: "entries" });
        }
        let number = self.nodes.len();
        let is_directory = matches!(node.content, Content::Directory(_));
        self.charge(NODE_BYTES + if is_directory { DIRECTORY_BYTES } else { 0 })?;
        self.nodes.push(node);
        self.children.push(is_directory.then(BTreeMap::new));
        self.name(parent, name, number)?;
        Ok(number)
    }

    fn name(&mut self, parent: usize, name: &[u8], number: usize) -> Result<(), ArchiveError> {
        self.count(name.len())?;
        // For the name, of which a node may have several.
        self.charge(LINK_BYTES)?;
        if let Some(Some(entries)) = self.children.get_mut(parent) {
            entries.insert(name.to_vec(), number);
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), ArchiveError> {
        self.names += bytes;
        if self.names > NAMES {
            return Err(ArchiveError::TooMuch { limit: NAMES as u64, what: "bytes of names" });
        }
        self.charge(bytes as u64)
    }

    fn charge(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        let grown = self.charge.as_mut().is_some_and(|charge| charge.grow(bytes).is_ok());
        if grown { Ok(()) } else { Err(ArchiveError::Memory { limit: self.limit }) }
    }

    pub(super) fn finish(mut self) -> Index {
        let (mut nodes, children) = (std::mem::take(&mut self.nodes), std::mem::take(&mut self.children));
        for (node, children) in nodes.iter_mut().zip(children) {
            if let Some(children) = children {
                node.content = Content::Directory(children.into_iter().collect());
            }
        }
        Index { nodes, charge: self.charge.take() }
    }
}

fn directory(modified: Timestamp, permissions: u32) -> Node {
    Node { content: Content::Directory(Vec::new()), permissions, modified, links: 2 }
}

/// The names of an entry's path. A slash at the start means the archive's root,
/// as it does to tar; two dots are refused.
fn names(path: &[u8]) -> Result<Vec<&[u8]>, ArchiveError> {
    let shown = || path.escape_ascii().to_string();
    let names: Vec<&[u8]> =
        path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    if names.contains(&b"..".as_slice()) {
        return Err(ArchiveError::Outside(shown()));
    }
    if names.iter().any(|name| name.len() > NAME_BYTES || name.contains(&0)) {
        return Err(ArchiveError::Damaged(format!("no file can be called '{}'", shown())));
    }
    if names.len() > DEPTH {
        return Err(ArchiveError::TooMuch { limit: DEPTH as u64, what: "directories in each other" });
    }
    Ok(names)
}
