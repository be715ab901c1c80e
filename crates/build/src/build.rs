//! A build, from the recipe to the installed image.
//!
//! In the cache folder:
//!
//! | folder | what |
//! | --- | --- |
//! | `downloads/` | the pinned files, by digest |
//! | `toolchains/DIGEST/` | an unpacked toolchain; several recipes may share it |
//! | `build/NAME-VERSION/` | `guests`, `sources`, `work`, `out`, `logs`, `stamps` of one recipe |
//! | `images/` | the store |

use crate::apt::Mirrors;
use crate::compiler::{CompileLimits, Compiler};
use crate::error::BuildError;
use crate::fetch::Downloads;
use crate::guests::{Found, Guests};
use crate::progress::{Event, Progress};
use crate::recipe::{Need, Recipe, RecipeError, Toolchain};
use crate::seal::{Seal, recompile};
use crate::stamp::{StampFolder, Stamps, dependents, file_name};
use crate::step::Surroundings;
use crate::tools;
use crate::unpack::{TopFolder, unpack};
use bellglass_fork::FileSizeSignal;
use bellglass_image::{
    FolderLock, Image, Sha256Digest, Store, cache_directory, digest_of_bytes, make_folder, trusted_folder,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to build, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BuildRequest {
    /// A built-in recipe, as `name` or `name@version`, or the path of a recipe.
    pub recipe: String,
    /// The cache folder; the image goes to the store in it. By default, that of
    /// [`cache_directory`].
    pub cache: Option<PathBuf>,
    /// Build even if the image is there, and every step of it.
    pub force: bool,
    /// Keep the folder in which the image was built, so that a change in the
    /// recipe runs only the steps that it concerns. Some hundred megabytes.
    pub keep_work: bool,
    /// The bellglass command, whose `cc` the steps may use and in which modules are
    /// compiled; by default, the running program if that is it, or the one beside it.
    pub command: Option<PathBuf>,
    /// How many processes may work at once; by default, as many as there are
    /// processors.
    pub jobs: Option<usize>,
    /// What differs from the recipe; nothing by default.
    pub variant: Option<Variant>,
}

/// An image that differs from what its recipe says, for instance one with modules
/// that only its tests need. It has a name of its own, and never takes the place
/// of the recipe's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The image's name.
    pub name: String,
    /// Options of the recipe, by name, and what they are instead.
    pub options: BTreeMap<String, String>,
}

impl BuildRequest {
    /// A request for the image of `recipe`, with the defaults.
    pub fn new(recipe: impl Into<String>) -> Self {
        let recipe = recipe.into();
        Self { recipe, cache: None, force: false, keep_work: false, command: None, jobs: None, variant: None }
    }
}

/// The recipes that are built in, as `name@version`.
///
/// # Errors
/// [`BuildError`] if one of them cannot be read.
pub fn built_in_recipes() -> Result<Vec<String>, BuildError> {
    let guests = Guests::built_in();
    let mut names = Vec::new();
    for file in guests.recipes() {
        let recipe = guests.recipe(&file)?;
        names.push(format!("{}@{}", recipe.name, recipe.version));
    }
    Ok(names)
}

/// Builds an image and installs it, or finds the one that is there already.
/// `progress` is told what happens. Several builds at once wait for each other.
///
/// # Errors
/// [`BuildError`]; what was done until then is kept for the next try.
pub fn build(request: &BuildRequest, progress: &dyn Progress) -> Result<Image, BuildError> {
    let _kept = FileSizeSignal::keep_away();
    let Found { guests, file, mut recipe } = Guests::find(&request.recipe)?;
    if let Some(variant) = &request.variant {
        recipe = recipe.varied(&variant.name, &variant.options, &file)?;
    }
    let toolchain = read_toolchain(&guests, &recipe)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let stamps = Stamps::of(&recipe, &toolchain, &guests, folder)?;
    let cache = match &request.cache {
        Some(cache) => std::path::absolute(cache).map_err(BuildError::io("find", cache))?,
        None => cache_directory()?,
    };
    let store = Store::new(cache.join("images"));
    if !request.force
        && let Some(image) = existing(&store, &recipe, &stamps, progress)?
    {
        return Ok(image);
    }
    if toolchain.machine != std::env::consts::ARCH {
        return Err(BuildError::OtherMachine { needed: toolchain.machine, found: std::env::consts::ARCH });
    }
    tools::check()?;
    check_speakable(&cache)?;
    // What was unpacked and made before is used again: nobody else may have been at it.
    // From here on the cache is where its links lead now.
    let cache = make_folder(&cache)?;
    check_speakable(&cache)?;
    let store = Store::new(cache.join("images"));
    let name = format!("{}-{}", recipe.name, recipe.version);
    let lock = FolderLock::take(&cache.join("build"), &name, || {
        progress.event(Event::Note("another build of this image is under way: waiting for it"));
    })?;
    // Another process may have built it while this one waited.
    if !request.force
        && let Some(image) = existing(&store, &recipe, &stamps, progress)?
    {
        return Ok(image);
    }
    let folder_of_build = lock.folder().join(name);
    if request.force && folder_of_build.exists() {
        fs::remove_dir_all(&folder_of_build).map_err(BuildError::io("remove", &folder_of_build))?;
    }
    let build = Build {
        folder: make_folder(&folder_of_build)?,
        steps: recipe.steps.len() + 4 + usize::from(recipe.snapshot.is_some()),
        request,
        recipe: &recipe,
        recipe_folder: folder,
        guests: &guests,
        stamps: &stamps,
        cache: &cache,
        progress,
    };
    let image = build.run(&toolchain, &store).inspect_err(|_| progress.event(Event::Failed))?;
    if !request.keep_work {
        // The image is there, so that this fails is no failure of the build.
        let _ = fs::remove_dir_all(&build.folder);
    }
    Ok(image)
}

fn read_toolchain(guests: &Guests, recipe: &Recipe) -> Result<Toolchain, BuildError> {
    let file = Path::new(&recipe.toolchain);
    let text = guests
        .text(file)
        .map_err(|error| RecipeError { file: file.to_owned(), reason: error.to_string() })?;
    Ok(Toolchain::parse(&text, file)?)
}

/// The image of this very recipe, if it is in the store.
fn existing(
    store: &Store,
    recipe: &Recipe,
    stamps: &Stamps,
    progress: &dyn Progress,
) -> Result<Option<Image>, BuildError> {
    let full_name = format!("{}@{}", recipe.name, recipe.version);
    // An image that is missing or damaged is built.
    let Ok(image) = store.find(&full_name) else { return Ok(None) };
    if image.manifest().origin.recipe != stamps.recipe || image.verify().is_err() {
        return Ok(None);
    }
    if image.is_for_engine(bellglass_engine::compatibility_key) {
        progress.event(Event::Note(&format!("{full_name} is there already (cached)")));
        return Ok(Some(image));
    }
    progress.event(Event::Note(&format!("{full_name} is there already; compiling it for this engine")));
    recompile(&image, store).map(Some)
}

/// Makefiles and scripts cannot work in any folder.
fn check_speakable(cache: &Path) -> Result<(), BuildError> {
    let speakable = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte) || byte >= 0x80;
    match cache.as_os_str().as_encoded_bytes().iter().copied().all(speakable) {
        true => Ok(()),
        false => Err(BuildError::BlankInPath { path: cache.to_owned() }),
    }
}

pub(crate) fn downloads<'a>(cache: &Path, progress: &'a dyn Progress) -> Result<Downloads<'a>, BuildError> {
    Ok(Downloads {
        folder: make_folder(&cache.join("downloads"))?,
        mirrors: Mirrors::of_this_machine(),
        progress,
        pause: Duration::from_secs(1),
    })
}

/// The folder of a toolchain, whose packages are fetched and unpacked unless that
/// was done before, with all links resolved: programs are run out of it.
pub(crate) fn unpacked_toolchain(
    cache: &Path,
    toolchain: &Toolchain,
    digest: Sha256Digest,
    progress: &dyn Progress,
) -> Result<PathBuf, BuildError> {
    let parent = cache.join("toolchains");
    let folder = parent.join(digest.short());
    // It appears in one step, so it is whole if it is there.
    if folder.is_dir() {
        return Ok(trusted_folder(&folder)?);
    }
    let lock = FolderLock::take(&parent, "unpack", || {})?;
    let folder = lock.folder().join(digest.short());
    if folder.is_dir() {
        return Ok(trusted_folder(&folder)?);
    }
    let downloads = downloads(cache, progress)?;
    let mut archives = Vec::new();
    for package in &toolchain.packages {
        let path = downloads.fetch_package(package)?;
        archives.push((path, package.source().file));
    }
    unpack(&archives, &folder, TopFolder::Keep, &|name| progress.event(Event::Line(name)))?;
    Ok(folder)
}

/// One build under way.
struct Build<'a> {
    folder: PathBuf,
    /// How many steps the progress display counts.
    steps: usize,
    request: &'a BuildRequest,
    recipe: &'a Recipe,
    recipe_folder: &'a Path,
    guests: &'a Guests,
    stamps: &'a Stamps,
    cache: &'a Path,
    progress: &'a dyn Progress,
}

impl Build<'_> {
    fn run(&self, toolchain: &Toolchain, store: &Store) -> Result<Image, BuildError> {
        let compiler = Compiler::new(self.request.command.clone(), CompileLimits::large())?;
        let done = StampFolder(self.folder.join("stamps"));
        let logs = self.folder.join("logs");
        fs::create_dir_all(&logs).map_err(BuildError::io("make", &logs))?;
        let to_run: Vec<bool> = self.to_run(&done);
        let any = to_run.contains(&true);
        if any {
            self.copy_guests()?;
        }
        let toolchain = self.step(1, "toolchain", any, || self.toolchain(toolchain))?;
        self.step(2, "sources", any, || self.sources(&done))?;
        let out = self.folder.join("out");
        let surroundings = Surroundings {
            toolchain: &toolchain.unwrap_or_default(),
            sources: &self.folder.join("sources"),
            work: &self.folder.join("work"),
            out: &out,
            guests: &self.folder.join("guests"),
            command: &compiler.program,
            cache: self.cache,
            jobs: self.jobs(),
            options: &self.recipe.options,
        };
        for (index, step) in self.recipe.steps.iter().enumerate() {
            self.step(index + 3, &step.name, to_run[index], || {
                for later in [index].into_iter().chain(dependents(self.recipe, index)) {
                    let name = &self.recipe.steps[later].name;
                    done.clear(name).map_err(BuildError::io("change", &done.0))?;
                }
                let script = self.folder.join("guests").join(self.recipe_folder).join(&step.script);
                let log = logs.join(format!("{}.log", file_name(&step.name)));
                surroundings.run(step, &script, &log, self.progress)?;
                done.set(&step.name, self.stamps.steps[index]).map_err(BuildError::io("write", &done.0))
            })?;
        }
        let seal = Seal { recipe: self.recipe, digest: self.stamps.recipe, store, compiler: &compiler };
        let mut number = self.recipe.steps.len() + 3;
        let mut last = |name: &str| {
            self.started(number, name);
            number += 1;
            Instant::now()
        };
        let start = last("compile to native code");
        let mut parts = seal.compile(&out.join("module.wasm"), &out.join("files"))?;
        self.progress.event(Event::Finished { elapsed: start.elapsed() });
        if let Some(snapshot) = &self.recipe.snapshot {
            let start = last("start the interpreter and keep it");
            seal.snapshot(snapshot, &mut parts)?;
            self.progress.event(Event::Finished { elapsed: start.elapsed() });
        }
        let start = last("seal the image");
        let image = seal.install(parts)?;
        self.progress.event(Event::Finished { elapsed: start.elapsed() });
        Ok(image)
    }

    /// Tells of a step before and after; does it only if it is `needed`.
    fn step<T>(
        &self,
        number: usize,
        name: &str,
        needed: bool,
        work: impl FnOnce() -> Result<T, BuildError>,
    ) -> Result<Option<T>, BuildError> {
        self.started(number, name);
        if !needed {
            self.progress.event(Event::Cached);
            return Ok(None);
        }
        let start = Instant::now();
        let result = work()?;
        self.progress.event(Event::Finished { elapsed: start.elapsed() });
        Ok(Some(result))
    }

    fn started(&self, number: usize, step: &str) {
        self.progress.event(Event::Started { step, number, of: self.steps });
    }

    fn jobs(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.request.jobs.unwrap_or_else(processors).max(1)
    }

    /// Which steps have to run: those whose stamp is not there, and those that
    /// need such a step.
    fn to_run(&self, done: &StampFolder) -> Vec<bool> {
        let steps = &self.recipe.steps;
        let mut to_run: Vec<bool> =
            steps.iter().zip(&self.stamps.steps).map(|(step, stamp)| !done.has(&step.name, *stamp)).collect();
        for index in 0..steps.len() {
            if to_run[index] {
                dependents(self.recipe, index).into_iter().for_each(|later| to_run[later] = true);
            }
        }
        to_run
    }

    /// Puts what the steps have declared that they read, and nothing else, where
    /// they read it. The path is the same for every build of a recipe, for
    /// scripts write it into what they make.
    fn copy_guests(&self) -> Result<(), BuildError> {
        let folder = self.folder.join("guests");
        let error = || BuildError::io("write", &folder);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(error())?;
        }
        for step in &self.recipe.steps {
            self.guests.copy(&self.recipe_folder.join(&step.script), &folder).map_err(error())?;
            for need in step.needs() {
                if let Need::File(path) = need {
                    self.guests.copy(path, &folder).map_err(error())?;
                }
            }
        }
        Ok(())
    }

    /// Fetches and unpacks the toolchain, unless that was done before.
    fn toolchain(&self, toolchain: &Toolchain) -> Result<PathBuf, BuildError> {
        unpacked_toolchain(self.cache, toolchain, self.stamps.toolchain, self.progress)
    }

    /// Fetches and unpacks each source, unless that was done before.
    fn sources(&self, done: &StampFolder) -> Result<(), BuildError> {
        let downloads = downloads(self.cache, self.progress)?;
        for source in &self.recipe.sources {
            let folder = self.folder.join("sources").join(&source.name);
            let stamp_name = format!("source {}", source.name);
            let stamp = digest_of_bytes(format!("{} {}", source.sha256, source.file).as_bytes());
            if folder.is_dir() && done.has(&stamp_name, stamp) {
                continue;
            }
            let path = downloads.fetch(source)?;
            let archives = [(path, source.file.clone())];
            unpack(&archives, &folder, TopFolder::Strip, &|name| self.progress.event(Event::Line(name)))?;
            done.set(&stamp_name, stamp).map_err(BuildError::io("write", &done.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
