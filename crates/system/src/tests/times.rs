//! Times of files: before 1970 too, and to the nanosecond, in each kind of tree.

use super::archives::tar_of;
use crate::files::{
    ArchiveDirectory, Creation, Directory, Found, Handles, Held, HostDirectory, MemoryTree, Metadata,
    NewTimes, OpenOptions, Opened, Quota, Timestamp,
};
use crate::{Access, Errno, Meter, Mount, RealClock, System};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

const BEFORE: Timestamp = Timestamp::new(-1_000_000_000, 123_456_789);
const AFTER: Timestamp = Timestamp::new(8_000_000_000, 987_654_321);

const NEW: OpenOptions =
    OpenOptions { read: true, write: true, creation: Creation::New, truncate: false, permissions: 0o644 };

/// Sets times by each way that there is, and looks at what is told.
fn keeps_them(root: &dyn Directory) -> Result<(), Errno> {
    let Opened::File(file) = root.open(b"file", &NEW)? else { panic!("a file is a file") };
    root.create_directory(b"directory", 0o755)?;
    let Found::Directory(directory) = root.lookup(b"directory")? else { panic!("it is a directory") };
    for (accessed, modified) in [(BEFORE, AFTER), (AFTER, BEFORE), (Timestamp::EPOCH, BEFORE)] {
        let times = NewTimes { accessed: Some(accessed), modified: Some(modified) };
        let told = |metadata: Metadata| (metadata.accessed, metadata.modified);
        file.set_times(times)?;
        assert_eq!(told(file.metadata()?), (accessed, modified));
        directory.set_times(times)?;
        assert_eq!(told(directory.metadata()?), (accessed, modified));
        let swapped = NewTimes { accessed: Some(modified), modified: None };
        root.set_times_of(b"file", swapped)?;
        assert_eq!(told(root.metadata_of(b"file")?), (modified, modified));
    }
    Ok(())
}

#[test]
fn trees_that_are_written_to_keep_all_of_a_time() {
    let clock = || Arc::new(RealClock::new());
    let quota = || Arc::new(Quota::new(1 << 20, 100));
    keeps_them(MemoryTree::new(quota(), 5, clock()).root().as_ref()).expect("in memory");
    let place = tempfile::tempdir().expect("a directory");
    keeps_them(&HostDirectory::of_path(place.path(), Access::ReadWrite, 6)).expect("on the host");
    let file = std::fs::metadata(place.path().join("file")).expect("there");
    assert_eq!((file.mtime(), file.mtime_nsec()), (BEFORE.seconds(), BEFORE.nanoseconds().into()));
    // What the host has is what is seen through a layer, until it is changed there.
    let lower = Arc::new(HostDirectory::of_path(place.path(), Access::ReadOnly, 6));
    let upper = MemoryTree::over(lower, quota(), 7, clock()).expect("laid");
    assert_eq!(upper.root().metadata_of(b"file").expect("there").modified, BEFORE);
    for name in [b"file".as_slice(), b"directory"] {
        let gone =
            if name == b"file" { upper.root().unlink(name) } else { upper.root().remove_directory(name) };
        gone.expect("removed");
    }
    keeps_them(upper.root().as_ref()).expect("in a layer");
}

#[test]
fn applying_writes_all_of_a_time() {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::write(place.path().join("old"), "text").expect("written");
    let (mount, overlay) = Mount::directory(place.path(), "/work", Access::ReadWrite).overlay();
    let system = System::builder().mount(mount).build().expect("a system");
    let times = NewTimes { accessed: None, modified: Some(BEFORE) };
    overlay.root().set_times_of(b"old", times).expect("set");
    let Opened::File(file) = overlay.root().open(b"new", &NEW).expect("made") else { panic!("a file") };
    file.set_times(times).expect("set");
    overlay.changes().expect("told").apply().expect("written");
    for name in ["old", "new"] {
        let written = std::fs::metadata(place.path().join(name)).expect("there");
        assert_eq!((written.mtime(), written.mtime_nsec()), (-1_000_000_000, 123_456_789), "{name}");
    }
    drop(system);
}

/// The root of an archive.
fn shown(tar: &[u8]) -> ArchiveDirectory {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(tar).expect("written");
    let held = Held { handles: Handles::new(), meter: Arc::new(Meter::new(1 << 20)) };
    ArchiveDirectory::open(file, 5, held).expect("an archive")
}

#[test]
fn an_archive_tells_of_times_before_1970() {
    for (told, expected) in [
        ("-1.5", Timestamp::new(-2, 500_000_000)),
        ("-0.25", Timestamp::new(-1, 750_000_000)),
        ("-3", Timestamp::new(-3, 0)),
        ("1234567890.123456789999", Timestamp::new(1_234_567_890, 123_456_789)),
        ("12.", Timestamp::new(12, 0)),
        // What is no number leaves the time that the header tells.
        ("1.x", Timestamp::new(1_000_000_000, 0)),
        ("soon", Timestamp::new(1_000_000_000, 0)),
    ] {
        let pax = format!(" mtime={told}\n");
        let pax = format!("{}{pax}", pax.len() + if pax.len() < 9 { 1 } else { 2 });
        let tree = shown(&tar_of(&[(b'x', "pax", "", pax.as_bytes()), (b'0', "file", "", b"")]));
        assert_eq!(tree.metadata_of(b"file").expect("there").modified, expected, "{told}");
    }
    let mut header = tar::Header::new_gnu();
    header.set_path("file").expect("it fits");
    header.set_mtime(-7i64 as u64);
    header.set_size(0);
    header.set_cksum();
    let tree = shown(&[header.as_bytes().as_slice(), &[0; 1024]].concat());
    assert_eq!(tree.metadata_of(b"file").expect("there").modified, Timestamp::new(-7, 0));
}
