//! What is open only to be named: O_PATH.

use super::dentry::Dentry;
use super::{Attribute, File, FileType, Metadata, NewTimes, OpenOptions, Opened, Space};
use crate::Errno;
use crate::object::{Inode, Interest, Object, Position};
use crate::rights::Rights;
use crate::wait::Readiness;
use std::sync::Arc;

/// What a name led to that is no directory: it can be asked about and opened, and is
/// known again wherever this run renames it to.
pub struct Unopened {
    dentry: Arc<Dentry>,
    /// As it was when it was found.
    metadata: Metadata,
    target: Option<Vec<u8>>,
    /// The thing itself, where its tree can hold it.
    held: Option<Arc<dyn File>>,
}

impl Unopened {
    /// What the name is now; with its target, if it is a symlink, and with what its tree
    /// [holds](super::Directory::hold).
    pub(crate) fn new(
        dentry: Arc<Dentry>,
        metadata: Metadata,
        target: Option<Vec<u8>>,
        held: Option<Arc<dyn File>>,
    ) -> Self {
        Self { dentry, metadata, target, held }
    }

    /// The target, if it is a symlink.
    pub(crate) fn target(&self) -> Option<&[u8]> {
        self.target.as_deref()
    }

    /// Its name, as long as it has one and others have given that to nothing else; ESTALE.
    pub(crate) fn name(&self) -> Result<(Arc<Dentry>, Box<[u8]>), Errno> {
        let (parent, name) = (self.dentry.parent(), self.dentry.name());
        if self.dentry.is_removed() || !self.is(&parent.directory()?.metadata_of(&name)?) {
            return Err(Errno::STALE);
        }
        Ok((parent, name))
    }

    fn is(&self, other: &Metadata) -> bool {
        let identity = |metadata: &Metadata| (metadata.device, metadata.inode, metadata.file_type);
        identity(&self.metadata) == identity(other)
    }

    /// Opens it, as it is; ESTALE if it is not to be found.
    pub(crate) fn open(&self, options: &OpenOptions) -> Result<Opened, Errno> {
        if self.target.is_some() {
            return Err(Errno::LOOP);
        }
        let (parent, name) = self.name()?;
        // Emptied only once it is known that it is the same.
        let careful = OpenOptions { truncate: false, ..*options };
        let opened = parent.directory()?.open(&name, &careful)?;
        if let Opened::File(file) = &opened {
            let is_it = match self.metadata.file_type {
                // What such a file tells of itself is made anew each time.
                FileType::RegularFile => self.is(&file.metadata()?),
                _ => true,
            };
            if !is_it {
                return Err(Errno::STALE);
            }
            if options.truncate {
                file.set_size(0)?;
            }
        }
        Ok(opened)
    }
}

impl Object for Unopened {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(self.metadata.file_type)
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        if let Some(held) = &self.held {
            return held.metadata();
        }
        match self.name().and_then(|(parent, name)| parent.directory()?.metadata_of(&name)) {
            // It is still what it was, with a name less.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::STALE) => {
                Ok(Metadata { links: self.metadata.links.saturating_sub(1), ..self.metadata })
            }
            told => told,
        }
    }

    fn rights(&self) -> Rights {
        Rights::NONE
    }

    fn position(&self) -> Result<Position, Errno> {
        Err(Errno::BADF)
    }

    fn set_size(&self, _size: u64) -> Result<(), Errno> {
        Err(Errno::BADF)
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Err(Errno::BADF)
    }

    fn inode(&self) -> Result<&dyn Inode, Errno> {
        Ok(self)
    }

    fn unopened(&self) -> Option<&Unopened> {
        Some(self)
    }
}

/// By way of its name, where its tree does not hold it; the calls say which of these may be done.
impl Inode for Unopened {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Object::metadata(self, 0)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        if let Some(held) = &self.held {
            return held.set_times(times);
        }
        let (parent, name) = self.name()?;
        parent.directory()?.set_times_of(&name, times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        if self.target.is_some() {
            return Err(Errno::NOTSUP);
        }
        if let Some(held) = &self.held {
            return held.set_permissions(permissions);
        }
        let (parent, name) = self.name()?;
        parent.directory()?.set_permissions_of(&name, permissions)
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        if let Some(held) = &self.held {
            return held.attribute(act);
        }
        let (parent, name) = self.name()?;
        parent.directory()?.attribute_of(&name, act)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        Err(Errno::BADF)
    }

    fn space(&self) -> Result<Space, Errno> {
        self.dentry.parent().directory()?.space()
    }
}
