//! `bellglass image`

use crate::arguments::{ImageCommand, names};
use crate::commands::exec::with_way;
use crate::say::{Lines, escaped, say};
use crate::signals;
use crate::units::size;
use anyhow::Context;
use bellglass::{Image, ImageError, Manifest, Start, Store, walls};
use bellglass_build::{
    BuildRequest, Display, Executable, Sealing, SystemCallFilter, build, built_in_recipes,
    is_compiled_for_this, recompile, seal,
};
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

/// Carries out one of the image commands.
pub(crate) fn image(command: ImageCommand) -> anyhow::Result<u8> {
    match command {
        ImageCommand::Build { recipe, fresh } => {
            let mut request = BuildRequest::new(recipe);
            request.force = fresh;
            let image = build(&request, &Display::new())?;
            say!("{} is in {}", image.manifest().full_name(), image.path().display());
        }
        ImageCommand::Seal { file, output, files, environment, name, entry, allow_unknown, waive_walls } => {
            let mut program = Executable::new(&file);
            program.entry = entry;
            if names(&waive_walls, walls::FILTER) {
                program.limits.filter = SystemCallFilter::Waived;
            }
            let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let name = name.or_else(stem).unwrap_or_default();
            let (name, version) = name.split_once('@').unwrap_or((&name, "1"));
            let mut sealing = Sealing::new(name, version);
            sealing.files = files;
            sealing.environment = environment.into_iter().collect();
            sealing.allow_unknown = allow_unknown.into_iter().collect();
            signals::leave_nothing_unfinished().context("cannot listen for Ctrl-C")?;
            let sealed = seal(&program, &sealing, &output);
            let image = sealed.map_err(|error| with_way(error, "a module is sealed"))?;
            say!("{} is in {}", image.manifest().full_name(), image.path().display());
        }
        ImageCommand::List => list()?,
        ImageCommand::Inspect { image, json } => inspect(&image, json)?,
        ImageCommand::Remove { image } => {
            let mut out = Lines::new();
            for path in Store::open_default()?.remove(&image)? {
                out.line(format_args!("removed {}", path.display()))?;
            }
            out.end()?;
        }
    }
    Ok(0)
}

/// The image of this name; if there is none yet and a recipe of that name is
/// built in, it is built, which takes some minutes, once. An image that was
/// compiled for another engine is compiled again, which takes seconds.
pub(crate) fn find_or_build(name: &str) -> anyhow::Result<Image> {
    let store = Store::open_default()?;
    match store.find(name) {
        Ok(image) if is_compiled_for_this(&image) => Ok(image),
        Ok(image) => {
            say!("the image '{name}' was compiled for another engine: compiling it again");
            Ok(recompile(&image, &store)?)
        }
        Err(ImageError::NotFound { .. }) if is_built_in(name)? => {
            say!("there is no image '{name}' yet: building it takes some minutes, once");
            Ok(build(&BuildRequest::new(name), &Display::new())?)
        }
        Err(error) => Err(error.into()),
    }
}

fn is_built_in(name: &str) -> anyhow::Result<bool> {
    let recipes = built_in_recipes()?;
    Ok(recipes.iter().any(|recipe| recipe == name || recipe.split('@').next() == Some(name)))
}

fn list() -> anyhow::Result<()> {
    let store = Store::open_default()?;
    let stored = store.list()?;
    let mut out = Lines::new();
    if stored.is_empty() {
        say!("no image is built yet: run 'bellglass image build python'");
        return Ok(());
    }
    out.line(format_args!("{:20}  {:>10}  {:20}  FOLDER", "IMAGE", "SIZE", "BUILT"))?;
    for one in stored {
        match one.image {
            Ok(image) => {
                let manifest = image.manifest();
                out.line(format_args!(
                    "{:20}  {:>10}  {:20}  {}",
                    manifest.full_name(),
                    size(manifest.size()),
                    time(manifest.origin.built_at),
                    one.path.display()
                ))?;
            }
            Err(error) => out.line(format_args!("{:20}  broken: {error}", one.full_name))?,
        }
    }
    Ok(out.end()?)
}

fn inspect(name: &str, json: bool) -> anyhow::Result<()> {
    let image = Store::open_default()?.find(name)?;
    let manifest = image.manifest();
    let mut out = Lines::new();
    if json {
        out.json(&escaped(&manifest.to_json()))?;
        return Ok(out.end()?);
    }
    image.verify()?;
    let mut rows = vec![
        ("image", manifest.full_name()),
        ("folder", image.path().display().to_string()),
        ("built", format!("{} by {}", time(manifest.origin.built_at), manifest.origin.built_by)),
        ("recipe", manifest.origin.recipe.to_string()),
        ("entry", manifest.entry.exports.join(", ")),
    ];
    if let Some(snapshot) = &manifest.snapshot {
        rows.push((
            "snapshot",
            format!("{} of memory, then {}", size(snapshot.memory_bytes), snapshot.exports.join(", ")),
        ));
    }
    rows.push(("imports", format!("{} signatures (see 'bellglass calls {name}')", manifest.imports.len())));
    rows.extend(engines(manifest).into_iter().map(|engine| ("engine", engine)));
    let parts = manifest.parts();
    rows.extend(
        parts.iter().map(|(file, part)| (*file, format!("{}, SHA-256 {}", size(part.size), part.sha256))),
    );
    rows.push(("files", "their digests match".to_owned()));
    for (what, value) in rows {
        out.line(format_args!("{what:20} {value}"))?;
    }
    Ok(out.end()?)
}

/// The keys of the engines that the modules are compiled for, each once.
fn engines(manifest: &Manifest) -> BTreeSet<String> {
    let modules = [Start::Fresh, Start::Snapshot].into_iter().filter_map(|start| manifest.module(start));
    modules.flat_map(|module| &module.compiled).map(|compiled| compiled.engine.clone()).collect()
}

fn time(seconds: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string()
}
