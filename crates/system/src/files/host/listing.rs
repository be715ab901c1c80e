//! What a directory of the host holds.

use super::mount::{Mount, file_type};
use super::node::Node;
use super::step;
use crate::files::FileType;
use crate::meter::Charge;
use crate::{Errno, pieces};
use rustix::fs::RawDir;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Bytes of entries that the host gives at once.
const PIECE: usize = 32 << 10;

/// Bytes that an entry takes while it is read and kept, its name apart.
const ENTRY_BYTES: u64 = 128;

/// What a directory held when its reading began. The host gives no cookies that
/// stay true across changes, so this is how an entry that stays is seen once.
pub(super) struct Listing {
    entries: Vec<Listed>,
    /// What is not yet among them, by name.
    found: BTreeMap<Box<[u8]>, (u64, FileType)>,
    charge: Option<Charge>,
}

/// A long one is freed on a thread of its own, also if it was never read to its end:
/// no run's end waits for what its guest has listed. The charge is for as long.
impl Drop for Listing {
    fn drop(&mut self) {
        if self.entries.len() + self.found.len() > pieces::FEW {
            let (entries, found) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.found));
            pieces::free_later((entries, found, self.charge.take()));
        }
    }
}

pub(super) struct Listed {
    pub(super) name: Box<[u8]>,
    pub(super) inode: u64,
    pub(super) file_type: FileType,
}

impl Listing {
    /// Reads all of a directory.
    ///
    /// # Errors
    /// ENOMEM if it is more than may be kept for the guest, ECANCELED at the run's
    /// end, or what the host says.
    pub(super) fn read(node: &Arc<Node>) -> Result<Self, Errno> {
        let mount: &Mount = &node.mount;
        // The host's order is an accident; a sorted one makes runs repeatable. And
        // in a tree there is no sorting at the end that nothing could interrupt.
        let charge = Some(mount.meter.nothing());
        let mut listing = Self { entries: Vec::new(), found: BTreeMap::new(), charge };
        each(node, &mut |name, inode, found| {
            listing.charge.as_mut().ok_or(Errno::NOMEM)?.grow(ENTRY_BYTES + name.len() as u64)?;
            let number = mount.numbers.number((node.identity.0, inode));
            listing.found.insert(Box::from(name), (number, file_type(found)));
            Ok(ControlFlow::Continue(()))
        })?;
        let mut steps = pieces::Steps::default();
        listing.entries.reserve_exact(listing.found.len());
        while let Some((name, (inode, file_type))) = listing.found.pop_first() {
            steps.step()?;
            listing.entries.push(Listed { name, inode, file_type });
        }
        Ok(listing)
    }

    /// Those after the first `skip`.
    pub(super) fn after(&self, skip: usize) -> &[Listed] {
        self.entries.get(skip..).unwrap_or_default()
    }
}

/// Does something with an entry's name, inode number and kind.
type Use<'a> = dyn FnMut(&[u8], u64, rustix::fs::FileType) -> Result<ControlFlow<()>, Errno> + 'a;

/// Gives each entry's name, inode number and kind to `use_it`, dots apart, until that
/// breaks or fails.
pub(super) fn each(node: &Arc<Node>, use_it: &mut Use<'_>) -> Result<(), Errno> {
    let directory = node.open()?;
    let listed = step::listed(directory.as_fd())?;
    let mut buffer = Vec::with_capacity(PIECE);
    let mut entries = RawDir::new(&listed, buffer.spare_capacity_mut());
    loop {
        // BOUND: a directory that others fill meanwhile may have no end; the run has.
        if entries.is_buffer_empty() {
            pieces::go_on()?;
        }
        let Some(entry) = entries.next() else { return Ok(()) };
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if use_it(name, entry.ino(), entry.file_type())?.is_break() {
            return Ok(());
        }
    }
}
