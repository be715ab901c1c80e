//! Extended attributes.

use super::path::{access, may, only, own, path, resolve, text};
use super::{bytes, calls, done, value};
use crate::files::attributes::{Attribute, AttributeMode, USER, VALUE_BYTES};
use crate::files::{FileType, Last, Resolved};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};

use Support::Partial;

/// Bytes of a name; Linux's XATTR_NAME_MAX.
const NAME_BYTES: usize = 255;

pub(super) const ROWS: &[Row] = calls! { "linux":
    setxattr(path: Text, name: Text, value: Buffer, size: Size, flags: Flags) &[text(0), text(1), bytes(2)], Partial, "those of the user namespace, in trees that have them; an overlay keeps its own", setxattr;
    lsetxattr(path: Text, name: Text, value: Buffer, size: Size, flags: Flags) &[text(0), text(1), bytes(2)], Partial, "those of the user namespace, in trees that have them; an overlay keeps its own", lsetxattr;
    fsetxattr(fd: Descriptor, name: Text, value: Buffer, size: Size, flags: Flags) &[text(1), bytes(2)], Partial, "those of the user namespace, in trees that have them; an overlay keeps its own", fsetxattr;
    getxattr(path: Text, name: Text, value: Result, size: Size) &[text(0), text(1)], Partial, "those of the user namespace, in trees that have them", getxattr;
    lgetxattr(path: Text, name: Text, value: Result, size: Size) &[text(0), text(1)], Partial, "those of the user namespace, in trees that have them", lgetxattr;
    fgetxattr(fd: Descriptor, name: Text, value: Result, size: Size) &[text(1)], Partial, "those of the user namespace, in trees that have them", fgetxattr;
    listxattr(path: Text, list: Result, size: Size) &[text(0)], Partial, "those of the user namespace, in trees that have them", listxattr;
    llistxattr(path: Text, list: Result, size: Size) &[text(0)], Partial, "those of the user namespace, in trees that have them", llistxattr;
    flistxattr(fd: Descriptor, list: Result, size: Size) &[], Partial, "those of the user namespace, in trees that have them", flistxattr;
    removexattr(path: Text, name: Text) &[text(0), text(1)], Partial, "those of the user namespace, in trees that have them", removexattr;
    lremovexattr(path: Text, name: Text) &[text(0), text(1)], Partial, "those of the user namespace, in trees that have them", lremovexattr;
    fremovexattr(fd: Descriptor, name: Text) &[text(1)], Partial, "those of the user namespace, in trees that have them", fremovexattr;
};

/// How a call names its file, in its first argument.
#[derive(Clone, Copy)]
enum By {
    Path(Last),
    Descriptor,
}

impl By {
    fn find(self, system: &mut System, call: &mut Call<'_>) -> Result<Resolved, Fault> {
        match self {
            Self::Path(last) => {
                let path = path(call, 0)?;
                Ok(resolve(system, super::path::WORKING_DIRECTORY, &path, last)?.there()?)
            }
            Self::Descriptor => {
                system.descriptors.file(call.u32(0))?;
                Ok(own(system, call.u32(0))?)
            }
        }
    }
}

/// The name at argument 1: ERANGE for none, and for one that is too long.
fn name(call: &mut Call<'_>) -> Result<Vec<u8>, Fault> {
    let mut name = Vec::new();
    // BOUND: the longest name, and its zero byte.
    let is_whole = call.memory.read_text(call.u32(1), NAME_BYTES + 1, &mut name)?;
    match is_whole {
        true if name.is_empty() || name.len() > NAME_BYTES => Err(Errno::RANGE.into()),
        true => Ok(name),
        false if name.len() > NAME_BYTES => Err(Errno::RANGE.into()),
        false => Err(Errno::FAULT.into()),
    }
}

/// What may be done with an attribute of this name, and by whom: EPERM for what is the
/// superuser's or a thing's that has none, ENODATA where it is only looked for, EOPNOTSUPP
/// for a namespace that there is not, EACCES, EINVAL.
fn check(system: &System, found: &Resolved, name: &[u8], writes: bool) -> Result<(), Errno> {
    let none = if writes { Errno::PERM } else { Errno::NODATA };
    if let Some(rest) = name.strip_prefix(USER) {
        let metadata = found.metadata()?;
        if !matches!(metadata.file_type, FileType::RegularFile | FileType::Directory) {
            return Err(none);
        }
        if !found.checks_permissions() {
            let wanted = if writes { access::WRITE } else { access::READ };
            may(system, metadata.permissions, wanted)?;
        }
        return if rest.is_empty() { Err(Errno::INVAL) } else { Ok(()) };
    }
    match name.starts_with(b"trusted.") || name.starts_with(b"security.") {
        true => Err(none),
        false => Err(Errno::NOTSUP),
    }
}

fn set(system: &mut System, call: &mut Call<'_>, by: By) -> Result<Answer, Fault> {
    const CREATE: u32 = 1;
    const REPLACE: u32 = 2;
    let flags = only(call.u32(4), CREATE | REPLACE)?;
    let name = name(call)?;
    let size = call.u32(3) as usize;
    if size > VALUE_BYTES {
        return Err(Errno::TOOBIG.into());
    }
    let value = match size {
        0 => Vec::new(),
        // BOUND: VALUE_BYTES.
        size => call.bytes_at(call.u32(2), size)?,
    };
    let found = by.find(system, call)?;
    writable(&found)?;
    check(system, &found, &name, true)?;
    let mode = match flags {
        0 => AttributeMode::Any,
        REPLACE => AttributeMode::Existing,
        // With both it must be missing and be there, and is looked for first.
        CREATE => AttributeMode::New,
        _ => match found.attribute(&Attribute::Get(&name)) {
            Ok(_) => return Err(Errno::EXIST.into()),
            Err(error) => return Err(error.into()),
        },
    };
    found.attribute(&Attribute::Set { name: &name, value: &value, mode })?;
    done()
}

fn writable(found: &Resolved) -> Result<(), Errno> {
    if found.is_read_only() { Err(Errno::ROFS) } else { Ok(()) }
}

fn get(system: &mut System, call: &mut Call<'_>, by: By) -> Result<Answer, Fault> {
    let name = name(call)?;
    let found = by.find(system, call)?;
    check(system, &found, &name, false)?;
    let told = match found.attribute(&Attribute::Get(&name)) {
        // In a tree that has none there is none.
        Err(Errno::NOTSUP) if found.is_read_only() => return Err(Errno::NODATA.into()),
        told => told?,
    };
    tell(call, &told, 2)
}

fn list(system: &mut System, call: &mut Call<'_>, by: By) -> Result<Answer, Fault> {
    let found = by.find(system, call)?;
    let has_any = matches!(found.metadata()?.file_type, FileType::RegularFile | FileType::Directory);
    let told = match found.attribute(&Attribute::List) {
        _ if !has_any => Vec::new(),
        Err(Errno::NOTSUP | Errno::PERM) => Vec::new(),
        told => told?,
    };
    tell(call, &told, 1)
}

/// Says how long it is where there is no room for it; ERANGE where there is some, and not
/// enough.
fn tell(call: &mut Call<'_>, told: &[u8], argument: usize) -> Result<Answer, Fault> {
    let room = call.u32(argument + 1) as usize;
    if room > 0 {
        if told.len() > room {
            return Err(Errno::RANGE.into());
        }
        call.memory.write(call.u32(argument), told)?;
    }
    value(told.len() as u32)
}

fn remove(system: &mut System, call: &mut Call<'_>, by: By) -> Result<Answer, Fault> {
    let name = name(call)?;
    let found = by.find(system, call)?;
    writable(&found)?;
    check(system, &found, &name, true)?;
    found.attribute(&Attribute::Remove(&name))?;
    done()
}

fn setxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    set(system, call, By::Path(Last::Follow))
}

fn lsetxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    set(system, call, By::Path(Last::Keep))
}

fn fsetxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    set(system, call, By::Descriptor)
}

fn getxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    get(system, call, By::Path(Last::Follow))
}

fn lgetxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    get(system, call, By::Path(Last::Keep))
}

fn fgetxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    get(system, call, By::Descriptor)
}

fn listxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    list(system, call, By::Path(Last::Follow))
}

fn llistxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    list(system, call, By::Path(Last::Keep))
}

fn flistxattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    list(system, call, By::Descriptor)
}

fn removexattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    remove(system, call, By::Path(Last::Follow))
}

fn lremovexattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    remove(system, call, By::Path(Last::Keep))
}

fn fremovexattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    remove(system, call, By::Descriptor)
}
