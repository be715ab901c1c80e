//! Getting the pinned files, through a cache that never holds a wrong one.
//!
//! A file is downloaded beside its place, digested on the way, and renamed when
//! its digest is right; so a file in the cache whose name is right was whole
//! once, and it is digested again before it is used.

use crate::apt::Mirrors;
use crate::http::{self, HttpError};
use crate::progress::{Event, Progress};
use crate::source::{Package, Source};
use bellglass_image::{Sha256Digest, digest_of_file};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often one address is tried while it fails in ways that can pass.
const TRIES: u32 = 3;

/// Why a source could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No address gave the file.
    #[error("cannot get {file}; tried {}: check the network, or put the file at {}", attempts.join("; "), place.display())]
    NoAddress {
        /// The file.
        file: String,
        /// What was tried and how it failed.
        attempts: Vec<String>,
        /// Where the cache would have it.
        place: PathBuf,
    },
    /// The cache could not be read or written.
    #[error("cannot {action} {} ({source}): check that the cache folder may be written to and that the disk is not full", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The cache of downloads.
pub(crate) struct Downloads<'a> {
    pub folder: PathBuf,
    pub mirrors: Mirrors,
    pub progress: &'a dyn Progress,
    /// How long to wait before the second try; twice that before the third.
    pub pause: Duration,
}

impl Downloads<'_> {
    /// Where the cache has a source, or would have it.
    pub fn place(&self, source: &Source) -> PathBuf {
        self.folder.join(format!("{}-{}", source.sha256, source.file))
    }

    /// The path of a file with the source's digest, from the cache or else from
    /// the first address that gives it.
    pub fn fetch(&self, source: &Source) -> Result<PathBuf, FetchError> {
        let place = self.place(source);
        if self.is_whole(&place, source)? {
            return Ok(place);
        }
        fs::create_dir_all(&self.folder).map_err(io_error("make", &self.folder))?;
        let mut attempts = Vec::new();
        self.progress.event(Event::Bytes { file: &source.file, done: 0, total: source.size });
        for address in self.addresses(source) {
            match self.try_address(&address, source, &place)? {
                Ok(()) => return Ok(place),
                Err(reason) => attempts.push(format!("{address} ({reason})")),
            }
        }
        if let Some(requirement) = &source.pypi {
            match self.try_pip(requirement, source, &place)? {
                Ok(()) => return Ok(place),
                Err(reason) => attempts.push(format!("pip download {requirement} ({reason})")),
            }
        }
        if attempts.is_empty() {
            attempts.push("nothing, for no address is known on this machine".to_owned());
        }
        Err(FetchError::NoAddress { file: source.file.clone(), attempts, place })
    }

    /// The path of a package: the pinned one, or, if that is gone from the archive
    /// and the toolchain allows it, the one that this machine's apt offers. Apt has
    /// verified that one by the archive's signatures.
    pub fn fetch_package(&self, package: &Package) -> Result<PathBuf, FetchError> {
        let error = match self.fetch(&package.source()) {
            Err(error @ FetchError::NoAddress { .. }) if package.movable => error,
            result => return result,
        };
        match self.try_apt(&package.name)? {
            Some(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.progress.event(Event::Note(&format!(
                    "the pinned build of {} is gone from the archive; using {name} from this machine's apt",
                    package.name
                )));
                Ok(path)
            }
            None => Err(error),
        }
    }

    fn try_apt(&self, package: &str) -> Result<Option<PathBuf>, FetchError> {
        let folder = self.folder.join("from-apt").join(package);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(io_error("remove", &folder))?;
        }
        fs::create_dir_all(&folder).map_err(io_error("make", &folder))?;
        let output = Command::new("apt-get")
            .args(["download", "--quiet=2"])
            .arg(package)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output();
        if !output.is_ok_and(|output| output.status.success()) {
            return Ok(None);
        }
        let entries = fs::read_dir(&folder).map_err(io_error("read", &folder))?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        Ok(paths.find(|path| path.extension().is_some_and(|extension| extension == "deb")))
    }

    fn addresses(&self, source: &Source) -> Vec<String> {
        let bases = if source.security { &self.mirrors.security } else { &self.mirrors.main };
        let debian = source.debian.iter().flat_map(|path| bases.iter().map(move |base| (base, path)));
        let debian = debian.map(|(base, path)| format!("{base}/{}", path.trim_start_matches('/')));
        debian.chain(source.urls.iter().cloned()).collect()
    }

    fn is_whole(&self, path: &Path, source: &Source) -> Result<bool, FetchError> {
        match digest_of_file(path) {
            Ok((digest, _)) => Ok(digest == source.sha256),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("read", path)(error)),
        }
    }

    /// The outer error is the machine's fault and final; the inner one is the
    /// address's, and the next address may do better.
    fn try_address(
        &self,
        address: &str,
        source: &Source,
        place: &Path,
    ) -> Result<Result<(), String>, FetchError> {
        for number in 1.. {
            let file =
                tempfile::NamedTempFile::new_in(&self.folder).map_err(io_error("make", &self.folder))?;
            let report = |done: u64| {
                self.progress.event(Event::Bytes { file: &source.file, done, total: source.size });
            };
            match http::download(address, source.size, file.as_file(), &report) {
                Ok(download) => {
                    if download.size != source.size {
                        return Ok(Err(format!("it has {} bytes instead of {}", download.size, source.size)));
                    }
                    if download.sha256 != source.sha256 {
                        return Ok(Err(wrong_digest(&download.sha256, source)));
                    }
                    file.persist(place).map_err(|error| io_error("make", place)(error.error))?;
                    return Ok(Ok(()));
                }
                Err(HttpError::Write(error)) => return Err(io_error("write", place)(error)),
                Err(HttpError::Passing(_)) if number < TRIES => {
                    std::thread::sleep(self.pause * number);
                }
                Err(HttpError::Passing(reason)) => {
                    return Ok(Err(format!("{reason}, {TRIES} times")));
                }
                Err(HttpError::Final(reason)) => return Ok(Err(reason)),
            }
        }
        Ok(Err("not tried".to_owned()))
    }

    /// Gets a wheel by its name through the machine's own `pip`, so that its
    /// configuration says which index serves it. A recipe's check has seen that it is a
    /// wheel, which pip only copies: of an archive of sources it would run the build,
    /// before anybody has looked at its digest.
    fn try_pip(
        &self,
        requirement: &str,
        source: &Source,
        place: &Path,
    ) -> Result<Result<(), String>, FetchError> {
        let folder = tempfile::tempdir_in(&self.folder).map_err(io_error("make", &self.folder))?;
        self.progress.event(Event::Line(&format!("pip download {requirement}")));
        let output = match pip_download(requirement, folder.path()).output() {
            Ok(output) => output,
            Err(error) => return Ok(Err(format!("python3 does not start: {error}"))),
        };
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let reason = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
            return Ok(Err(reason.trim().to_owned()));
        }
        let path = folder.path().join(&source.file);
        let (digest, _) = match digest_of_file(&path) {
            Ok(found) => found,
            Err(_) => return Ok(Err(format!("it gave no file {}", source.file))),
        };
        if digest != source.sha256 {
            return Ok(Err(wrong_digest(&digest, source)));
        }
        fs::rename(&path, place).map_err(io_error("make", place))?;
        Ok(Ok(()))
    }
}

/// Pip, getting a wheel into a folder.
fn pip_download(requirement: &str, folder: &Path) -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--quiet"]);
    command.arg("--only-binary=:all:").arg("--dest").arg(folder).arg(requirement).stdin(Stdio::null());
    command
}

fn wrong_digest(found: &Sha256Digest, source: &Source) -> String {
    format!("its SHA-256 is {found} instead of {}", source.sha256)
}

fn io_error(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.into();
    move |source| FetchError::Io { action, path, source }
}

#[cfg(test)]
mod tests;
