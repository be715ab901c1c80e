//! Who could have written what is about to be trusted: an image is native code, what
//! else lies in the cache becomes one, and a cell or a compiler is started. Only the
//! user of this process, and root, may have been able to.
//!
//! That somebody has named what is to be used makes no difference: a name says which
//! file is meant, and not that others may change what is in it.

use crate::ImageError;
use crate::group::is_private;
use rustix::io::Errno;
use rustix::process::geteuid;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, FileType, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// The bit of a mode that lets the group write.
const WRITABLE_BY_GROUP: u32 = 0o020;

/// The bit of a mode that lets all others write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// In a folder with this bit only its owner renames or removes a file.
const STICKY: u32 = 0o1000;

/// The most symlinks on one way, as the kernel has it.
const MOST_LINKS: usize = 40;

/// The folder `path` with all links resolved, if nobody but this user and root can
/// put anything else there: all names and folders from the root to it are looked at,
/// also those on the way of a link. What is used must be what is returned: by the
/// name that was given, others may reach something else at the next moment.
///
/// # Errors
/// [`ImageError::Untrusted`], or [`ImageError::Io`] if it is not there.
pub fn trusted_folder(path: &Path) -> Result<PathBuf, ImageError> {
    walk_to_folder(path, Missing::Refuse)
}

/// Makes a folder of the cache, and those above it, for its owner alone; one that is
/// there must be trusted. Gives it with all links resolved, as [`trusted_folder`] does.
///
/// # Errors
/// [`ImageError::Untrusted`], or [`ImageError::Io`] if it cannot be made.
pub fn make_folder(path: &Path) -> Result<PathBuf, ImageError> {
    walk_to_folder(path, Missing::Make)
}

/// The program `path` with all links resolved, if nobody but this user, root and
/// `owner` could have written it or put it there: it, and all on the way to it, are
/// looked at.
///
/// # Errors
/// [`ImageError::Untrusted`], or [`ImageError::Io`] if it is not there.
pub(crate) fn trusted_program(path: &Path, owner: Option<u32>) -> Result<PathBuf, ImageError> {
    let (real, kind) = walk(path, Missing::Refuse, owner)?;
    if kind.is_file() { Ok(real) } else { Err(untrusted(&real, "it is no file".to_owned())) }
}

/// What becomes of a folder that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Refuse,
    Make,
}

fn walk_to_folder(path: &Path, missing: Missing) -> Result<PathBuf, ImageError> {
    let (real, kind) = walk(path, missing, None)?;
    if kind.is_dir() { Ok(real) } else { Err(no_folder(real)) }
}

/// Goes from the root to `path`, a name at a time, as the kernel does, and looks at each
/// before it goes on from there: so nobody else can change a name that was looked at.
fn walk(path: &Path, missing: Missing, owner: Option<u32>) -> Result<(PathBuf, FileType), ImageError> {
    let absolute = std::path::absolute(path).map_err(ImageError::io("find", path))?;
    let mut real = PathBuf::from("/");
    let root = fs::symlink_metadata(&real).map_err(ImageError::io("examine", &real))?;
    check(&real, &root, owner)?;
    let mut kind = root.file_type();
    // The names that are still to come, the next one last.
    let mut names = names_of(&absolute);
    let mut links = 0;
    while let Some(name) = names.pop() {
        if !kind.is_dir() {
            return Err(no_folder(real));
        }
        if name == ".." {
            real.pop();
            continue;
        }
        let next = real.join(name);
        let found = examine(&next, missing)?;
        check(&next, &found, owner)?;
        if !found.is_symlink() {
            (real, kind) = (next, found.file_type());
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(ImageError::io("find", path)(Errno::LOOP.into()));
        }
        let target = fs::read_link(&next).map_err(ImageError::io("read", &next))?;
        if target.is_absolute() {
            real = PathBuf::from("/");
        }
        // BOUND: each of at most `MOST_LINKS` links has a path's length.
        names.extend(names_of(&target));
    }
    Ok((real, kind))
}

/// What is at `path`, once it is there.
fn examine(path: &Path, missing: Missing) -> Result<Metadata, ImageError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::Make => {}
        found => return found.map_err(ImageError::io("examine", path)),
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Another process may have made it.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(ImageError::io("make", path)(error))
        }
        _ => fs::symlink_metadata(path).map_err(ImageError::io("examine", path)),
    }
}

fn no_folder(path: PathBuf) -> ImageError {
    ImageError::io("use as a folder", path)(io::ErrorKind::NotADirectory.into())
}

/// The names of a path, the last one first.
fn names_of(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

/// Whether nobody but this user, root and `also` can change what lies at `path`.
fn check(path: &Path, metadata: &Metadata, also: Option<u32>) -> Result<(), ImageError> {
    check_owner(path, metadata, also)?;
    let is_sticky = metadata.is_dir() && metadata.mode() & STICKY != 0;
    // A link cannot be written to, and its mode says nothing.
    if is_sticky || metadata.is_symlink() {
        return Ok(());
    }
    check_mode(path, metadata)
}

/// Opens a file of a trusted folder for reading, if nobody but this user and root
/// could have written it. A link is refused: what it leads to lies in a folder that
/// nobody has looked at.
pub(crate) fn open_file(path: &Path) -> Result<File, OpenError> {
    // Without waiting for the other end of a pipe.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(untrusted(path, "it is no file".to_owned()).into());
    }
    check_owner(path, &metadata, None)?;
    check_mode(path, &metadata)?;
    Ok(file)
}

/// Why a file was not opened.
pub(crate) enum OpenError {
    /// The operating system refused.
    System(io::Error),
    /// It is not trusted.
    Untrusted(ImageError),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<ImageError> for OpenError {
    fn from(error: ImageError) -> Self {
        Self::Untrusted(error)
    }
}

fn check_owner(path: &Path, metadata: &Metadata, also: Option<u32>) -> Result<(), ImageError> {
    let own = geteuid().as_raw();
    match metadata.uid() {
        0 => Ok(()),
        owner if owner == own || Some(owner) == also => Ok(()),
        owner => Err(untrusted(path, format!("it belongs to user {owner}, and not to user {own} or root"))),
    }
}

fn check_mode(path: &Path, metadata: &Metadata) -> Result<(), ImageError> {
    if metadata.mode() & WRITABLE_BY_ALL != 0 {
        return Err(untrusted(path, "every user may write to it".to_owned()));
    }
    if metadata.mode() & WRITABLE_BY_GROUP == 0 {
        return Ok(());
    }
    // With a list, these bits are the most that anybody on it may, and not the group's.
    if has_access_list(path) {
        return Err(untrusted(path, "an access control list lets others write to it".to_owned()));
    }
    if !is_private(metadata.gid()) {
        let reason = "its group may write to it, and others may be in that group";
        return Err(untrusted(path, reason.to_owned()));
    }
    Ok(())
}

/// Whether the rights to a file or folder, which is no link, are more than its mode says.
fn has_access_list(path: &Path) -> bool {
    let length = rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut [0; 0]);
    // There is none, or the file system knows none.
    !matches!(length, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

fn untrusted(path: &Path, reason: String) -> ImageError {
    ImageError::Untrusted { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{XattrFlags, setxattr};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn change(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("changed");
    }

    fn reason(result: Result<PathBuf, ImageError>) -> String {
        match result {
            Err(ImageError::Untrusted { path, reason }) => format!("{}: {reason}", path.display()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_way_leads_where_the_kernel_goes() {
        let place = tempfile::tempdir().expect("a folder");
        let place = fs::canonicalize(place.path()).expect("there");
        let (one, two) = (place.join("one"), place.join("two"));
        [&one, &two].into_iter().for_each(|folder| fs::create_dir(folder).expect("made"));
        fs::create_dir(two.join("inner")).expect("made");
        symlink("../two/inner", one.join("relative")).expect("a link");
        symlink(&two, place.join("absolute")).expect("a link");
        symlink("/", place.join("root")).expect("a link");
        fs::write(two.join("file"), "").expect("written");
        for way in ["one/relative", "one/relative/../inner", "absolute/inner/", "./one/../absolute/./inner"] {
            let path = place.join(way);
            let real = trusted_folder(&path).expect(way);
            assert_eq!(real, fs::canonicalize(&path).expect(way));
            assert_eq!(real, two.join("inner"));
        }
        assert_eq!(trusted_folder(&place.join("root")).expect("the root"), Path::new("/"));
        // From the working directory, which the tests of a crate have in common.
        let here = fs::canonicalize(".").expect("there");
        assert_eq!(trusted_folder(Path::new("src/..")).expect("there"), here);
        assert_eq!(trusted_program(&place.join("absolute/file"), None).expect("there"), two.join("file"));
        assert!(reason(trusted_program(&two, None)).contains("it is no file"));
        symlink("loop", place.join("loop")).expect("a link");
        for way in
            ["two/file/..", "two/file/../inner", "two/file/x", "two/file", "nothing", "nothing/..", "loop/x"]
        {
            let error = trusted_folder(&place.join(way)).expect_err(way);
            assert!(matches!(error, ImageError::Io { .. }), "{way}: {error}");
        }
    }

    #[test]
    fn all_on_the_way_is_looked_at() {
        let place = tempfile::tempdir().expect("a folder");
        let place = fs::canonicalize(place.path()).expect("there");
        let (open, inner) = (place.join("open"), place.join("safe/inner"));
        fs::create_dir_all(&inner).expect("made");
        fs::create_dir(&open).expect("made");
        symlink(&inner, open.join("link")).expect("a link");
        symlink(open.join("link"), place.join("safe/way")).expect("a link");
        let way = place.join("safe/way");
        assert_eq!(trusted_folder(&way).expect("trusted"), inner);
        // Whoever may turn the second link says where the first one leads.
        change(&open, 0o777);
        assert_eq!(reason(trusted_folder(&way)), format!("{}: every user may write to it", open.display()));
        assert!(reason(make_folder(&way.join("new"))).contains("every user"));
        assert!(!inner.join("new").exists(), "nothing is made by a way that is not trusted");
        // Where nobody else turns it, it is the link's owner who says that.
        change(&open, 0o1777);
        assert_eq!(trusted_folder(&way).expect("as in /tmp"), inner);
        if std::os::unix::fs::lchown(open.join("link"), Some(4242), None).is_ok() {
            let expected = format!("{}/link: it belongs to user 4242", open.display());
            assert!(reason(trusted_folder(&way)).starts_with(&expected));
        }
    }

    #[test]
    fn a_folder_that_is_made_is_where_the_links_lead() {
        let place = tempfile::tempdir().expect("a folder");
        let place = fs::canonicalize(place.path()).expect("there");
        fs::create_dir(place.join("disk")).expect("made");
        symlink("disk", place.join("cache")).expect("a link");
        let made = make_folder(&place.join("cache/a/b")).expect("made");
        assert_eq!(made, place.join("disk/a/b"));
        for folder in [&made, made.parent().expect("above")] {
            assert_eq!(fs::metadata(folder).expect("there").mode() & 0o777, 0o700);
        }
        assert_eq!(make_folder(&place.join("cache/a/b")).expect("it is there"), made);
    }

    #[test]
    fn a_private_group_may_write_and_no_access_list() {
        let place = tempfile::tempdir().expect("a folder");
        change(place.path(), 0o770);
        let own = fs::metadata(place.path()).expect("there").gid();
        assert_eq!(trusted_folder(place.path()).is_ok(), is_private(own));
        // A group that nobody knows.
        if chown(place.path(), None, Some(4242)).is_ok() {
            assert!(reason(trusted_folder(place.path())).contains("its group may write"));
        }
        // Version 2, then tag, rights and number of each: the owner, user 4242, the group,
        // the most that these may (which the mode shows as the group's), all others.
        let entries: [(u16, u16, u32); 5] =
            [(1, 7, u32::MAX), (2, 7, 4242), (4, 0, u32::MAX), (16, 7, u32::MAX), (32, 0, u32::MAX)];
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, number) in entries {
            list.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
            list.extend(number.to_le_bytes());
        }
        match setxattr(place.path(), "system.posix_acl_access", &list, XattrFlags::empty()) {
            // The file system of temporary files knows none.
            Err(Errno::OPNOTSUPP) => return,
            set => set.expect("a list"),
        }
        assert_eq!(fs::metadata(place.path()).expect("there").mode() & 0o777, 0o770);
        assert!(reason(trusted_folder(place.path())).contains("an access control list"));
    }
}
