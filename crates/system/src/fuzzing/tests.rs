//! The inputs that a fuzzer would be long in finding: each is one of its seeds, too.
//! `BLESS=1` writes them.

use super::calls::{TEXTS, code, texts};
use super::{archive, calls, changes};
use crate::rows;
use crate::tests::empty_blocks;
use std::io::Write;
use std::path::{Path, PathBuf};

/// How a system is set up for [`calls`], a bit each.
const WRITABLE: u8 = 1;
const OVERLAY: u8 = 2;
const PATIENT: u8 = 8;
const LARGE_MEMORY: u8 = 16;

const RESULT: u64 = 64;

/// The first descriptor that a guest opens.
const OPENED: u64 = 4;

struct Script(Vec<u8>);

impl Script {
    fn new(mode: u8) -> Self {
        Self(vec![mode])
    }

    fn call(mut self, name: &str, arguments: &[u64]) -> Self {
        let row = rows().find(|row| row.name() == name).expect("a row of this name");
        self.0.extend(code(row));
        for argument in arguments {
            self.0.push(0xff);
            self.0.extend(argument.to_be_bytes());
        }
        self
    }

    fn open(self, path: &str, oflags: u64, rights: u64) -> Self {
        let (address, length) = text(path);
        self.call("path_open", &[3, 1, address, length, oflags, rights, rights, 0, RESULT])
    }
}

/// Where a text of [`texts`] lies, and its length.
fn text(wanted: &str) -> (u64, u64) {
    let index = texts().iter().position(|text| text.strip_suffix(b"\0") == Some(wanted.as_bytes()));
    (TEXTS + index.expect("one of the texts") as u64 * super::calls::APART, wanted.len() as u64)
}

/// Where the pair of an address and a length lies that stands for a mebibyte.
fn mebibyte() -> u64 {
    let index = texts().iter().position(|text| *text == [0, 0, 1, 0, 0, 0, 16, 0]);
    TEXTS + index.expect("one of the texts") as u64 * super::calls::APART
}

#[track_caller]
fn is_seed(target: &str, name: &str, input: &[u8]) {
    let path = seeds(target).join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(seeds(target)).expect("a folder");
        std::fs::write(&path, input).expect("a seed");
    }
    let is_it = std::fs::read(&path).is_ok_and(|seed| seed == input);
    assert!(is_it, "{} is another: run this test with BLESS=1", path.display());
}

fn seeds(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

const READING: u64 = !(1 << 6);

#[test]
fn each_row_has_a_code_of_its_own() {
    let mut codes = std::collections::HashMap::new();
    for row in rows() {
        let other = codes.insert(code(row), row.signature);
        assert_eq!(other, None, "the same as that of {}", row.signature);
    }
}

#[test]
fn a_large_file_that_is_cut_short_above() {
    let script = Script::new(OVERLAY).open("/host/big", 0, u64::MAX);
    let script = script.call("fd_filestat_set_size", &[OPENED, 1]);
    calls(&script.0);
    is_seed("calls", "long_cut", &script.0);
}

#[test]
fn a_large_file_that_is_written_to_at_its_end() {
    let script = Script::new(OVERLAY | PATIENT).open("/host/big", 0, u64::MAX);
    let script = script.call("fd_pwrite", &[OPENED, mebibyte(), 1, super::HOLE - 1, RESULT]);
    calls(&script.0);
    is_seed("calls", "long_write", &script.0);
}

#[test]
fn the_end_of_a_packed_file() {
    let script = Script::new(PATIENT).open("/zip/zeros", 0, READING);
    let script = script.call("fd_pread", &[OPENED, mebibyte(), 1, super::archives::ENTRY as u64 - 1, RESULT]);
    calls(&script.0);
    is_seed("calls", "long_unpacking", &script.0);
}

#[test]
fn a_large_directory_to_its_end() {
    let mut script = Script::new(LARGE_MEMORY).open("/many", 2, READING);
    for cookie in [0, 1, 19_990, 20_010, u64::MAX] {
        script = script.call("fd_readdir", &[OPENED, 1 << 20, 4 << 20, cookie, RESULT]);
    }
    calls(&script.0);
    is_seed("calls", "long_listing", &script.0);
}

#[test]
fn random_bytes_for_all_of_a_large_memory() {
    let script = Script::new(LARGE_MEMORY | WRITABLE).call("random_get", &[1 << 20, 255 << 20]);
    calls(&script.0);
    is_seed("calls", "long_random", &script.0);
}

/// What is deep is opened as often as may be: it must cost one descriptor each.
#[test]
fn deep_directories_that_are_open() {
    let mut script = Script::new(WRITABLE);
    for depth in 1..12 {
        let path = "a/".repeat(depth);
        let (address, _) = text("/host/a/a/a/a/a/a/a/a/a/a/a/a");
        let length = "/host/".len() + path.len() - 1;
        script = script.call("path_create_directory", &[3, address, length as u64]);
    }
    for _ in 0..super::OPEN_FILES {
        script = script.open("/host/a/a/a/a/a/a/a/a/a/a/a/a", 2, READING);
    }
    calls(&script.0);
    is_seed("calls", "deep_directories", &script.0);
}

/// Each is a list of operations: see `changes.rs`.
#[test]
fn changes_that_take_much() {
    for (name, input) in [
        // A hole, by a size and by a write far out.
        ("hole_by_size", vec![0, 1, 65, 1, 2, 1, 5]),
        ("hole_by_writing", vec![1, 1, 7, 65, 1]),
        ("hole_below", vec![2, 4, 6, 1, 4, 5, 65, 1]),
        // Many names of one file, and of directories.
        ("many_links", vec![0, 3, 65, 200, 12, 3]),
        ("deep_directories", vec![14, 0, 14, 6, 11, 0]),
        ("many_files", vec![3, 6, 13, 6, 5, 3, 13, 0]),
        ("links_out", vec![8, 2, 3, 8, 1, 5, 8, 8, 8, 8, 7, 7]),
    ] {
        changes(&input);
        is_seed("changes", name, &input);
    }
}

#[test]
fn archives_that_say_more_than_there_is() {
    for (name, input) in [
        ("headers", vec![2, 8, 0, 0, 0]),
        ("headers_with_fields", vec![2, 8, 200, 200, 1]),
        ("nothing", vec![0, b'P', b'K', 5, 6]),
        ("zeros", [vec![3], vec![0; 4000]].concat()),
        ("zip", [vec![0], small_zip()].concat()),
        ("zip_empty_blocks", [vec![0], empty_zip()].concat()),
        ("gzip_empty_blocks", [vec![0], empty_gzip()].concat()),
        ("tar", [vec![0], small_tar()].concat()),
        ("tar_gz", [vec![1], small_tar()].concat()),
        ("tar_checked", [vec![3], small_tar()].concat()),
        ("tar_zst", [vec![0], zstd(&small_tar())].concat()),
    ] {
        archive(&input);
        is_seed("archives", name, &input);
    }
}

fn small_zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    writer.add_directory("folder/", options).expect("added");
    writer.start_file("folder/file", options).expect("added");
    writer.write_all(&[b'x'; 3000]).expect("added");
    writer.add_symlink("link", "folder/file", options).expect("added");
    writer.finish().expect("finished").into_inner()
}

/// Entries that are packed to much more than they are.
fn empty_zip() -> Vec<u8> {
    let entries: Vec<(String, u32)> =
        [0o120_777, 0o100_644].into_iter().map(|mode| (format!("{mode:o}"), mode)).collect();
    empty_blocks::zip(&empty_blocks::deflate_of_x(4 << 10), 1, &entries)
}

fn empty_gzip() -> Vec<u8> {
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    [&header[..], &empty_blocks::deflate(4 << 10)].concat()
}

fn small_tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let header = |kind, size| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size);
        header
    };
    let mut file = header(tar::EntryType::Regular, 3000);
    builder.append_data(&mut file, "folder/file", &[b'x'; 3000][..]).expect("added");
    let mut link = header(tar::EntryType::Symlink, 0);
    builder.append_link(&mut link, "link", "folder/file").expect("added");
    let mut link = header(tar::EntryType::Link, 0);
    builder.append_link(&mut link, "hard", "folder/file").expect("added");
    builder.into_inner().expect("finished")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}
