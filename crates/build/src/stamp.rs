//! Stamps: what tells whether a step has to run again.
//!
//! A step's stamp is the digest of all that it reads: its script, the toolchain, the
//! options, sources and files that it needs, and the stamps of the steps that it needs. It is written when the step has ended well, and taken
//! away before the step, or one that it needs, begins.

use crate::guests::Guests;
use crate::recipe::{Need, Recipe, RecipeError, Toolchain};
use bellglass_image::{Sha256Digest, digest_of_bytes};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Raise this when the builder changes what steps find or do, so that what an
/// older builder made is not taken for what this one would make.
const BUILDER_VERSION: u32 = 2;

/// The stamps of a recipe's steps.
#[derive(Debug)]
pub(crate) struct Stamps {
    /// One for each step, in order.
    pub steps: Vec<Sha256Digest>,
    /// The digest of the whole recipe: of an image's contents, as far as they can
    /// be known before it is built.
    pub recipe: Sha256Digest,
    /// The digest of the toolchain.
    pub toolchain: Sha256Digest,
}

/// The digest of a toolchain: of all that its packages hold.
pub(crate) fn toolchain_digest(toolchain: &Toolchain) -> Sha256Digest {
    let packages: Vec<String> = toolchain.digests().map(|digest| digest.to_string()).collect();
    digest_of_bytes(packages.join("\n").as_bytes())
}

impl Stamps {
    /// `folder` is the recipe's own, in which its scripts are.
    pub fn of(
        recipe: &Recipe,
        toolchain: &Toolchain,
        guests: &Guests,
        folder: &Path,
    ) -> Result<Self, RecipeError> {
        let toolchain = toolchain_digest(toolchain);
        let sources: BTreeMap<&str, Sha256Digest> =
            recipe.sources.iter().map(|source| (source.name.as_str(), source.sha256)).collect();
        let mut by_name: BTreeMap<&str, Sha256Digest> = BTreeMap::new();
        let mut steps = Vec::new();
        for step in &recipe.steps {
            let digest_of = |path: &Path| {
                guests.digest(path).map_err(|error| {
                    let reason = format!("its step '{}' needs {} ({error})", step.name, path.display());
                    RecipeError { file: folder.to_owned(), reason }
                })
            };
            let script = digest_of(&folder.join(&step.script))?;
            let mut text = format!("{BUILDER_VERSION}\n{toolchain}\n{}\n{script}\n", std::env::consts::ARCH);
            for need in step.needs() {
                // A recipe's check has seen that each name is known.
                let digest = match need {
                    Need::Source(name) => sources.get(name).copied(),
                    Need::Step(name) => by_name.get(name).copied(),
                    Need::Option(name) => {
                        recipe.options.get(name).map(|value| digest_of_bytes(value.as_bytes()))
                    }
                    Need::File(path) => Some(digest_of(path)?),
                };
                text.push_str(&format!("{need:?} {digest:?}\n"));
            }
            let stamp = digest_of_bytes(text.as_bytes());
            by_name.insert(&step.name, stamp);
            steps.push(stamp);
        }
        let text = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {steps:?}",
            recipe.name,
            recipe.version,
            // The base files bear it, whatever step made them.
            recipe.time(),
            recipe.program,
            recipe.command_line,
            recipe.environment,
            recipe.entry,
            recipe.unknown,
            recipe.snapshot
        );
        Ok(Self { steps, recipe: digest_of_bytes(text.as_bytes()), toolchain })
    }
}

/// The stamps that earlier builds have left in a folder.
pub(crate) struct StampFolder(pub PathBuf);

impl StampFolder {
    /// Whether this was done, with this stamp.
    pub fn has(&self, name: &str, stamp: Sha256Digest) -> bool {
        fs::read_to_string(self.path(name)).is_ok_and(|text| text.trim() == stamp.to_string())
    }

    /// Notes that this is done.
    pub fn set(&self, name: &str, stamp: Sha256Digest) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        fs::write(self.path(name), format!("{stamp}\n"))
    }

    /// Notes that this is not done.
    pub fn clear(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(file_name(name))
    }
}

/// A name that a person chose, as a file name; alike names stay apart.
pub(crate) fn file_name(name: &str) -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '-' };
    let readable: String = name.chars().take(40).map(plain).collect();
    format!("{readable}-{}", &digest_of_bytes(name.as_bytes()).short()[..6])
}

/// The places in `recipe.steps` of all steps that need the step at `index`,
/// directly or not.
pub(crate) fn dependents(recipe: &Recipe, index: usize) -> Vec<usize> {
    let mut names = vec![recipe.steps[index].name.as_str()];
    let mut found = Vec::new();
    // A step needs only earlier ones, so one pass suffices.
    for (later, step) in recipe.steps.iter().enumerate().skip(index + 1) {
        if step.needs().any(|need| matches!(need, Need::Step(name) if names.contains(&name))) {
            names.push(&step.name);
            found.push(later);
        }
    }
    found
}
