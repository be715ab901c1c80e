//! Where a file of the host has data, and where holes.

use crate::Errno;
use std::ops::Range;
use std::os::fd::AsFd;

/// See [`File::next_data`](crate::files::File::next_data). It moves the descriptor's
/// position, which nothing here reads or writes at.
pub(super) fn next_data(file: impl AsFd, offset: u64) -> Result<Option<Range<u64>>, Errno> {
    use rustix::fs::{SeekFrom, seek};
    let end = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    let start = match seek(&file, SeekFrom::Data(offset)) {
        Ok(start) => start,
        // Nothing but holes from there on.
        Err(rustix::io::Errno::NXIO) => return Ok(None),
        // A file system that does not know.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => offset,
        Err(error) => return Err(error.into()),
    };
    let hole = seek(&file, SeekFrom::Hole(start)).unwrap_or(end);
    // It may have been cut meanwhile.
    Ok(Some(start..hole.min(end)).filter(|data| data.start < data.end))
}

/// See [`Directory::keeps_holes`](crate::files::Directory::keeps_holes).
#[cfg(target_os = "linux")]
pub(super) fn keeps_holes(directory: impl AsFd) -> Result<bool, Errno> {
    // vfat, exFAT, HFS and HFS+ fill them with zeros.
    const WITHOUT: [u64; 4] = [0x4d44, 0x2011_bab0, 0x4244, 0x482b];
    let kind = rustix::fs::fstatfs(directory)?.f_type;
    #[allow(clippy::unnecessary_fallible_conversions, reason = "the type differs between machines")]
    let kind = u64::try_from(kind).unwrap_or(0);
    Ok(!WITHOUT.contains(&kind))
}

/// See [`Directory::keeps_holes`](crate::files::Directory::keeps_holes).
#[cfg(not(target_os = "linux"))]
pub(super) fn keeps_holes(_directory: impl AsFd) -> Result<bool, Errno> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn data_is_found_between_holes() {
        let file = tempfile::tempfile().expect("a file");
        file.write_all_at(b"x", 1 << 20).expect("written");
        file.set_len(1 << 40).expect("grown");
        let data = next_data(&file, 0).expect("told").expect("some");
        assert!(data.contains(&(1 << 20)) && data.end - data.start <= 1 << 20, "{data:?}");
        assert_eq!(next_data(&file, data.end), Ok(None));
        assert_eq!(next_data(&file, 2 << 40), Ok(None));
        file.set_len(0).expect("cut");
        assert_eq!(next_data(&file, 0), Ok(None));
    }
}
