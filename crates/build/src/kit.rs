//! The compiler driver's kit in the cache: the toolchain, unpacked, and the C library
//! that is made with it.

use crate::build::unpacked_toolchain;
use crate::error::BuildError;
use crate::guests::Guests;
use crate::port;
use crate::progress::Progress;
use crate::recipe::{RecipeError, Toolchain};
use crate::stamp::toolchain_digest;
use bellglass_driver::{Kit, TARGET};
use bellglass_fork::FileSizeSignal;
use bellglass_image::{FolderLock, cache_directory, digest_of_bytes, make_folder, trusted_folder};
use std::fs;
use std::path::{Path, PathBuf};

/// Raise this when what is made here changes otherwise than by its parts.
const KIT_VERSION: u32 = 4;

/// The toolchain's file in the folder of guests.
const TOOLCHAIN: &str = "toolchain.toml";

/// The kit in this cache folder, or in that of [`cache_directory`]. What is
/// missing is fetched and made, which takes a network and a minute the first
/// time; then this takes a millisecond.
///
/// # Errors
/// [`BuildError`]; what was done until then is kept for the next try.
pub fn kit(cache: Option<&Path>, progress: &dyn Progress) -> Result<Kit, BuildError> {
    let _kept = FileSizeSignal::keep_away();
    let cache = match cache {
        Some(cache) => std::path::absolute(cache).map_err(BuildError::io("find", cache))?,
        None => cache_directory()?,
    };
    let guests = Guests::built_in();
    let file = Path::new(TOOLCHAIN);
    let unreadable = |error: std::io::Error| RecipeError { file: file.to_owned(), reason: error.to_string() };
    let toolchain = Toolchain::parse(&guests.text(file).map_err(unreadable)?, file)?;
    let toolchain_digest = toolchain_digest(&toolchain);
    let port = guests.digest(Path::new(port::FOLDER)).map_err(unreadable)?;
    let digest = digest_of_bytes(format!("{KIT_VERSION} {toolchain_digest} {port}").as_bytes());

    let folder = cache.join("kits").join(digest.short());
    let unpacked = cache.join("toolchains").join(toolchain_digest.short());
    // Each appears in one step, so it is whole if it is there.
    if folder.is_dir() && unpacked.is_dir() {
        // A compiler is run out of them.
        return Ok(Kit::new(trusted_folder(&unpacked)?, trusted_folder(&folder)?));
    }
    if toolchain.machine != std::env::consts::ARCH {
        return Err(BuildError::OtherMachine { needed: toolchain.machine, found: std::env::consts::ARCH });
    }
    let cache = make_folder(&cache)?;
    let unpacked = unpacked_toolchain(&cache, &toolchain, toolchain_digest, progress)?;
    let lock = FolderLock::take(&cache.join("kits"), "make", || {})?;
    let parent = lock.folder();
    let folder = parent.join(digest.short());
    if !folder.is_dir() {
        let staging = tempfile::Builder::new().prefix(".incoming-").tempdir_in(parent);
        let staging = staging.map_err(BuildError::io("make a folder in", parent))?;
        make(&guests, &Kit::new(&unpacked, staging.path()), staging.path(), &cache, progress)?;
        fs::rename(staging.path(), &folder).map_err(BuildError::io("make", &folder))?;
    }
    Ok(Kit::new(unpacked, trusted_folder(&folder)?))
}

/// Makes all of a kit but its toolchain in `folder`. What it has of the toolchain
/// it finds from where it lies itself, so that a cache can be moved.
fn make(
    guests: &Guests,
    kit: &Kit,
    folder: &Path,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    let io = |action, path: &Path| BuildError::io(action, path.to_owned());
    // clang looks for its run-time library under the name of the target; the
    // package has it under an older name.
    let (resources, packaged) = (kit.resources(), kit.packaged_resources());
    let library = resources.join("lib").join(TARGET);
    fs::create_dir_all(&library).map_err(io("make", &library))?;
    for (to, at) in [
        (packaged.join("include"), resources.join("include")),
        (packaged.join("lib/wasi/libclang_rt.builtins-wasm32.a"), library.join("libclang_rt.builtins.a")),
    ] {
        link(&relative(&to, &at, cache), &at).map_err(io("make", &at))?;
    }

    let staging = folder.join("port");
    port::make(guests, kit, &staging, cache, progress)?;
    fs::remove_dir_all(&staging).map_err(io("remove", &staging))
}

/// The way from the link `at` to the file `to`, both of which lie in `cache`.
fn relative(to: &Path, at: &Path, cache: &Path) -> PathBuf {
    match (to.strip_prefix(cache), at.strip_prefix(cache)) {
        (Ok(to), Ok(at)) => {
            let up = at.components().skip(1).map(|_| "..");
            up.collect::<PathBuf>().join(to)
        }
        _ => to.to_owned(),
    }
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    let to = at.parent().unwrap_or(Path::new("")).join(to);
    if to.is_dir() { Ok(()) } else { fs::copy(to, at).map(drop) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kit_is_found_after_its_cache_was_moved() {
        let home = tempfile::tempdir().expect("a folder");
        let (before, after) = (home.path().join("before"), home.path().join("after"));
        let (file, at) = (before.join("toolchains/one/usr/file"), before.join("kits/two/clang/lib/file"));
        for path in [&file, &at] {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        }
        fs::write(&file, "here").expect("written");
        link(&relative(&file, &at, &before), &at).expect("linked");
        fs::rename(&before, &after).expect("moved");
        assert_eq!(fs::read_to_string(after.join("kits/two/clang/lib/file")).expect("found"), "here");
    }
}
