//! Archives: what is in them is shown, and what is wrong with them is said.

use super::{empty_blocks, fake::FakeGuest};
use crate::files::ArchiveError;
use crate::{Errno, Mount, System, SystemError, Waiter};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A tar with these entries: type, name, target, content.
pub(super) fn tar_of(entries: &[(u8, &str, &str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, target, content) in entries {
        bytes.extend(header(*kind, name.as_bytes(), target.as_bytes(), content.len() as u64));
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A header, without the checks that a writer would make.
fn header(kind: u8, name: &[u8], target: &[u8], size: u64) -> [u8; 512] {
    let mut header = tar::Header::new_gnu();
    let bytes = header.as_mut_bytes();
    bytes[..name.len()].copy_from_slice(name);
    bytes[157..157 + target.len()].copy_from_slice(target);
    bytes[156] = kind;
    header.set_mode(0o4755);
    header.set_mtime(1_000_000_000);
    header.set_size(size);
    header.set_cksum();
    *header.as_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

pub(super) fn zip_of(entries: &[(&str, &[u8], zip::CompressionMethod)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content, method) in entries {
        let options =
            zip::write::SimpleFileOptions::default().compression_method(*method).unix_permissions(0o755);
        if let Some(target) = name.strip_prefix("->") {
            let text = std::str::from_utf8(content).expect("UTF-8");
            writer.add_symlink(target, text, options).expect("added");
        } else if name.ends_with('/') {
            writer.add_directory(*name, options).expect("added");
        } else {
            writer.start_file(*name, options).expect("added");
            writer.write_all(content).expect("added");
        }
    }
    writer.finish().expect("finished").into_inner()
}

fn try_mount(bytes: &[u8]) -> Result<FakeGuest, SystemError> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    System::builder().mount(Mount::archive(file.path(), "/data")).build().map(FakeGuest::new)
}

fn refused(bytes: &[u8]) -> ArchiveError {
    match try_mount(bytes).err() {
        Some(SystemError::Archive { reason, .. }) => reason,
        Some(other) => panic!("{other}"),
        None => panic!("it was taken"),
    }
}

fn read(guest: &mut FakeGuest, path: &str) -> Result<Vec<u8>, Errno> {
    let fd = guest.open_to_read(path)?;
    let bytes = guest.read(fd, 100_000);
    guest.close(fd);
    bytes
}

fn is_shown(guest: &mut FakeGuest) {
    assert_eq!(guest.list("/data"), Ok(vec!["deep".into(), "link".into(), "one".into()]));
    assert_eq!(read(guest, "/data/one"), Ok(b"first".to_vec()));
    assert_eq!(read(guest, "/data/link"), Ok(b"first".to_vec()));
    assert_eq!(read(guest, "/data/deep/er/two"), Ok(vec![7; 70_000]));
    assert_eq!(guest.stat("/data/deep/er/two", true), Ok((70_000, 4, 1)));
    assert_eq!(guest.open("/data/one", 0), Err(Errno::ROFS));
    assert_eq!(guest.open("/data/new", 1), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_unlink_file", "/data/one"), Err(Errno::ROFS));
    // From the middle, and beyond the end.
    let fd = guest.open_to_read("/data/deep/er/two").expect("opened");
    guest.wasi("fd_seek", &[fd, 69_999, 0, 64]).expect("sought");
    assert_eq!(guest.read(fd, 9), Ok(vec![7]));
    assert_eq!(guest.read(fd, 9), Ok(vec![]));
}

#[test]
fn each_kind_of_archive_is_a_directory() {
    let tar = tar_of(&[
        (b'5', "deep/", "", b""),
        (b'0', "./one", "", b"first"),
        (b'0', "deep/er/two", "", &[7; 70_000]),
        (b'2', "link", "one", b""),
    ]);
    for bytes in [tar.clone(), gzip(&tar), zstd(&tar)] {
        is_shown(&mut try_mount(&bytes).expect("mounted"));
    }
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let zip = zip_of(&[
            ("one", b"first", method),
            ("deep/er/two", &[7; 70_000], method),
            ("->link", b"one", method),
        ]);
        is_shown(&mut try_mount(&zip).expect("mounted"));
    }
}

#[test]
fn an_archive_may_lie_beneath_an_overlay() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&zip_of(&[("one", b"first", zip::CompressionMethod::Deflated)])).expect("written");
    let before = std::fs::read(file.path()).expect("read");
    let (mount, overlay) = Mount::archive(file.path(), "/data").overlay();
    let mut guest = FakeGuest::new(System::builder().mount(mount).build().expect("a system"));
    let fd = guest.open("/data/one", 0).expect("opened");
    guest.write(fd, b"F").expect("written");
    assert_eq!(read(&mut guest, "/data/one"), Ok(b"First".to_vec()));
    let changes = overlay.changes().expect("told");
    assert_eq!(changes.len(), 1);
    changes.apply().expect_err("it cannot be written");
    assert_eq!(std::fs::read(file.path()).expect("read"), before);
}

#[test]
fn long_names_and_more_are_understood() {
    let long = "n".repeat(150) + "/" + &"m".repeat(150);
    let pax = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        let length =
            (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).expect("a length");
        format!("{length}{rest}").into_bytes()
    };
    let named = [long.as_bytes(), b"\0"].concat();
    let tar = tar_of(&[
        (b'L', "././@LongLink", "", &named),
        (b'0', "cut", "", b"gnu"),
        (b'x', "pax", "", &[pax("path", "renamed"), pax("mtime", "12.5")].concat()),
        (b'0', "short", "", b"pax"),
        (b'1', "hard", "renamed", b""),
        (b'6', "fifo", "", b""),
        (b'3', "device", "", b""),
        (b'0', "twice", "", b"before"),
        (b'0', "twice", "", b"after"),
        (b'0', "/absolute", "", b"within"),
    ]);
    let mut guest = try_mount(&tar).expect("mounted");
    assert_eq!(read(&mut guest, &format!("/data/{long}")), Ok(b"gnu".to_vec()));
    assert_eq!(read(&mut guest, "/data/renamed"), Ok(b"pax".to_vec()));
    assert_eq!(guest.get_u64(64), guest.get_u64(64));
    assert_eq!(guest.stat("/data/hard", true), Ok((3, 4, 2)));
    assert_eq!(guest.stat("/data/renamed", true), Ok((3, 4, 2)));
    assert_eq!(guest.get_u64(64 + 48), 12_500_000_000);
    assert_eq!(read(&mut guest, "/data/twice"), Ok(b"after".to_vec()));
    assert_eq!(read(&mut guest, "/data/absolute"), Ok(b"within".to_vec()));
    assert_eq!(guest.stat("/data/fifo", true), Err(Errno::NOENT));
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../out", "a/../../out", "a/.."] {
        let tar = tar_of(&[(b'0', name, "", b"x")]);
        assert!(matches!(refused(&tar), ArchiveError::Outside(_)), "{name}");
        let zip = zip_of(&[(name, b"x", zip::CompressionMethod::Stored)]);
        assert!(matches!(refused(&zip), ArchiveError::Outside(_)), "{name}");
    }
    let tar = tar_of(&[(b'0', "file", "", b"x"), (b'1', "link", "../file", b"")]);
    assert!(matches!(refused(&tar), ArchiveError::Conflict(_)));
    // A symlink may point anywhere: it leads where it does in the guest's tree.
    let tar = tar_of(&[(b'2', "up", "../../../../etc/passwd", b""), (b'2', "out", "/etc/shadow", b"")]);
    let mut guest = try_mount(&tar).expect("mounted");
    assert!(
        read(&mut guest, "/data/up")
            .expect("the guest's own")
            .starts_with(b"root:x:0:0:root:/root:/bin/false")
    );
    assert_eq!(read(&mut guest, "/data/out"), Err(Errno::NOENT));
    // But nothing is put through it.
    let tar = tar_of(&[(b'2', "dir", "/tmp", b""), (b'0', "dir/file", "", b"x")]);
    assert!(matches!(refused(&tar), ArchiveError::Conflict(_)));
    let tar = tar_of(&[(b'0', "a", "", b"x"), (b'0', "a/b", "", b"x")]);
    assert!(matches!(refused(&tar), ArchiveError::Conflict(_)));
    let tar = tar_of(&[(b'0', "a/b", "", b"x"), (b'0', "a", "", b"x")]);
    assert!(matches!(refused(&tar), ArchiveError::Conflict(_)));
}

#[test]
fn what_is_damaged_is_refused() {
    let good = tar_of(&[(b'0', "one", "", &[1; 5000])]);
    assert!(matches!(refused(b""), ArchiveError::Unknown));
    assert!(matches!(refused(b"#!/bin/sh\n"), ArchiveError::Unknown));
    assert!(matches!(refused(&good[..3000]), ArchiveError::Damaged(_)));
    let mut other = good.clone();
    other[0] ^= 1;
    assert!(matches!(refused(&other), ArchiveError::Damaged(_)));
    let packed = gzip(&good);
    assert!(matches!(refused(&packed[..packed.len() / 2]), ArchiveError::Damaged(_)));
    let packed = zstd(&good);
    assert!(matches!(refused(&packed[..packed.len() / 2]), ArchiveError::Damaged(_)));
    // A header for the next entry that says it is huge, and one that is.
    let huge = [header(b'L', b"x", b"", 7 << 30).as_slice(), &[0; 2048]].concat();
    assert!(matches!(refused(&huge), ArchiveError::TooMuch { .. } | ArchiveError::Damaged(_)));
    let deep = vec!["d"; 600].join("/");
    let tar = tar_of(&[(b'L', "././@LongLink", "", deep.as_bytes()), (b'0', "x", "", b"")]);
    assert!(matches!(refused(&tar), ArchiveError::TooMuch { .. }));
    let tar = tar_of(&[(b'2', "empty", "", b"")]);
    assert!(matches!(refused(&tar), ArchiveError::Damaged(_)));
    let mut zip = zip_of(&[("one", &[1; 5000], zip::CompressionMethod::Deflated)]);
    assert!(matches!(refused(&zip[..zip.len() - 30]), ArchiveError::Damaged(_)));
    // A damaged content is found when it is read.
    zip[35] ^= 0x55;
    let mut guest = try_mount(&zip).expect("mounted");
    assert_eq!(read(&mut guest, "/data/one"), Err(Errno::IO));
}

#[test]
fn an_archive_that_unpacks_without_end_is_stopped() {
    // 64 MiB of zeros, which say they are 3 bytes long.
    let content = vec![0; 64 << 20];
    let mut zip = zip_of(&[("bomb", &content, zip::CompressionMethod::Deflated)]);
    let small = (3u32).to_le_bytes();
    // The size stands in the local header and in the directory at the end.
    zip[22..26].copy_from_slice(&small);
    let directory = zip.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").expect("there");
    zip[directory + 24..directory + 28].copy_from_slice(&small);
    let mut guest = try_mount(&zip).expect("mounted");
    assert_eq!(read(&mut guest, "/data/bomb"), Err(Errno::IO), "three bytes are not what was packed");
    // And a size beyond what an entry may have is not begun.
    let huge = (3u32 << 30).to_le_bytes();
    zip[22..26].copy_from_slice(&huge);
    zip[directory + 24..directory + 28].copy_from_slice(&huge);
    let mut guest = try_mount(&zip).expect("mounted");
    assert_eq!(guest.open_to_read("/data/bomb"), Err(Errno::FBIG));
}

#[test]
fn an_archive_that_takes_long_is_given_up_at_the_deadline() {
    // 2 GiB when it is unpacked, of pieces that were packed once.
    let piece = gzip(&vec![0; 64 << 20]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.tar.gz");
    std::fs::write(&path, [gzip(&tar_of(&[(b'0', "one", "", b"1")])), piece.repeat(32)].concat())
        .expect("written");
    let begun = Instant::now();
    let waiter = Waiter::new(Some(begun + Duration::from_millis(20))).expect("a waiter");
    let system = System::builder().mount(Mount::archive(&path, "/data")).set_up_for(waiter);
    let error = system.build().err().expect("it takes longer");
    assert!(matches!(error, SystemError::Archive { reason: ArchiveError::Late, .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// What has to be gone through, and gives nothing, is input all the same: the run is
/// asked there, too.
#[test]
fn what_unpacks_to_nothing_for_long_is_given_up_at_the_deadline() {
    let member = gzip(b"");
    let blocks = [&member[..10], &empty_blocks::deflate(64 << 20)].concat();
    let none: [(&str, &[u8], u64); 3] = [
        ("blocks", &blocks, 0),
        ("members", &member.repeat(1 << 20), 0),
        // A frame, and empty blocks as far as the file goes.
        ("frame", b"\x28\xb5\x2f\xfd\0\0", 4 << 30),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes, length) in none {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        if length > 0 {
            let file = std::fs::File::options().write(true).open(&path).expect("there");
            file.set_len(length).expect("grown");
        }
        let begun = Instant::now();
        let waiter = Waiter::new(Some(begun + Duration::from_millis(20))).expect("a waiter");
        let system = System::builder().mount(Mount::archive(&path, "/data")).set_up_for(waiter);
        let error = system.build().err().expect("it takes longer");
        assert!(matches!(error, SystemError::Archive { reason: ArchiveError::Late, .. }), "{name}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{name}: {:?}", begun.elapsed());
    }
}

/// The mode of a symlink, and that of a file.
const MODES: [u32; 2] = [0o120_777, 0o100_644];

#[test]
fn what_is_packed_to_far_more_than_it_is_is_not_unpacked() {
    let packed = empty_blocks::deflate_of_x(1 << 20);
    let entries = |mode, count: u32| (0..count).map(|name| (name.to_string(), mode)).collect::<Vec<_>>();
    // Many names of the same content, each of which would be unpacked.
    let zip = empty_blocks::zip(&packed, 1, &entries(MODES[0], 100));
    let begun = Instant::now();
    assert!(matches!(refused(&zip), ArchiveError::Damaged(_)));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let zip = empty_blocks::zip(&packed, 1, &entries(MODES[1], 1));
    let mut guest = try_mount(&zip).expect("mounted");
    assert_eq!(guest.open_to_read("/data/0"), Err(Errno::IO));
    // A little more is nothing unusual, but not in all together.
    let packed = empty_blocks::deflate_of_x(4 << 10);
    let some = empty_blocks::zip(&packed, 1, &[entries(MODES[1], 20), entries(MODES[0], 10)].concat());
    let mut guest = try_mount(&some).expect("mounted");
    assert_eq!(read(&mut guest, "/data/15"), Ok(b"x".to_vec()));
    assert_eq!(guest.read_link("/data/5"), Ok("x".to_owned()));
    let all = empty_blocks::zip(&packed, 1, &entries(MODES[0], 20_000));
    assert!(matches!(refused(&all), ArchiveError::TooMuch { what: "bytes of symlinks", .. }));
}

/// What adds nothing to the index is work all the same.
#[test]
fn entries_that_are_there_already_are_counted() {
    let same = tar_of(&[(b'5', "a/b/c/d/", "", b"")]);
    let unknown = tar_of(&[(b'3', "device", "", b"")]);
    for header in [&same[..512], &unknown[..512]] {
        let piece = gzip(&header.repeat(1 << 13));
        let tar = [gzip(header), piece.repeat(1 << 6)].concat();
        assert!(matches!(refused(&tar), ArchiveError::TooMuch { limit: 524_288, what: "entries" }));
    }
    let long = tar_of(&[(b'L', "././@LongLink", "", b"name")]);
    let tar = [&long[..1024].repeat(100)[..], &same].concat();
    assert!(matches!(refused(&tar), ArchiveError::TooMuch { what: "headers of one entry", .. }));
}

#[test]
fn a_zip_that_says_it_holds_too_much_is_not_begun() {
    // Its directory is nothing but zeros, which would be found to be damaged.
    let (count, at) = (600_000u64, 30u64);
    let size = count * 46;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let end = at + size;
    let (count, size) = (count.to_le_bytes(), size.to_le_bytes());
    let large = [
        b"PK\x06\x06".as_slice(),
        &44u64.to_le_bytes(),
        &[45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &count,
        &count,
        &size,
        &at.to_le_bytes(),
        b"PK\x06\x07\0\0\0\0",
        &end.to_le_bytes(),
        &1u32.to_le_bytes(),
        b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0",
    ];
    file.as_file().write_all_at(b"PK\x03\x04", 0).expect("written");
    file.as_file().write_all_at(&large.concat(), end).expect("written");
    let refused = System::builder().mount(Mount::archive(file.path(), "/data")).build().err();
    match refused {
        Some(SystemError::Archive { reason: ArchiveError::TooMuch { limit: 524_288, what }, .. }) => {
            assert_eq!(what, "entries");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_directory_is_no_archive() {
    let directory = tempfile::tempdir().expect("a directory");
    let mount = |path: &Path| System::builder().mount(Mount::archive(path, "/data")).build().err();
    assert!(matches!(mount(directory.path()), Some(SystemError::Host { .. })));
    assert!(matches!(mount(&directory.path().join("missing.zip")), Some(SystemError::Host { .. })));
}
