//! Unpacking archives, into a folder that they cannot leave.
//!
//! The archives are pinned by digest, so they are what the recipe's author saw;
//! a recipe may still be from a stranger, and an archive that names paths
//! outside its folder is refused whole rather than unpacked in part.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// Bytes that one archive may unpack to.
const UNPACKED_BYTES: u64 = 8 << 30;

/// Files that one archive may hold.
const UNPACKED_FILES: u64 = 1_000_000;

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// No known kind of archive ends so.
    #[error(
        "cannot unpack {archive}: its name must end with .deb, .tar.gz, .tgz, .tar.xz, .tar.bz2, .tar.zst, .tar, .zip or .whl"
    )]
    UnknownKind {
        /// The file's name.
        archive: String,
    },
    /// An entry would be written outside the folder.
    #[error(
        "{archive} holds '{entry}', which leads out of the folder that it is unpacked into: do not use this archive"
    )]
    Escapes {
        /// The file's name.
        archive: String,
        /// The entry's path.
        entry: String,
    },
    /// An entry is of a kind that no source needs, such as a device.
    #[error(
        "{archive} holds '{entry}', which is neither a file, a folder nor a link: do not use this archive"
    )]
    StrangeEntry {
        /// The file's name.
        archive: String,
        /// The entry's path.
        entry: String,
    },
    /// More, or more bytes, than any source has.
    #[error(
        "{archive} unpacks to more than {UNPACKED_BYTES} bytes or {UNPACKED_FILES} files: do not use this archive"
    )]
    TooLarge {
        /// The file's name.
        archive: String,
    },
    /// The archive is damaged, or the disk is full.
    #[error("cannot unpack {archive} into {} ({source}): check that the disk is not full, and remove the file from the cache of downloads if it is damaged", folder.display())]
    Io {
        /// The file's name.
        archive: String,
        /// Where to.
        folder: PathBuf,
        /// What failed.
        source: io::Error,
    },
}

/// What to do with a folder that holds everything else, as source archives have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopFolder {
    /// Leave it.
    Keep,
    /// Take what is in it, if it is the only thing at the top.
    Strip,
}

/// Makes `folder` with what is in the archives, all of it or nothing. Each
/// archive is given as its path and the name that says its kind.
pub(crate) fn unpack(
    archives: &[(PathBuf, String)],
    folder: &Path,
    top: TopFolder,
    started: &dyn Fn(&str),
) -> Result<(), UnpackError> {
    unpack_wanted(archives, folder, top, &|_| true, started)
}

/// The same with those entries alone whose path in the archive is wanted.
pub(crate) fn unpack_wanted(
    archives: &[(PathBuf, String)],
    folder: &Path,
    top: TopFolder,
    is_wanted: &dyn Fn(&Path) -> bool,
    started: &dyn Fn(&str),
) -> Result<(), UnpackError> {
    let name = archives.first().map_or("", |(_, name)| name);
    let io_error = |source| UnpackError::Io { archive: name.to_owned(), folder: folder.to_owned(), source };
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(io_error)?;
    let staging = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent).map_err(io_error)?;
    // A deeper folder of its own, so that a top folder can be moved out of it.
    let mut unpacked = staging.path().join("all");
    fs::create_dir(&unpacked).map_err(io_error)?;
    for (path, name) in archives {
        started(name);
        unpack_one(path, name, &unpacked, is_wanted)?;
    }
    if top == TopFolder::Strip {
        let mut entries = fs::read_dir(&unpacked).map_err(io_error)?;
        if let (Some(Ok(only)), None) = (entries.next(), entries.next())
            && only.file_type().map_err(io_error)?.is_dir()
        {
            unpacked = only.path();
        }
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(io_error)?;
    }
    fs::rename(&unpacked, folder).map_err(io_error)
}

fn unpack_one(
    path: &Path,
    name: &str,
    into: &Path,
    is_wanted: &dyn Fn(&Path) -> bool,
) -> Result<(), UnpackError> {
    let target = Target { archive: name, folder: into, is_wanted };
    let file = File::open(path).map_err(|source| target.io(source))?;
    if name.ends_with(".zip") || name.ends_with(".whl") {
        return target.zip(file);
    }
    if name.ends_with(".deb") {
        return target.deb(file);
    }
    match decompress(name, BufReader::new(file)) {
        Some(reader) => target.tar(reader.map_err(|source| target.io(source))?),
        None => Err(UnpackError::UnknownKind { archive: name.to_owned() }),
    }
}

/// The tar that is in a file of this name, or `None` if none is.
fn decompress<'a>(name: &str, file: impl Read + 'a) -> Option<io::Result<Box<dyn Read + 'a>>> {
    // Multi-member decoders: compressors that use several threads write members.
    Some(Ok(match name.rsplit_once(".t").map(|(_, end)| end)? {
        "ar" => Box::new(file),
        "ar.gz" | "gz" => Box::new(flate2::read::MultiGzDecoder::new(file)),
        "ar.xz" | "xz" => Box::new(lzma_rust2::XzReader::new(file, true)),
        "ar.bz2" | "bz2" => Box::new(bzip2::read::MultiBzDecoder::new(file)),
        "ar.zst" | "zst" => match ruzstd::decoding::StreamingDecoder::new(file) {
            Ok(reader) => Box::new(reader),
            Err(error) => return Some(Err(io::Error::other(error))),
        },
        _ => return None,
    }))
}

/// Where an archive goes, and its name for errors.
struct Target<'a> {
    archive: &'a str,
    folder: &'a Path,
    /// Of a tar, whether an entry is unpacked; of others, all are.
    is_wanted: &'a dyn Fn(&Path) -> bool,
}

impl Target<'_> {
    fn io(&self, source: io::Error) -> UnpackError {
        UnpackError::Io { archive: self.archive.to_owned(), folder: self.folder.to_owned(), source }
    }

    fn escapes(&self, entry: &str) -> UnpackError {
        UnpackError::Escapes { archive: self.archive.to_owned(), entry: entry.to_owned() }
    }

    /// Counts towards the caps.
    fn count(&self, files: &mut u64, bytes: &mut u64, size: u64) -> Result<(), UnpackError> {
        *files += 1;
        *bytes = bytes.saturating_add(size);
        if *files > UNPACKED_FILES || *bytes > UNPACKED_BYTES {
            return Err(UnpackError::TooLarge { archive: self.archive.to_owned() });
        }
        Ok(())
    }

    /// A Debian package: an `ar` archive in which one member is a tar with the
    /// files.
    fn deb(&self, file: File) -> Result<(), UnpackError> {
        let mut members = ar::Archive::new(BufReader::new(file));
        while let Some(member) = members.next_entry() {
            let member = member.map_err(|source| self.io(source))?;
            let name = String::from_utf8_lossy(member.header().identifier()).into_owned();
            if name.starts_with("data.tar") {
                return match decompress(&name, member) {
                    Some(reader) => self.tar(reader.map_err(|source| self.io(source))?),
                    None => {
                        Err(UnpackError::UnknownKind { archive: format!("{} in {}", name, self.archive) })
                    }
                };
            }
        }
        Err(self.io(io::Error::other("it is not a Debian package: it has no data.tar")))
    }

    fn tar(&self, reader: impl Read) -> Result<(), UnpackError> {
        let mut archive = tar::Archive::new(reader);
        let (mut files, mut bytes) = (0, 0);
        for entry in archive.entries().map_err(|source| self.io(source))? {
            let mut entry = entry.map_err(|source| self.io(source))?;
            let path = entry.path().map_err(|source| self.io(source))?.into_owned();
            let shown = path.display().to_string();
            if !(self.is_wanted)(&path) {
                continue;
            }
            self.count(&mut files, &mut bytes, entry.size())?;
            match entry.header().entry_type() {
                tar::EntryType::Regular
                | tar::EntryType::Continuous
                | tar::EntryType::GNUSparse
                | tar::EntryType::Directory
                | tar::EntryType::Symlink
                | tar::EntryType::Link => {}
                tar::EntryType::XGlobalHeader => continue,
                _ => {
                    let archive = self.archive.to_owned();
                    return Err(UnpackError::StrangeEntry { archive, entry: shown });
                }
            }
            if !stays_inside(&path) {
                return Err(self.escapes(&shown));
            }
            // The crate looks where the entry's folder really is, links followed,
            // before it writes, and where a hard link's target is; it says so
            // with an error or with `false`.
            if !entry.unpack_in(self.folder).map_err(|source| self.link_or_io(source, &shown))? {
                return Err(self.escapes(&shown));
            }
        }
        Ok(())
    }

    /// The crate's refusal to write outside the folder is one of its own errors
    /// and not one of the system's.
    fn link_or_io(&self, source: io::Error, entry: &str) -> UnpackError {
        let text = format!(
            "{source} {}",
            std::error::Error::source(&source).map_or_else(String::new, |inner| inner.to_string())
        );
        if text.contains("outside of") { self.escapes(entry) } else { self.io(source) }
    }

    fn zip(&self, file: File) -> Result<(), UnpackError> {
        let zip_error = |error: zip::result::ZipError| self.io(io::Error::other(error));
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(zip_error)?;
        let (mut files, mut bytes) = (0, 0);
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(zip_error)?;
            self.count(&mut files, &mut bytes, entry.size())?;
            let name = entry.name().map_err(zip_error)?.into_owned();
            if entry.enclosed_name().is_none() || !stays_inside(Path::new(&name)) {
                return Err(self.escapes(&name));
            }
            // No package of Python code has links, and without them no write can
            // be led astray.
            if entry.is_symlink() {
                return Err(UnpackError::StrangeEntry { archive: self.archive.to_owned(), entry: name });
            }
        }
        archive.extract(self.folder).map_err(zip_error)
    }
}

fn stays_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests;
