//! Recipes: how an interpreter is built, as data.

mod base;

use crate::source::{Package, Source};
use bellglass_image::{CommandLine, Sha256Digest};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What a recipe file says. guests/README.md explains each key to those who write one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The image's name.
    pub name: String,
    /// The image's version.
    pub version: String,
    /// Whether this is the recipe that the name alone stands for.
    #[serde(default)]
    pub default: bool,
    /// The toolchain's file, in the folder above the recipe's.
    pub toolchain: String,
    /// What a guest finds as its argument zero.
    pub program: String,
    /// How it reads its command line: see [`CommandLine`].
    #[serde(default)]
    pub command_line: Option<CommandLine>,
    /// What a guest's environment holds unless its user says otherwise.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The exports of the module.
    pub entry: Exports,
    /// The calls that nothing answers and that are no reason to refuse the module:
    /// their names or signatures, and why.
    #[serde(default)]
    pub unknown: BTreeMap<String, String>,
    /// What the image's snapshot is made of, if it is to have one.
    #[serde(default)]
    pub snapshot: Option<SnapshotRecipe>,
    /// What the steps that need them find in their environment, as `BELLGLASS_<NAME>`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The files from outside.
    #[serde(rename = "source", default)]
    pub sources: Vec<Source>,
    /// What to do with them, in order.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// The names of the exports that the controller calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exports {
    /// Called before all others, if there is one.
    pub initialize: Option<String>,
    /// Starts the interpreter, where that is apart from running a program.
    pub start: Option<String>,
    /// Runs the program and gives its exit code.
    pub run: String,
    /// Gives the address of errno.
    pub errno: Option<String>,
    /// Gives the address of the table of words that an interrupt sets.
    pub interrupt: Option<String>,
    /// The guest's malloc.
    pub allocate: Option<String>,
    /// The guest's free.
    pub free: Option<String>,
}

/// What a snapshot is made of, and which runs it serves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRecipe {
    /// What the guest finds as its arguments, after argument zero, while it is
    /// started.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// See [`Serves::first_arguments`](bellglass_image::Serves::first_arguments).
    #[serde(default)]
    pub first_arguments: Vec<String>,
    /// See [`Serves::fixed_environment`](bellglass_image::Serves::fixed_environment).
    #[serde(default)]
    pub fixed_environment: Vec<String>,
    /// The arguments of a short run, after argument zero, which is made when the
    /// snapshot is there, to see which of its pages a run writes to. Without any,
    /// none is made.
    #[serde(default)]
    pub rehearsal: Vec<String>,
}

impl Exports {
    /// Every name that the module must export.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let optional =
            [&self.initialize, &self.start, &self.errno, &self.interrupt, &self.allocate, &self.free];
        optional.into_iter().flatten().map(String::as_str).chain([self.run.as_str()])
    }
}

/// One script of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it does, as the progress display shows it.
    pub name: String,
    /// The script, in the recipe's folder.
    pub script: PathBuf,
    /// What it reads: `source:NAME`, `step:NAME` for an earlier step, `option:NAME`, or a
    /// path in the folder of guests. A change in one of them makes it run again.
    #[serde(default)]
    pub needs: Vec<String>,
}

/// One thing that a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need<'a> {
    Source(&'a str),
    Step(&'a str),
    Option(&'a str),
    File(&'a Path),
}

impl Step {
    pub(crate) fn needs(&self) -> impl Iterator<Item = Need<'_>> {
        self.needs.iter().map(|need| match need.split_once(':') {
            Some(("source", name)) => Need::Source(name),
            Some(("step", name)) => Need::Step(name),
            Some(("option", name)) => Need::Option(name),
            _ => Need::File(Path::new(need)),
        })
    }
}

/// The compiler and its libraries: packages that are unpacked into one folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolchain {
    /// The processor, as Rust names it, on which it runs.
    pub machine: String,
    /// The packages, in the order in which they are unpacked.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
}

/// What is wrong with a recipe or a toolchain's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a recipe that can be built: {reason}", file.display())]
pub struct RecipeError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// The option that says which time the base files bear, and a snapshot's clock
/// shows, in seconds since 1970.
const TIME_OPTION: &str = "source_date_epoch";

impl Recipe {
    /// The time that an image of this recipe shows, in seconds since 1970.
    pub(crate) fn time(&self) -> u64 {
        self.options.get(TIME_OPTION).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Reads a recipe that has no base; `file` is named in errors.
    ///
    /// # Errors
    /// [`RecipeError`], with the line if it is not TOML.
    pub fn parse(text: &str, file: &Path) -> Result<Self, RecipeError> {
        let error = |reason: String| RecipeError { file: file.to_owned(), reason };
        let recipe: Self = toml::from_str(text).map_err(|reason| error(reason.to_string()))?;
        recipe.check().map_err(error)?;
        Ok(recipe)
    }

    /// The recipe of an image with another name, some of whose options differ.
    /// Only options that the recipe has can: no step reads others.
    pub(crate) fn varied(
        mut self,
        name: &str,
        options: &BTreeMap<String, String>,
        file: &Path,
    ) -> Result<Self, RecipeError> {
        let error = |reason: String| RecipeError { file: file.to_owned(), reason };
        for (option, value) in options {
            match self.options.get_mut(option) {
                Some(place) => place.clone_from(value),
                None => return Err(error(format!("it has no option '{option}' to vary"))),
            }
        }
        if name == self.name {
            return Err(error(format!("a variant of it cannot be named '{name}' as well")));
        }
        name.clone_into(&mut self.name);
        self.default = false;
        self.check().map_err(error)?;
        Ok(self)
    }

    /// What the serde types cannot say.
    fn check(&self) -> Result<(), String> {
        for word in [&self.name, &self.version] {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
            if word.is_empty() || word.starts_with(['.', '-', '_', '+']) || !word.bytes().all(plain) {
                return Err(format!("'{word}' cannot be a name or a version"));
            }
        }
        if !is_inside(Path::new(&self.toolchain)) {
            return Err(format!("the toolchain '{}' must be a path without '..'", self.toolchain));
        }
        for (option, value) in &self.options {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if option.is_empty() || !option.bytes().all(plain) || value.contains('\0') {
                return Err(format!(
                    "the option '{option}' must have a name of small letters, digits and '_'"
                ));
            }
            if crate::step::RESERVED.contains(&option.as_str()) {
                return Err(format!(
                    "the option '{option}' has the name of a variable that the builder sets"
                ));
            }
        }
        if let Some(line) = &self.command_line {
            line.check()?;
        }
        if self.snapshot.is_some() && self.entry.start.is_none() {
            return Err("a snapshot needs the export that [entry] calls 'start'".to_owned());
        }
        let mut sources = BTreeSet::new();
        for source in &self.sources {
            source.check()?;
            if !sources.insert(source.name.as_str()) {
                return Err(format!("two sources are called '{}'", source.name));
            }
        }
        let mut steps = BTreeSet::new();
        for step in &self.steps {
            if !is_inside(&step.script) {
                return Err(format!("the script '{}' must be a path without '..'", step.script.display()));
            }
            for need in step.needs() {
                let known = match need {
                    Need::Source(name) => sources.contains(name),
                    Need::Step(name) => steps.contains(name),
                    Need::Option(name) => self.options.contains_key(name),
                    Need::File(path) => is_inside(path),
                };
                if !known {
                    let name = &step.name;
                    return Err(match need {
                        Need::Source(source) => {
                            format!(
                                "the step '{name}' needs the source '{source}', which the recipe does not name"
                            )
                        }
                        Need::Step(other) => {
                            format!(
                                "the step '{name}' needs the step '{other}', which does not come before it"
                            )
                        }
                        Need::Option(option) => {
                            format!(
                                "the step '{name}' needs the option '{option}', which the recipe does not have"
                            )
                        }
                        Need::File(path) => {
                            format!(
                                "the step '{name}' needs '{}', which must be a path without '..'",
                                path.display()
                            )
                        }
                    });
                }
            }
            if !steps.insert(step.name.as_str()) {
                return Err(format!("two steps are called '{}'", step.name));
            }
        }
        Ok(())
    }
}

impl Toolchain {
    /// Reads a toolchain's file; `file` is named in errors.
    ///
    /// # Errors
    /// [`RecipeError`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, RecipeError> {
        let error = |reason: String| RecipeError { file: file.to_owned(), reason };
        let toolchain: Self = toml::from_str(text).map_err(|reason| error(reason.to_string()))?;
        for package in &toolchain.packages {
            package.source().check().map_err(error)?;
        }
        Ok(toolchain)
    }

    /// What tells this toolchain from another.
    pub(crate) fn digests(&self) -> impl Iterator<Item = Sha256Digest> {
        self.packages.iter().map(|package| package.sha256)
    }
}

/// Whether a path stays in the folder that it is relative to.
fn is_inside(path: &Path) -> bool {
    path.components().next().is_some()
        && path.components().all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const RECIPE: &str = r#"
        name = "toy"
        version = "1.0"
        toolchain = "toolchain.toml"
        program = "/bin/toy"
        [entry]
        run = "main"
        [command_line]
        with_argument = ["-W"]
        [options]
        cflags = "-O2"
        [[source]]
        name = "data"
        file = "data.tar.gz"
        debian = "pool/main/d/data.tar.gz"
        sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        size = 3
        [[step]]
        name = "first"
        script = "steps/first.sh"
        needs = ["source:data", "port", "option:cflags"]
        [[step]]
        name = "second"
        script = "steps/second.sh"
        needs = ["step:first"]
    "#;

    fn parse(text: &str) -> Result<Recipe, RecipeError> {
        Recipe::parse(text, Path::new("toy.toml"))
    }

    #[test]
    fn a_variant_differs_in_its_name_and_in_options_that_there_are() {
        let varied = |name: &str, option: &str| {
            let options = BTreeMap::from([(option.to_owned(), "-O3".to_owned())]);
            parse(RECIPE).expect("a recipe").varied(name, &options, Path::new("toy.toml"))
        };
        let recipe = varied("toy-fast", "cflags").expect("a variant");
        assert_eq!((recipe.name.as_str(), recipe.options["cflags"].as_str()), ("toy-fast", "-O3"));
        for (name, option) in [("toy-fast", "ldflags"), ("toy", "cflags"), ("../toy", "cflags")] {
            varied(name, option).expect_err(name);
        }
    }

    #[test]
    fn a_recipe_is_read() {
        let recipe = parse(RECIPE).expect("a recipe");
        assert_eq!(recipe.entry.names().collect::<Vec<_>>(), ["main"]);
        let needs: Vec<_> = recipe.steps[0].needs().collect();
        assert_eq!(needs, [Need::Source("data"), Need::File(Path::new("port")), Need::Option("cflags")]);
        assert_eq!(recipe.command_line.expect("a command line").with_argument, ["-W"]);
    }

    #[test]
    fn what_cannot_be_built_is_refused() {
        for (from, to) in [
            ("name = \"toy\"", "name = \"../toy\""),
            ("version = \"1.0\"", "version = \"\""),
            ("program =", "surprise = 1\nprogram ="),
            ("cflags =", "CFLAGS ="),
            ("cflags =", "work ="),
            ("\"data\"", "\"a/b\""),
            ("data.tar.gz\"\n        debian", "../x\"\n        debian"),
            ("debian = \"pool/main/d/data.tar.gz\"", ""),
            ("size = 3", "size = -3"),
            ("ba7816bf", "zz7816bf"),
            ("steps/first.sh", "../first.sh"),
            ("steps/first.sh", "/bin/sh"),
            ("source:data", "source:other"),
            ("option:cflags", "option:ldflags"),
            ("[\"-W\"]", "[\"W\"]"),
            ("with_argument", "without_argument"),
            ("\"port\"", "\"step:second\""),
            ("\"port\"", "\"../port\""),
            ("name = \"second\"", "name = \"first\""),
            ("toolchain.toml", "../toolchain.toml"),
            ("[options]", "[snapshot]\n[options]"),
        ] {
            let text = RECIPE.replacen(from, to, 1);
            assert_ne!(text, RECIPE, "{from}");
            assert!(parse(&text).is_err(), "{to}");
        }
    }

    /// A step has the options that its script and the tools beside it read, and no others:
    /// with one too many a change of that would build for nothing.
    fn check_options(guests: &crate::guests::Guests, recipe: &Recipe, folder: &Path) {
        for step in &recipe.steps {
            let tools = step.needs().filter_map(|need| match need {
                Need::File(path) if path.extension().is_some() => Some(path.to_owned()),
                _ => None,
            });
            let files = tools.chain([folder.join(&step.script)]);
            let texts: String = files.map(|file| guests.text(&file).expect("text")).collect();
            for option in recipe.options.keys() {
                // The longer of two names that begin alike is not the shorter.
                let variable = format!("BELLGLASS_{}", option.to_ascii_uppercase());
                let is_end =
                    |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
                let is_read =
                    texts.match_indices(&variable).any(|(at, _)| is_end(&texts[at + variable.len()..]));
                let is_needed = step.needs().any(|need| need == Need::Option(option));
                assert_eq!(is_read, is_needed, "{}: the step '{}' and '{option}'", recipe.name, step.name);
            }
        }
    }

    #[test]
    fn the_built_in_recipes_are_read() {
        let guests = crate::guests::Guests::built_in();
        let names = guests.recipes();
        assert!(!names.is_empty());
        for file in names {
            let recipe = guests.recipe(&file).expect("a recipe");
            check_options(&guests, &recipe, file.parent().expect("a folder"));
            let toolchain = PathBuf::from(&recipe.toolchain);
            Toolchain::parse(&guests.text(&toolchain).expect("text"), &toolchain).expect("a toolchain");
        }
    }
}
