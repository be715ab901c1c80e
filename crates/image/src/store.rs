//! The store: the images of a machine, one folder each.
//!
//! A folder is named `name@version-digest`, so a new build of the same version
//! lies beside the old one until the old one is removed, and a reader never
//! meets a half-replaced image. Folders whose names begin with a dot are
//! unfinished; only a rename makes an image of them.

use crate::image::MANIFEST_FILE;
use crate::manifest::is_word;
use crate::{
    FolderLock, Image, ImageError, Manifest, cache_directory, digest_of_bytes, make_folder, trusted_folder,
};
use std::cmp::Ordering;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const STAGING_PREFIX: &str = ".incoming-";

/// An unfinished image older than this belongs to a build that died.
const STAGING_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The images that are installed in one folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A folder of the store, whether what is in it can be opened or not.
#[derive(Debug)]
pub struct Stored {
    /// The folder.
    pub path: PathBuf,
    /// The image's name and version, from the folder's name.
    pub full_name: String,
    /// The image, or why it cannot be opened.
    pub image: Result<Image, ImageError>,
}

/// An image in the making: a folder of the store that no reader sees. What is
/// not installed is removed when this value is dropped.
#[derive(Debug)]
pub struct Staging {
    folder: tempfile::TempDir,
}

impl Staging {
    /// Where to write the part with this file name.
    pub fn part(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Store {
    /// The store in the cache folder; see [`cache_directory`].
    ///
    /// # Errors
    /// [`ImageError::NoCacheDirectory`].
    pub fn open_default() -> Result<Self, ImageError> {
        Ok(Self::new(cache_directory()?.join("images")))
    }

    /// The store in this folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every image, by name, then the newest first.
    ///
    /// # Errors
    /// [`ImageError::Io`] if the store cannot be read. An image that cannot be
    /// opened is listed with its error.
    pub fn list(&self) -> Result<Vec<Stored>, ImageError> {
        let mut found = Vec::new();
        // Each image looks at its own way: what others could have written is listed, with
        // that error.
        for (full_name, path) in folders(&self.folder)? {
            let image = Image::open(&path);
            // Removed since the folder was read: not there, rather than broken.
            if image.is_err() && !path.exists() {
                continue;
            }
            found.push(Stored { path, full_name, image });
        }
        found.sort_by(order);
        Ok(found)
    }

    /// Opens an image by `name` (its newest version), `name@version`, or the path
    /// of an image's folder, which must hold a `/`, begin with a dot or end in
    /// `.bgi`.
    ///
    /// # Errors
    /// [`ImageError::NotFound`], [`ImageError::BadName`], or why the only image of
    /// that name cannot be opened.
    pub fn find(&self, name: &str) -> Result<Image, ImageError> {
        if is_path(name) {
            return Image::open(name);
        }
        let wanted = Wanted::parse(name)?;
        let mut broken = None;
        for stored in self.list()? {
            if !wanted.matches(&stored.full_name) {
                continue;
            }
            match stored.image {
                Ok(image) => return Ok(image),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        Err(broken
            .unwrap_or_else(|| ImageError::NotFound { name: name.to_owned(), store: self.folder.clone() }))
    }

    /// Removes every image of this `name` or `name@version`, broken ones too.
    /// Gives the folders that were removed. Guests that run in them go on.
    ///
    /// # Errors
    /// [`ImageError::NotFound`] if there is none, or what removing gives.
    pub fn remove(&self, name: &str) -> Result<Vec<PathBuf>, ImageError> {
        let wanted = Wanted::parse(name)?;
        let mut removed = Vec::new();
        // A store that does not exist is not made for this.
        let folder = if self.folder.exists() { trusted_folder(&self.folder)? } else { self.folder.clone() };
        for (full_name, path) in folders(&folder)? {
            if wanted.matches(&full_name) {
                remove_folder(&folder, &path)?;
                removed.push(path);
            }
        }
        if removed.is_empty() {
            return Err(ImageError::NotFound { name: name.to_owned(), store: self.folder.clone() });
        }
        Ok(removed)
    }

    /// Begins an image: makes a folder for its parts that no reader sees.
    ///
    /// # Errors
    /// [`ImageError::Io`].
    pub fn stage(&self) -> Result<Staging, ImageError> {
        let folder = make_folder(&self.folder)?;
        sweep(&folder);
        stage_in(&folder)
    }

    /// Ends an image: writes its manifest, makes sure that its parts are on the
    /// disk, and shows it to readers in one step. Older builds of the same name
    /// and version are removed.
    ///
    /// # Errors
    /// [`ImageError`], if a part is missing or differs from the manifest, or the
    /// system refuses something. The store is then as it was.
    pub fn install(&self, staging: Staging, manifest: &Manifest) -> Result<Image, ImageError> {
        for word in [&manifest.name, &manifest.version] {
            if !is_word(word) {
                return Err(ImageError::BadName { name: word.clone() });
            }
        }
        let text = manifest.to_json();
        let manifest_path = staging.part(MANIFEST_FILE);
        fs::write(&manifest_path, &text).map_err(ImageError::io("write", &manifest_path))?;
        let parts = manifest.parts();
        for part in parts.iter().map(|(file, _)| *file).chain([MANIFEST_FILE]) {
            let path = staging.part(part);
            // A rename may reach the disk before the contents do.
            let synced = fs::File::open(&path).and_then(|file| {
                // Whatever the umask: nobody else may write to it.
                file.set_permissions(Permissions::from_mode(0o644))?;
                file.sync_all()
            });
            synced.map_err(ImageError::io("write", &path))?;
        }
        Image::open(staging.folder.path())?;

        let lock = FolderLock::take(&self.folder, "install", || {})?;
        let folder = lock.folder();
        let full_name = manifest.full_name();
        let path = folder.join(format!("{full_name}-{}", digest_of_bytes(text.as_bytes()).short()));
        if path.exists() {
            // The same manifest to the byte, perhaps with damaged parts.
            remove_folder(folder, &path)?;
        }
        set_readable(staging.folder.path());
        fs::rename(staging.folder.path(), &path).map_err(ImageError::io("make", &path))?;
        for (other_name, other) in folders(folder)? {
            if other_name == full_name && other != path {
                remove_folder(folder, &other)?;
            }
        }
        Image::open(path)
    }
}

/// The folders of a store that have an image's name, with its name and version.
fn folders(store: &Path) -> Result<Vec<(String, PathBuf)>, ImageError> {
    let entries = match fs::read_dir(store) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ImageError::io("read", store)(error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(ImageError::io("read", store))?;
        let file_name = entry.file_name();
        // Whatever else a person has put there is not the store's.
        let Some(full_name) = file_name.to_str().and_then(|name| name.rsplit_once('-')) else { continue };
        let (full_name, _digest) = full_name;
        if Wanted::parse(full_name).is_ok_and(|wanted| wanted.version.is_some()) {
            folders.push((full_name.to_owned(), entry.path()));
        }
    }
    Ok(folders)
}

/// Makes a folder that no reader sees in a trusted store.
fn stage_in(store: &Path) -> Result<Staging, ImageError> {
    let folder = tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(store);
    Ok(Staging { folder: folder.map_err(ImageError::io("make a folder in", store))? })
}

/// Removes a folder of a trusted store in two steps, so that no reader finds half of an
/// image.
fn remove_folder(store: &Path, path: &Path) -> Result<(), ImageError> {
    let staging = stage_in(store)?;
    fs::rename(path, staging.part("removed")).map_err(ImageError::io("remove", path))?;
    staging.folder.close().map_err(ImageError::io("remove", path))
}

/// Removes what builds that died have left in a trusted store. That it fails is no
/// reason to stop: it is tried again next time.
fn sweep(store: &Path) {
    let Ok(entries) = fs::read_dir(store) else { return };
    for entry in entries.flatten() {
        let is_staging = entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGING_PREFIX));
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if is_staging && age.is_some_and(|age| age > STAGING_LIFETIME) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A temporary folder is made for its owner alone; an image may be read by all
/// who may read the store.
fn set_readable(folder: &Path) {
    // A store on a file system without permissions works as well.
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o755));
}

/// By name, then the newest version first, then the newest build first.
fn order(one: &Stored, other: &Stored) -> Ordering {
    let split = |stored: &Stored| {
        let (name, version) = stored.full_name.split_once('@').unwrap_or((&stored.full_name, ""));
        (name.to_owned(), version.to_owned())
    };
    let built = |stored: &Stored| stored.image.as_ref().map_or(0, |image| image.manifest().origin.built_at);
    let ((name, version), (other_name, other_version)) = (split(one), split(other));
    name.cmp(&other_name)
        .then_with(|| compare_versions(&other_version, &version))
        .then_with(|| built(other).cmp(&built(one)))
        .then_with(|| one.path.cmp(&other.path))
}

/// Compares versions the way people number releases: runs of digits as numbers,
/// so that 3.9 comes before 3.13, and `3.14.0rc1` before `3.14.0`.
pub fn compare_versions(one: &str, other: &str) -> Ordering {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Piece<'a> {
        // A word such as `rc` is a release before the one without it.
        Word(&'a str),
        End,
        // Without leading zeros, a longer number is a greater one.
        Number(usize, &'a str),
    }
    fn pieces(version: &str) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut rest = version;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|next: char| next.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (piece, tail) = rest.split_at(end);
            rest = tail;
            if digits {
                let number = piece.trim_start_matches('0');
                pieces.push(Piece::Number(number.len(), number));
            } else {
                let word = piece.trim_matches(['.', '_', '+', '-']);
                if !word.is_empty() {
                    pieces.push(Piece::Word(word));
                }
            }
        }
        pieces.push(Piece::End);
        pieces
    }
    pieces(one).cmp(&pieces(other))
}

/// Whether the user means a folder rather than a name.
fn is_path(name: &str) -> bool {
    name.starts_with('.') || name.ends_with(".bgi") || name.contains(['/', std::path::MAIN_SEPARATOR])
}

/// A name, or a name and a version.
struct Wanted<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn parse(text: &'a str) -> Result<Self, ImageError> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if is_word(name) && version.is_none_or(is_word) {
            return Ok(Self { name, version });
        }
        Err(ImageError::BadName { name: text.to_owned() })
    }

    fn matches(&self, full_name: &str) -> bool {
        full_name.split_once('@').is_some_and(|(name, version)| {
            name == self.name && self.version.is_none_or(|wanted| wanted == version)
        })
    }
}

#[cfg(test)]
mod tests;
