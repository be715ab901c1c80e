//! Extended attributes: names with a value each that a file has beside its content.
//!
//! Trees know those of the `user` namespace only, which are the ones that a program may
//! make for itself.

use crate::Errno;
use std::collections::BTreeMap;

/// The longest value; Linux's XATTR_SIZE_MAX.
pub(crate) const VALUE_BYTES: usize = 64 << 10;

/// Bytes of all names of a file, with a zero byte behind each; Linux's XATTR_LIST_MAX.
pub(crate) const LIST_BYTES: usize = 64 << 10;

/// What an attribute takes beside its name and value.
const ATTRIBUTE_BYTES: u64 = 160;

/// What the names of all attributes begin with that a tree is asked for.
pub(crate) const USER: &[u8] = b"user.";

/// What is done with a file's extended attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// Gives the value of one; ENODATA.
    Get(&'a [u8]),
    /// Gives all names, with a zero byte behind each.
    List,
    /// Gives one a value.
    Set {
        /// Its name.
        name: &'a [u8],
        /// What it is to be.
        value: &'a [u8],
        /// Whether it may or must be there already.
        mode: AttributeMode,
    },
    /// Takes one away; ENODATA.
    Remove(&'a [u8]),
}

/// What setting an attribute is to do with one that is missing or there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeMode {
    /// It is made or changed.
    Any,
    /// It must be missing: EEXIST.
    New,
    /// It must be there: ENODATA.
    Existing,
}

impl Attribute<'_> {
    /// Whether it changes anything.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Set { .. } | Self::Remove(_))
    }
}

/// The attributes of a file in memory.
#[derive(Default)]
pub(super) struct Attributes {
    values: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// Bytes of all names, with a zero byte behind each.
    names: usize,
}

impl Attributes {
    /// What they are charged with.
    pub(super) fn cost(&self) -> u64 {
        self.values.iter().map(|(name, value)| cost(name, value)).sum()
    }

    /// Gives one, or the names of all.
    pub(super) fn get(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        match act {
            Attribute::Get(name) => self.values.get(*name).map(|value| value.to_vec()).ok_or(Errno::NODATA),
            _ => {
                // BOUND: LIST_BYTES.
                let mut list = Vec::with_capacity(self.names);
                for name in self.values.keys() {
                    list.extend_from_slice(name);
                    list.push(0);
                }
                Ok(list)
            }
        }
    }

    /// What more, and what less, a change is charged with; nothing is changed yet. ENOSPC
    /// for more names than can be listed.
    pub(super) fn change(&self, act: &Attribute<'_>) -> Result<(u64, u64), Errno> {
        match *act {
            Attribute::Set { name, value, mode } => {
                let before = self.values.get(name);
                match (before, mode) {
                    (Some(_), AttributeMode::New) => return Err(Errno::EXIST),
                    (None, AttributeMode::Existing) => return Err(Errno::NODATA),
                    (None, _) if self.names + name.len() + 1 > LIST_BYTES => return Err(Errno::NOSPC),
                    _ => {}
                }
                Ok((cost(name, value), before.map_or(0, |before| cost(name, before))))
            }
            Attribute::Remove(name) => {
                let value = self.values.get(name).ok_or(Errno::NODATA)?;
                Ok((0, cost(name, value)))
            }
            Attribute::Get(_) | Attribute::List => Ok((0, 0)),
        }
    }

    /// Makes a change that has been charged.
    pub(super) fn apply(&mut self, act: &Attribute<'_>) {
        match *act {
            Attribute::Set { name, value, .. } => {
                if self.values.insert(name.into(), value.into()).is_none() {
                    self.names += name.len() + 1;
                }
            }
            Attribute::Remove(name) => {
                if self.values.remove(name).is_some() {
                    self.names -= name.len() + 1;
                }
            }
            Attribute::Get(_) | Attribute::List => {}
        }
    }
}

fn cost(name: &[u8], value: &[u8]) -> u64 {
    ATTRIBUTE_BYTES + (name.len() + value.len()) as u64
}
