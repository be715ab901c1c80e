//! Any bytes as an archive, and the archives that other targets show.

use super::{CONTROLLER_BYTES, OPEN_FILES, Source, timely};
use crate::fake::FakeGuest;
use crate::{Errno, Mount, System, Waiter};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Bytes of the one entry of [`large_zip`].
pub(super) const ENTRY: usize = 128 << 20;

/// Names in [`many_files`].
const MANY: usize = 20_000;

/// Entries of an archive that are looked at.
const LOOKED_AT: usize = 200;

/// How often one central header is repeated.
const REPEATED: usize = 4000;

/// Bytes of the disk that an archive of a few kilobytes may be unpacked to: gzip
/// and zstd make that many of them, and more would be other bytes than there are.
const DISK: u64 = 256 << 20;

/// When a call on an archive must be over.
const PATIENCE: Duration = Duration::from_millis(20);

/// An archive whose end takes long to unpack to, made once.
pub(super) fn large_zip() -> &'static Path {
    static FILE: LazyLock<tempfile::TempPath> = LazyLock::new(|| {
        let mut writer = zip::ZipWriter::new(tempfile::NamedTempFile::new().expect("a file"));
        let options = zip::write::SimpleFileOptions::default().compression_level(Some(1));
        writer.start_file("zeros", options).expect("added");
        let piece = vec![0; 1 << 20];
        for _ in 0..ENTRY / piece.len() {
            writer.write_all(&piece).expect("added");
        }
        writer.finish().expect("finished").into_temp_path()
    });
    &FILE
}

/// A directory of the host that takes long to list, made once.
pub(super) fn many_files() -> PathBuf {
    static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let directory = tempfile::tempdir().expect("a directory");
        for number in 0..MANY {
            std::fs::File::create(directory.path().join(number.to_string())).expect("a file");
        }
        directory
    });
    DIRECTORY.path().to_owned()
}

/// Shows what `input` stands for as an archive, and looks at all that is in it.
///
/// # Panics
/// If it does harm.
pub fn archive(input: &[u8]) {
    let mut source = Source::new(input);
    let kind = source.byte().unwrap_or(0);
    let rest = source.bytes.as_slice();
    let bytes = match kind % 4 {
        0 => rest.to_vec(),
        1 => gzip(rest),
        2 => repeated_header(rest),
        // A tar whose checksums are right.
        _ => gzip(&checked_headers(rest)),
    };
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(&bytes).is_err() {
        return;
    }
    let builder = System::builder().open_files(OPEN_FILES).controller_bytes(CONTROLLER_BYTES);
    // The owner of the controller waits for this, and nobody has set a deadline.
    let deadline = Instant::now() + Duration::from_secs(1);
    let mount = Mount::archive(file.path(), "/data");
    let built = timely("mounting", deadline, || builder.mount(mount).build());
    let Ok(system) = built else { return };
    let disk: u64 = unpacked();
    assert!(disk < DISK, "{} bytes of an archive take {disk} bytes of the disk", bytes.len());
    look_at(&mut FakeGuest::new(system));
}

/// Walks through all, breadth first.
fn look_at(guest: &mut FakeGuest) {
    let mut waiting = vec!["/data".to_owned()];
    let mut seen = 0;
    let mut next = 0;
    while let Some(path) = waiting.get(next).cloned() {
        next += 1;
        for name in on_time(guest, "list", |guest| guest.list(&path)).unwrap_or_default() {
            seen += 1;
            if seen > LOOKED_AT {
                return;
            }
            let path = format!("{path}/{name}");
            let found = on_time(guest, "stat", |guest| guest.stat(&path, false));
            // A name that is no UTF-8 cannot be asked for in this way.
            let Ok((size, kind, _)) = found else { continue };
            match kind {
                3 => waiting.push(path),
                4 => read(guest, &path, size),
                _ => drop(on_time(guest, "readlink", |guest| guest.read_link(&path))),
            }
        }
    }
}

/// At the start, at the end, and beyond.
fn read(guest: &mut FakeGuest, path: &str, size: u64) {
    let Ok(descriptor) = on_time(guest, "open", |guest| guest.open_to_read(path)) else { return };
    for offset in [0, size.saturating_sub(1), size, i64::MAX as u64] {
        let seek = [descriptor, offset, 0, u64::from(crate::fake::RESULT)];
        if guest.wasi("fd_seek", &seek).is_ok() {
            let _ = on_time(guest, "read", |guest| guest.read(descriptor, 100));
        }
    }
    guest.close(descriptor);
}

/// Makes a call with a deadline. What ran into it is EINTR here.
fn on_time<T>(
    guest: &mut FakeGuest,
    what: &str,
    call: impl FnOnce(&mut FakeGuest) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let deadline = Instant::now() + PATIENCE;
    guest.waiter = Waiter::new(Some(deadline)).expect("a waiter");
    timely(what, deadline, || call(guest))
}

/// Bytes of the disk in files without a name that this process holds.
fn unpacked() -> u64 {
    let list = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let metadata = list.filter_map(|one| std::fs::metadata(one.path()).ok());
    metadata.filter(|file| file.is_file() && file.nlink() == 0).map(|file| file.blocks() * 512).sum()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("a write to memory");
    encoder.finish().expect("a write to memory")
}

/// Gives each block that looks like a header its checksum: a fuzzer does not guess
/// one.
fn checked_headers(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    for block in bytes.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}

/// A zip in which one central header stands very often, with this name, these
/// extra fields and this comment, and an end that tells so.
fn repeated_header(bytes: &[u8]) -> Vec<u8> {
    let (counts, text) = bytes.split_at(bytes.len().min(4));
    let lengths: Vec<u16> = (0..3).map(|at| counts.get(at).map_or(0, |byte| u16::from(*byte))).collect();
    let mut header = b"PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0\x21\0".to_vec();
    header.resize(28, 0);
    lengths.iter().for_each(|length| header.extend(length.to_le_bytes()));
    header.resize(46, 0);
    let length: usize = lengths.iter().map(|length| usize::from(*length)).sum();
    header.extend(text.iter().copied().chain(std::iter::repeat(b'x')).take(length));
    let mut zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\x21\0".to_vec();
    zip.resize(30, 0);
    let start = zip.len() as u32;
    // The end tells of as many as sixteen bits can count; the last byte says whether
    // there are more, or fewer.
    let count = if counts.get(3).is_some_and(|byte| byte % 2 == 1) { u16::MAX as usize } else { REPEATED };
    for number in 0..REPEATED {
        let at = zip.len() + 46;
        zip.extend(&header);
        // Names of their own, as far as there is room.
        let number = number.to_string();
        let room = usize::from(lengths[0]).min(number.len());
        zip[at..at + room].copy_from_slice(&number.as_bytes()[..room]);
    }
    let size = zip.len() as u32 - start;
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([count as u16, count as u16].map(u16::to_le_bytes).concat());
    zip.extend([size, start].map(u32::to_le_bytes).concat());
    zip.extend([0, 0]);
    zip
}
