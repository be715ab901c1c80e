use super::*;
use std::io::Write;

/// A tar whose entries are written as given, with names that a well-behaved
/// writer would refuse: name, kind, link target, contents, mode.
fn tar_of(entries: &[(&str, tar::EntryType, &str, &str, u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, link, contents, mode) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_size(contents.len() as u64);
        header.set_cksum();
        builder.append(&header, contents.as_bytes()).expect("memory");
    }
    builder.into_inner().expect("memory")
}

fn file<'a>(name: &'a str, contents: &'a str) -> (&'a str, tar::EntryType, &'a str, &'a str, u32) {
    (name, tar::EntryType::Regular, "", contents, 0o644)
}

fn link<'a>(name: &'a str, to: &'a str) -> (&'a str, tar::EntryType, &'a str, &'a str, u32) {
    (name, tar::EntryType::Symlink, to, "", 0o777)
}

/// Unpacks the bytes under a name into `out` of a new folder, beside which is a
/// file `outside` that must stay as it is.
fn unpack_bytes(name: &str, bytes: &[u8], top: TopFolder) -> (tempfile::TempDir, Result<(), UnpackError>) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("outside"), "safe").expect("written");
    let archive = folder.path().join("archive");
    fs::write(&archive, bytes).expect("written");
    let result = unpack(&[(archive, name.to_owned())], &folder.path().join("out"), top, &|_| {});
    assert_eq!(fs::read_to_string(folder.path().join("outside")).expect("there"), "safe");
    (folder, result)
}

fn read(folder: &tempfile::TempDir, path: &str) -> String {
    fs::read_to_string(folder.path().join("out").join(path)).expect(path)
}

#[test]
fn every_compression_is_read() {
    let tar = tar_of(&[file("top/a", "A"), file("top/b/c", "C")]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).expect("memory");
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(&tar).expect("memory");
    let zst = ruzstd::encoding::compress_to_vec(tar.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
    let archives = [
        ("x.tar.gz", gz.finish().expect("memory")),
        ("x.tar.bz2", bz2.finish().expect("memory")),
        ("x.tar.zst", zst),
        ("x.tar", tar),
    ];
    for (name, bytes) in archives {
        let (folder, result) = unpack_bytes(name, &bytes, TopFolder::Strip);
        result.expect(name);
        assert_eq!((read(&folder, "a"), read(&folder, "b/c")), ("A".to_owned(), "C".to_owned()), "{name}");
    }
}

#[test]
fn a_top_folder_is_stripped_only_if_it_is_alone() {
    let tar = tar_of(&[file("top/a", "A"), file("b", "B")]);
    let (folder, result) = unpack_bytes("x.tar", &tar, TopFolder::Strip);
    result.expect("unpacked");
    assert_eq!((read(&folder, "top/a"), read(&folder, "b")), ("A".to_owned(), "B".to_owned()));
    let (folder, result) = unpack_bytes("x.tar", &tar_of(&[file("top/a", "A")]), TopFolder::Keep);
    result.expect("unpacked");
    assert_eq!(read(&folder, "top/a"), "A");
}

#[cfg(unix)]
#[test]
fn links_and_permissions_are_kept_without_set_user_id() {
    use std::os::unix::fs::PermissionsExt;
    let mut program = file("bin/run", "#!");
    program.4 = 0o4755;
    let tar = tar_of(&[program, link("bin/go", "run"), link("abs", "/nowhere/else")]);
    let (folder, result) = unpack_bytes("x.tar", &tar, TopFolder::Keep);
    result.expect("unpacked");
    assert_eq!(read(&folder, "bin/go"), "#!");
    let mode = fs::metadata(folder.path().join("out/bin/run")).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    let target = fs::read_link(folder.path().join("out/abs")).expect("a link");
    assert_eq!(
        target,
        Path::new("/nowhere/else"),
        "a link may point anywhere, as long as nothing is written"
    );
}

#[test]
fn a_tar_that_leaves_its_folder_is_refused_whole() {
    for entries in [
        vec![file("good", ""), file("../outside", "bad")],
        vec![file("a/../../outside", "bad")],
        vec![file("/etc/bellglass-test", "bad")],
        vec![link("up", "../.."), file("up/outside", "bad")],
        vec![link("up", ".."), link("up/over", "x")],
        vec![link("etc", "/etc"), file("etc/bellglass-test", "bad")],
        vec![("hard", tar::EntryType::Link, "../../outside", "", 0o644)],
        vec![("hard", tar::EntryType::Link, "/etc/hostname", "", 0o644)],
    ] {
        let (folder, result) = unpack_bytes("x.tar", &tar_of(&entries), TopFolder::Keep);
        let error = result.expect_err(entries.last().map_or("", |entry| entry.0));
        assert!(!folder.path().join("out").exists(), "{error}");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 2, "{error}");
    }
    assert!(!Path::new("/etc/bellglass-test").exists());
    let (_folder, result) = unpack_bytes("x.tar", &tar_of(&[file("../x", "")]), TopFolder::Keep);
    assert!(matches!(result, Err(UnpackError::Escapes { entry, .. }) if entry == "../x"));
    let (_folder, result) =
        unpack_bytes("x.tar", &tar_of(&[link("up", "../.."), file("up/outside", "bad")]), TopFolder::Keep);
    assert!(matches!(result, Err(UnpackError::Escapes { .. })), "{result:?}");
}

#[test]
fn a_link_is_replaced_and_not_written_through() {
    let tar = tar_of(&[link("over", "../../outside"), file("over", "bad")]);
    let (folder, result) = unpack_bytes("x.tar", &tar, TopFolder::Keep);
    if result.is_ok() {
        assert!(!folder.path().join("out/over").is_symlink());
    }
}

#[test]
fn devices_are_refused() {
    for kind in [tar::EntryType::Char, tar::EntryType::Block, tar::EntryType::Fifo] {
        let (_folder, result) =
            unpack_bytes("x.tar", &tar_of(&[("d", kind, "", "", 0o644)]), TopFolder::Keep);
        assert!(matches!(result, Err(UnpackError::StrangeEntry { .. })));
    }
}

fn deb_of(member: &str, data: &[u8]) -> Vec<u8> {
    let mut builder = ar::Builder::new(Vec::new());
    for (name, bytes) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", b""), (member, data)] {
        let header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        builder.append(&header, bytes).expect("memory");
    }
    builder.into_inner().expect("memory")
}

#[test]
fn a_debian_package_gives_its_files() {
    let tar = tar_of(&[("./", tar::EntryType::Directory, "", "", 0o755), file("./usr/bin/a", "A")]);
    let (folder, result) = unpack_bytes("x.deb", &deb_of("data.tar", &tar), TopFolder::Keep);
    result.expect("unpacked");
    assert_eq!(read(&folder, "usr/bin/a"), "A");
    let hostile = deb_of("data.tar", &tar_of(&[file("../x", "bad")]));
    assert!(matches!(unpack_bytes("x.deb", &hostile, TopFolder::Keep).1, Err(UnpackError::Escapes { .. })));
    let strange = deb_of("data.tar.rot13", &tar);
    assert!(matches!(
        unpack_bytes("x.deb", &strange, TopFolder::Keep).1,
        Err(UnpackError::UnknownKind { .. })
    ));
    let empty = deb_of("other", b"");
    assert!(matches!(unpack_bytes("x.deb", &empty, TopFolder::Keep).1, Err(UnpackError::Io { .. })));
}

fn zip_of(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, contents) in entries {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).expect("memory");
        writer.write_all(contents.as_bytes()).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

/// Puts another name of the same length into a finished zip.
fn rename(mut zip: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    for start in 0..=zip.len() - from.len() {
        if zip[start..].starts_with(from.as_bytes()) {
            zip[start..start + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    zip
}

#[test]
fn a_wheel_gives_its_files_and_a_hostile_one_nothing() {
    let zip = zip_of(&[("pkg/a.py", "A"), ("dist/b", "B")]);
    let (folder, result) = unpack_bytes("x.whl", &zip, TopFolder::Strip);
    result.expect("unpacked");
    assert_eq!((read(&folder, "pkg/a.py"), read(&folder, "dist/b")), ("A".to_owned(), "B".to_owned()));
    for (from, to) in [("aa/outside", "../outside"), ("bb/etc/bellglass", "//etc//bellglass")] {
        let zip = rename(zip_of(&[("good", ""), (from, "bad")]), from, to);
        let (folder, result) = unpack_bytes("x.zip", &zip, TopFolder::Keep);
        assert!(matches!(result, Err(UnpackError::Escapes { .. })), "{to} {result:?}");
        assert!(!folder.path().join("out").exists());
    }
}

#[test]
fn a_zip_with_links_is_refused() {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    writer.add_symlink("up", "..", zip::write::SimpleFileOptions::default()).expect("memory");
    writer.start_file("up/outside", zip::write::SimpleFileOptions::default()).expect("memory");
    writer.write_all(b"bad").expect("memory");
    let zip = writer.finish().expect("memory").into_inner();
    let (_folder, result) = unpack_bytes("x.zip", &zip, TopFolder::Keep);
    assert!(matches!(result, Err(UnpackError::StrangeEntry { .. })), "{result:?}");
}

#[test]
fn damage_is_an_error_and_leaves_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("made");
    fs::write(out.join("old"), "old").expect("written");
    let archive = folder.path().join("archive");
    for name in
        ["x.tar", "x.tar.gz", "x.tgz", "x.tar.xz", "x.tar.bz2", "x.tar.zst", "x.zip", "x.deb", "x.rar"]
    {
        fs::write(&archive, b"neither fish nor fowl").expect("written");
        let result = unpack(&[(archive.clone(), name.to_owned())], &out, TopFolder::Keep, &|_| {});
        assert!(result.is_err(), "{name}");
        assert_eq!(fs::read_to_string(out.join("old")).expect("there"), "old");
    }
}

#[test]
fn later_archives_lie_over_earlier_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("one"), tar_of(&[file("a", "1"), file("b", "1")])).expect("written");
    fs::write(path("two"), tar_of(&[file("b", "2")])).expect("written");
    let archives = [(path("one"), "one.tar".to_owned()), (path("two"), "two.tar".to_owned())];
    unpack(&archives, &path("out"), TopFolder::Keep, &|_| {}).expect("unpacked");
    assert_eq!((read(&folder, "a"), read(&folder, "b")), ("1".to_owned(), "2".to_owned()));
}

#[test]
fn any_byte_of_an_archive_may_be_wrong_or_missing() {
    let tar = tar_of(&[file("top/a", "A"), link("top/l", "a"), file("top/b/c", "C")]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).expect("memory");
    let zst = ruzstd::encoding::compress_to_vec(tar.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
    let archives = [
        ("x.tar.gz", gz.finish().expect("memory")),
        ("x.tar.zst", zst),
        ("x.zip", zip_of(&[("a", "A"), ("b/c", "C")])),
        ("x.deb", deb_of("data.tar", &tar)),
    ];
    for (name, bytes) in archives {
        for at in 0..bytes.len() {
            // Long runs of zeros between the headers of a tar say nothing.
            if bytes[at] == 0 && at % 64 != 0 {
                continue;
            }
            let flipped = |mask: u8| {
                let mut flipped = bytes.clone();
                flipped[at] ^= mask;
                flipped
            };
            for damaged in [flipped(0x01), flipped(0x80), flipped(0xff), bytes[..at].to_vec()] {
                // Nothing beside what may be there: `unpack_bytes` looks at the
                // file outside, and this for new ones.
                let (folder, _) = unpack_bytes(name, &damaged, TopFolder::Keep);
                let count = fs::read_dir(folder.path()).expect("there").count();
                assert!(count <= 3, "{name}, byte {at}: {count} entries");
            }
        }
    }
}
