//! The folder of guests: recipes, their scripts, and what the scripts read. One
//! is built into this library, so that an installed command can build images;
//! a recipe given by its path brings its own, and needs of it only what is its own:
//! the toolchain's file and the port are the built-in ones where it has none.

use crate::recipe::{Recipe, RecipeError};
use bellglass_image::{Sha256Digest, digest_of_bytes};
use include_dir::{Dir, DirEntry, include_dir};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../guests");

/// What a folder of guests need not have, for the built-in one has it.
const COMMON: [&str; 2] = ["toolchain.toml", "port"];

/// A folder of guests.
#[derive(Clone, Debug)]
pub(crate) enum Guests {
    BuiltIn,
    Folder(PathBuf),
}

/// Which recipe, and in which folder of guests.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub guests: Guests,
    /// The recipe's file in the folder of guests.
    pub file: PathBuf,
    pub recipe: Recipe,
}

/// Why there is no recipe to build from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// No recipe has that name.
    #[error("there is no recipe for '{name}'; there are {}: name one of them, or give the path of a recipe file", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A path is not that of a recipe in a folder of guests.
    #[error("cannot use the recipe {} ({reason}): a recipe lies in a folder of its own, below one for all", path.display())]
    NotInGuests {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A recipe cannot be built.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

impl Guests {
    pub fn built_in() -> Self {
        Self::BuiltIn
    }

    /// The recipe files: `recipe-*.toml` in each folder of the first level.
    pub fn recipes(&self) -> Vec<PathBuf> {
        let is_recipe = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            path.components().count() == 2 && name.starts_with("recipe-") && name.ends_with(".toml")
        };
        let mut files: Vec<PathBuf> = self.files(Path::new("")).unwrap_or_default();
        files.retain(|path| is_recipe(path));
        files
    }

    /// Finds a recipe by `name`, `name@version` or path.
    pub fn find(wanted: &str) -> Result<Found, FindError> {
        if wanted.ends_with(".toml") || wanted.contains(['/', std::path::MAIN_SEPARATOR]) {
            return Self::find_path(Path::new(wanted));
        }
        let guests = Self::built_in();
        let mut recipes = Vec::new();
        for file in guests.recipes() {
            let recipe = guests.recipe(&file)?;
            recipes.push(Found { guests: guests.clone(), file, recipe });
        }
        recipes.sort_by(|one, other| {
            let key = |found: &Found| (found.recipe.name.clone(), !found.recipe.default);
            let versions = || bellglass_image::compare_versions(&other.recipe.version, &one.recipe.version);
            key(one).cmp(&key(other)).then_with(versions)
        });
        let (name, version) = match wanted.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (wanted, None),
        };
        let is_wanted = |found: &&Found| {
            found.recipe.name == name && version.is_none_or(|version| version == found.recipe.version)
        };
        match recipes.iter().find(is_wanted) {
            Some(found) => Ok(found.clone()),
            None => {
                let known =
                    recipes.iter().map(|Found { recipe, .. }| format!("{}@{}", recipe.name, recipe.version));
                Err(FindError::Unknown { name: wanted.to_owned(), known: known.collect() })
            }
        }
    }

    fn find_path(path: &Path) -> Result<Found, FindError> {
        let unusable = |reason: String| FindError::NotInGuests { path: path.to_owned(), reason };
        let real = fs::canonicalize(path).map_err(|error| unusable(error.to_string()))?;
        let folder = real.parent().and_then(Path::parent);
        let folder = folder.ok_or_else(|| unusable("it lies in no folder".to_owned()))?;
        // A canonical file path is its folder's path and more.
        let file = real.strip_prefix(folder).map_err(|error| unusable(error.to_string()))?.to_owned();
        let guests = Self::Folder(folder.to_owned());
        let recipe = guests.recipe(&file)?;
        if guests.bytes(Path::new(&recipe.toolchain)).is_err() {
            return Err(unusable(format!("there is no {}", folder.join(&recipe.toolchain).display())));
        }
        Ok(Found { guests, file, recipe })
    }

    /// Reads a recipe, and its base if it has one.
    pub fn recipe(&self, file: &Path) -> Result<Recipe, RecipeError> {
        let unreadable = |error: io::Error| RecipeError { file: file.to_owned(), reason: error.to_string() };
        let text = self.text(file).map_err(unreadable)?;
        Recipe::parse_with_base(&text, file, |base| self.text(base))
    }

    /// The text of a file.
    pub fn text(&self, path: &Path) -> io::Result<String> {
        String::from_utf8(self.bytes(path)?).map_err(io::Error::other)
    }

    /// Where a path is looked for.
    fn place_of(&self, path: &Path) -> &Self {
        let is_common = COMMON.iter().any(|common| path.starts_with(common));
        match self {
            Self::Folder(folder) if is_common && !folder.join(path).exists() => &Self::BuiltIn,
            _ => self,
        }
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.place_of(path) {
            Self::BuiltIn => match BUILT_IN.get_file(path) {
                Some(file) => Ok(file.contents().to_vec()),
                None => Err(missing(path)),
            },
            Self::Folder(folder) => fs::read(folder.join(path)),
        }
    }

    /// The files at or below a path, sorted; relative to the folder of guests.
    pub fn files(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        match self.place_of(path) {
            Self::BuiltIn => {
                if BUILT_IN.get_file(path).is_some() {
                    files.push(path.to_owned());
                } else if path.as_os_str().is_empty() {
                    list_built_in(&BUILT_IN, &mut files);
                } else if let Some(folder) = BUILT_IN.get_dir(path) {
                    list_built_in(folder, &mut files);
                } else {
                    return Err(missing(path));
                }
            }
            Self::Folder(folder) => list(folder, path, &mut files)?,
        }
        files.sort();
        Ok(files)
    }

    /// The digest of the names and contents of the files at or below a path.
    pub fn digest(&self, path: &Path) -> io::Result<Sha256Digest> {
        let mut lines = String::new();
        for file in self.files(path)? {
            let digest = digest_of_bytes(&self.bytes(&file)?);
            lines.push_str(&format!("{digest} {}\n", file.display()));
        }
        Ok(digest_of_bytes(lines.as_bytes()))
    }

    /// Writes the files at or below a path into `folder`, at the same place.
    pub fn copy(&self, path: &Path, folder: &Path) -> io::Result<()> {
        let files = self.files(path)?;
        // A folder in which there is nothing (yet) may still be needed.
        let is_file = files.first().is_some_and(|first| first == path);
        if !is_file {
            fs::create_dir_all(folder.join(path))?;
        }
        for file in files {
            let target = folder.join(&file);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(target, self.bytes(&file)?)?;
        }
        Ok(())
    }
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {} is built in", path.display()))
}

fn list_built_in(folder: &Dir<'static>, files: &mut Vec<PathBuf>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => list_built_in(folder, files),
            DirEntry::File(file) => files.push(file.path().to_owned()),
        }
    }
}

fn list(folder: &Path, path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    // Links are followed, as the scripts that read the copy would.
    if fs::metadata(folder.join(path))?.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(folder.join(path))? {
        list(folder, &path.join(entry?.file_name()), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_recipe_is_found_by_its_name() {
        let found = Guests::find("python").expect("a recipe");
        assert_eq!(found.recipe.name, "python");
        let full_name = format!("python@{}", found.recipe.version);
        assert_eq!(Guests::find(&full_name).expect("a recipe").file, found.file);
        let error = Guests::find("python@1").expect_err("no such version").to_string();
        assert!(error.contains(&full_name), "{error}");
    }

    #[test]
    fn a_folder_of_ones_own_needs_only_what_is_its_own() {
        let home = tempfile::tempdir().expect("a folder");
        let guests = Guests::Folder(home.path().to_owned());
        for path in ["toolchain.toml", "port", "port/calls.txt"].map(Path::new) {
            let digest = guests.digest(path).expect("built in");
            assert_eq!(digest, Guests::BuiltIn.digest(path).expect("built in"));
        }
        assert!(guests.digest(Path::new("lua")).is_err());
        fs::write(home.path().join("toolchain.toml"), "own").expect("written");
        assert_eq!(guests.text(Path::new("toolchain.toml")).expect("there"), "own");
    }

    #[test]
    fn both_kinds_of_folder_give_the_same_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let built_in = Guests::built_in();
        built_in.copy(Path::new("python"), folder.path()).expect("copied");
        let copy = Guests::Folder(folder.path().to_owned());
        let steps = Path::new("python/steps");
        assert_eq!(copy.digest(steps).expect("a digest"), built_in.digest(steps).expect("a digest"));
        assert!(built_in.digest(Path::new("nothing")).is_err());
        assert!(copy.digest(Path::new("nothing")).is_err());
    }
}
