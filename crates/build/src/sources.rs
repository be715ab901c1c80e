//! A recipe's source for others than its build: tests that come with it, or its
//! documentation.

use crate::apt::Mirrors;
use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::guests::Guests;
use crate::progress::{Event, Progress};
use crate::recipe::RecipeError;
use crate::source::Source;
use crate::unpack::{TopFolder, unpack};
use bellglass_image::cache_directory;
use std::path::Path;
use std::time::Duration;

/// Unpacks one source of a recipe into `folder`, which is made anew: the very
/// bytes that the recipe's image is built from, from the cache of downloads or
/// fetched. The recipe is named as for a build.
///
/// # Errors
/// [`BuildError`] if there is no such recipe or source, or it cannot be had.
pub fn unpack_source(
    recipe: &str,
    source: &str,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    let found = Guests::find(recipe)?;
    let Some(source) = found.recipe.sources.iter().find(|known| known.name == source) else {
        let reason = format!("it has no source '{source}'");
        return Err(RecipeError { file: found.file, reason }.into());
    };
    unpack_pinned(source, folder, progress)
}

/// Unpacks a pinned source into `folder`, which is made anew: from the cache of downloads, or
/// fetched.
///
/// # Errors
/// [`BuildError`] if it cannot be had, or is no archive.
pub fn unpack_pinned(source: &Source, folder: &Path, progress: &dyn Progress) -> Result<(), BuildError> {
    let downloads = Downloads {
        folder: cache_directory()?.join("downloads"),
        mirrors: Mirrors::of_this_machine(),
        progress,
        pause: Duration::from_secs(1),
    };
    let archive = (downloads.fetch(source)?, source.file.clone());
    unpack(&[archive], folder, TopFolder::Strip, &|name| progress.event(Event::Line(name)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;

    #[test]
    fn a_source_that_the_recipe_has_not_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error =
            unpack_source("python", "perl", &folder.path().join("x"), &Silent).expect_err("no such source");
        assert!(error.to_string().contains("it has no source 'perl'"), "{error}");
    }
}
