//! What is asked of that to which a path led, whatever it is.

use super::{Attribute, FileType, Metadata, NewTimes, Resolved, Space};
use crate::Errno;
use crate::object::Inode;

/// What a path led to, as the calls ask about it. ENOENT from all where it led to nothing.
impl Resolved {
    /// ENOENT if there is nothing.
    pub(crate) fn there(self) -> Result<Self, Errno> {
        match self {
            Self::Missing { .. } => Err(Errno::NOENT),
            found => Ok(found),
        }
    }

    /// What stat tells of it.
    pub(crate) fn metadata(&self) -> Result<Metadata, Errno> {
        match self {
            Self::Directory { place } => place.directory().metadata(),
            Self::Entry { parent, name, symlink } => {
                let metadata = parent.directory().metadata_of(name)?;
                // The entry may have changed since the walk saw it, but a directory
                // or a symlink must not be passed off as what was asked for.
                match (symlink, metadata.file_type) {
                    (None, FileType::SymbolicLink) => Err(Errno::LOOP),
                    _ => Ok(metadata),
                }
            }
            Self::Open(jump) => {
                let (number, description) = jump.open().ok_or(Errno::NOENT)?;
                description.object.metadata(number)
            }
            Self::Missing { .. } => Err(Errno::NOENT),
        }
    }

    /// What is open, in its tree; EPERM for what lies in none.
    fn inode(jump: &super::Jump) -> Result<&dyn Inode, Errno> {
        let (_, description) = jump.open().ok_or(Errno::PERM)?;
        description.object.inode().map_err(|_| Errno::PERM)
    }

    /// Changes its times.
    pub(crate) fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        match self {
            Self::Directory { place } => place.directory().set_times(times),
            Self::Entry { parent, name, .. } => parent.directory().set_times_of(name, times),
            Self::Open(jump) => Self::inode(jump)?.set_times(times),
            Self::Missing { .. } => Err(Errno::NOENT),
        }
    }

    /// Changes its permission bits; ENOTSUP for a symlink.
    pub(crate) fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        match self {
            Self::Directory { place } => place.directory().set_permissions(permissions),
            Self::Entry { symlink: Some(_), .. } => Err(Errno::NOTSUP),
            Self::Entry { parent, name, .. } => parent.directory().set_permissions_of(name, permissions),
            Self::Open(jump) => Self::inode(jump)?.set_permissions(permissions),
            Self::Missing { .. } => Err(Errno::NOENT),
        }
    }

    /// Reads or changes its extended attributes.
    pub(crate) fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        match self {
            Self::Directory { place } => place.directory().attribute(act),
            Self::Entry { parent, name, .. } => parent.directory().attribute_of(name, act),
            Self::Open(jump) => Self::inode(jump)?.attribute(act),
            Self::Missing { .. } => Err(Errno::NOENT),
        }
    }

    /// How much its tree holds; of what lies in none, nothing.
    pub(crate) fn space(&self) -> Result<Space, Errno> {
        match self {
            Self::Directory { place } | Self::Entry { parent: place, .. } => place.directory().space(),
            Self::Open(jump) => {
                Self::inode(jump).map_or_else(|_| Ok(Space::default()), |inode| inode.space())
            }
            Self::Missing { .. } => Err(Errno::NOENT),
        }
    }

    /// Whether nothing of it can be changed, because its tree is only shown.
    pub(crate) fn is_read_only(&self) -> bool {
        match self {
            Self::Directory { place } => place.directory().is_read_only(),
            Self::Entry { parent, name, .. } => {
                parent.directory().is_read_only() || parent.directory().is_taken(name)
            }
            Self::Open(jump) => {
                Self::inode(jump).is_ok_and(|inode| inode.space().is_ok_and(|space| space.read_only))
            }
            Self::Missing { parent, .. } => parent.directory().is_read_only(),
        }
    }

    /// Whether its tree refuses by itself what its permission bits forbid.
    pub(crate) fn checks_permissions(&self) -> bool {
        match self {
            Self::Directory { place: parent } | Self::Entry { parent, .. } | Self::Missing { parent, .. } => {
                parent.directory().checks_permissions()
            }
            Self::Open(_) => false,
        }
    }
}
