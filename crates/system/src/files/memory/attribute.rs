//! Extended attributes of a tree in memory.

use super::tree::{Content, Tree};
use crate::files::attributes::Attributes;
use crate::files::{Attribute, AttributeMode, FileType};
use crate::{Errno, go_on};

impl Tree {
    /// Reads or changes extended attributes. ENOTSUP for what is no file or directory,
    /// ENOSPC with nothing changed if it does not fit.
    pub(super) fn attribute(&mut self, number: u64, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        let inode = self.get(number)?;
        if !matches!(inode.file_type(), FileType::RegularFile | FileType::Directory) {
            return Err(Errno::NOTSUP);
        }
        if inode.attributes.is_none() {
            if !act.writes() {
                return self.attribute_below(number, act);
            }
            self.take_those_below(number)?;
        }
        let none = Attributes::default();
        let attributes = self.get(number)?.attributes.as_deref().unwrap_or(&none);
        if !act.writes() {
            return attributes.get(act);
        }
        let (more, less) = attributes.change(act)?;
        self.quota().charge(more)?;
        self.quota().refund(less);
        self.get_mut(number)?.attributes.get_or_insert_default().apply(act);
        self.touch_inode(number)?;
        Ok(Vec::new())
    }

    /// What the lower tree tells of those of what came from there; none where there is none,
    /// or it knows of none.
    fn attribute_below(&mut self, number: u64, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        let inode = self.get(number)?;
        let origin = inode.below.as_ref().map(|below| below.origin.clone());
        let directory = match &inode.content {
            Content::Directory(entries) => entries.lower,
            _ => None,
        };
        let told = match (origin, directory, &mut self.lower) {
            (Some(_), Some(directory), Some(lower)) => lower.open(directory)?.attribute(act),
            (Some(origin), None, Some(lower)) => {
                lower.open(origin.directory)?.attribute_of(&origin.name, act)
            }
            _ => Err(Errno::NOTSUP),
        };
        match told {
            Err(Errno::NOTSUP | Errno::NOENT | Errno::STALE) => Attributes::default().get(act),
            told => told,
        }
    }

    /// Makes those of the lower tree this tree's own; ENOSPC with nothing changed.
    fn take_those_below(&mut self, number: u64) -> Result<(), Errno> {
        let mut own = Attributes::default();
        let names = self.attribute_below(number, &Attribute::List)?;
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            go_on()?;
            let value = self.attribute_below(number, &Attribute::Get(name))?;
            let set = Attribute::Set { name, value: &value, mode: AttributeMode::Any };
            // BOUND: as many as one list names, each charged before it is kept.
            let charged = own.change(&set).and_then(|(more, _)| self.quota().charge(more));
            if let Err(error) = charged {
                self.quota().refund(own.cost());
                return Err(error);
            }
            own.apply(&set);
        }
        self.keep_attributes(number);
        self.get_mut(number)?.attributes = Some(Box::new(own));
        Ok(())
    }
}
