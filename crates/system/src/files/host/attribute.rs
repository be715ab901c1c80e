//! Extended attributes of the host's files: those of the `user` namespace, and no others.

use crate::Errno;
use crate::files::attributes::{Attribute, AttributeMode, LIST_BYTES, USER, VALUE_BYTES};
use rustix::fs::XattrFlags;
use std::os::fd::AsFd;

/// What is done with those of a file that is open.
pub(super) fn of_open(file: impl AsFd, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
    let mut buffer = room(act);
    let length = match act {
        Attribute::Get(name) => rustix::fs::fgetxattr(file, user(name)?, &mut buffer)?,
        Attribute::List => rustix::fs::flistxattr(file, &mut buffer)?,
        Attribute::Set { name, value, mode } => {
            rustix::fs::fsetxattr(file, user(name)?, value, flags(*mode))?;
            0
        }
        Attribute::Remove(name) => {
            rustix::fs::fremovexattr(file, user(name)?)?;
            0
        }
    };
    Ok(told(act, buffer, length))
}

/// The same by the path of a descriptor of the process's own in the kernel's /proc, which
/// leads to what is open only to be named.
pub(super) fn of_path(path: &str, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
    let mut buffer = room(act);
    let length = match act {
        Attribute::Get(name) => rustix::fs::getxattr(path, user(name)?, &mut buffer)?,
        Attribute::List => rustix::fs::listxattr(path, &mut buffer)?,
        Attribute::Set { name, value, mode } => {
            rustix::fs::setxattr(path, user(name)?, value, flags(*mode))?;
            0
        }
        Attribute::Remove(name) => {
            rustix::fs::removexattr(path, user(name)?)?;
            0
        }
    };
    Ok(told(act, buffer, length))
}

/// EOPNOTSUPP for a name of another namespace. The calls ask for none such: this is so that
/// a mistake there is no hole.
fn user<'a>(name: &&'a [u8]) -> Result<&'a [u8], Errno> {
    if name.starts_with(USER) { Ok(name) } else { Err(Errno::NOTSUP) }
}

fn flags(mode: AttributeMode) -> XattrFlags {
    match mode {
        AttributeMode::Any => XattrFlags::empty(),
        AttributeMode::New => XattrFlags::CREATE,
        AttributeMode::Existing => XattrFlags::REPLACE,
    }
}

fn room(act: &Attribute<'_>) -> Vec<u8> {
    match act {
        Attribute::Get(_) => vec![0; VALUE_BYTES],
        Attribute::List => vec![0; LIST_BYTES],
        _ => Vec::new(),
    }
}

/// What was told; of the names, those that are the guest's business.
fn told(act: &Attribute<'_>, mut buffer: Vec<u8>, length: usize) -> Vec<u8> {
    buffer.truncate(length);
    match act {
        Attribute::List => buffer
            .split_inclusive(|byte| *byte == 0)
            .filter(|name| name.starts_with(USER))
            .flatten()
            .copied()
            .collect(),
        _ => buffer,
    }
}
