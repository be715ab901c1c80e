//! Recipes that have a base: another recipe beside them, from which they differ in
//! little. What they say is laid over what the base says; nothing else of the builder
//! knows that there is such a thing.

use super::{Recipe, RecipeError};
use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use toml::{Table, Value};

/// The key that names the base.
const BASE: &str = "base";

/// What a recipe never takes from its base: what tells the two apart, and whether the
/// name alone stands for it.
const NEVER_TAKEN: [&str; 2] = ["version", "default"];

/// The lists whose members have names, by which they take the places of the base's.
const NAMED: [&str; 2] = ["source", "step"];

impl Recipe {
    /// Reads a recipe that may have a base; `file` is named in errors, and `read` gives
    /// the text of the base by its path.
    ///
    /// # Errors
    /// [`RecipeError`], which names the base's file if the base is at fault.
    pub(crate) fn parse_with_base(
        text: &str,
        file: &Path,
        read: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<Self, RecipeError> {
        let error = |reason: String| RecipeError { file: file.to_owned(), reason };
        let mut own: Table = text.parse().map_err(|reason: toml::de::Error| error(reason.to_string()))?;
        let Some(named) = own.remove(BASE) else {
            // From the text, so that errors tell the line.
            return Self::parse(text, file);
        };
        let base_file = path_of(&named, file).map_err(error)?;
        let base_text = read(&base_file)
            .map_err(|reason| error(format!("its base {} cannot be read ({reason})", base_file.display())))?;
        let base_error = |reason: String| RecipeError { file: base_file.clone(), reason };
        let mut whole: Table =
            base_text.parse().map_err(|reason: toml::de::Error| base_error(reason.to_string()))?;
        if whole.contains_key(BASE) {
            return Err(error(format!(
                "its base {} has a base itself: name a recipe without one",
                base_file.display()
            )));
        }
        let base = Self::parse(&base_text, &base_file)?;
        for key in NEVER_TAKEN {
            whole.remove(key);
        }
        lay_over(own, &mut whole).map_err(error)?;
        if !whole.contains_key("version") {
            return Err(error("it takes no 'version' from its base: it must say its own".to_owned()));
        }
        let recipe: Self = whole.try_into().map_err(|reason: toml::de::Error| error(reason.to_string()))?;
        if (&recipe.name, &recipe.version) == (&base.name, &base.version) {
            return Err(error(format!(
                "it has the name and the version of its base, {}@{}",
                base.name, base.version
            )));
        }
        recipe.check().map_err(error)?;
        Ok(recipe)
    }
}

/// Where the base lies: in the folder of the recipe, whose scripts are the base's too.
fn path_of(named: &Value, file: &Path) -> Result<PathBuf, String> {
    let plain = |name: &&str| {
        let mut parts = Path::new(name).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
    };
    match named.as_str().filter(plain) {
        Some(name) => Ok(file.with_file_name(name)),
        None => {
            Err(format!("its base is {named}, and must be the name of a recipe's file in the same folder"))
        }
    }
}

/// Puts what a recipe says in the place of what its base says: in a table key by key, in
/// a list of sources or steps name by name. New sources and steps come after the base's.
fn lay_over(own: Table, base: &mut Table) -> Result<(), String> {
    for (key, value) in own {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => below.extend(above),
            (Some(Value::Array(below)), Value::Array(above)) if NAMED.contains(&key.as_str()) => {
                replace_by_name(above, below, &key)?;
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    Ok(())
}

fn replace_by_name(above: Vec<Value>, below: &mut Vec<Value>, kind: &str) -> Result<(), String> {
    let name_of = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let mut seen = BTreeSet::new();
    for member in above {
        let name = name_of(&member).ok_or_else(|| format!("a {kind} of it has no name"))?;
        match below.iter_mut().find(|other| name_of(other).as_ref() == Some(&name)) {
            // Else the second would silently take the place of the first.
            _ if seen.contains(&name) => return Err(format!("two {kind}s are called '{name}'")),
            Some(place) => *place = member,
            None => below.push(member),
        }
        seen.insert(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::RECIPE;
    use super::*;
    use crate::guests::Guests;

    const OWN: &str = r#"
        base = "recipe-1.0.toml"
        version = "1.1"
        [options]
        ldflags = "-s"
        [[source]]
        name = "more"
        file = "more.tar.gz"
        debian = "pool/main/m/more.tar.gz"
        sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        size = 4
        [[step]]
        name = "first"
        script = "steps/other.sh"
        needs = ["source:data", "source:more"]
    "#;

    fn parse(own: &str, base: &str) -> Result<Recipe, RecipeError> {
        Recipe::parse_with_base(own, Path::new("toy/recipe-1.1.toml"), |path| {
            assert_eq!(path, Path::new("toy/recipe-1.0.toml"));
            Ok(base.to_owned())
        })
    }

    #[test]
    fn a_recipe_differs_from_its_base_in_what_it_says_and_in_nothing_else() {
        let base = RECIPE.replacen("[entry]", "default = true\n[entry]", 1);
        let recipe = parse(OWN, &base).expect("a recipe");
        let mut expected = Recipe::parse(&base, Path::new("base.toml")).expect("a recipe");
        "1.1".clone_into(&mut expected.version);
        expected.default = false;
        expected.options.insert("ldflags".to_owned(), "-s".to_owned());
        let more = recipe.sources.iter().find(|source| source.name == "more").expect("a new source").clone();
        assert_eq!(more.size, 4);
        expected.sources.push(more);
        expected.steps[0].script = "steps/other.sh".into();
        expected.steps[0].needs = vec!["source:data".to_owned(), "source:more".to_owned()];
        assert_eq!(recipe, expected);
    }

    #[test]
    fn a_recipe_without_a_base_is_read_as_it_stands() {
        let read = |_: &Path| panic!("there is no base to read");
        let recipe = Recipe::parse_with_base(RECIPE, Path::new("toy/recipe-1.0.toml"), read);
        assert_eq!(recipe, Recipe::parse(RECIPE, Path::new("toy/recipe-1.0.toml")));
    }

    #[test]
    fn what_is_wrong_is_said_of_the_file_that_is_at_fault() {
        let own = |from: &str, to: &str| {
            let text = OWN.replacen(from, to, 1);
            assert_ne!(text, OWN, "{from}");
            text
        };
        let plain = RECIPE.to_owned();
        let again = format!("{OWN}\n[[step]]\nname = \"first\"\nscript = \"steps/third.sh\"");
        for (own, base, file, words) in [
            (own("base = \"", "base = \"../"), &plain, "recipe-1.1", "the same folder"),
            (own("\"recipe-1.0.toml\"", "10"), &plain, "recipe-1.1", "the same folder"),
            (own("version = \"1.1\"", ""), &plain, "recipe-1.1", "must say its own"),
            (own("1.1", "1.0"), &plain, "recipe-1.1", "the version of its base, toy@1.0"),
            (own("[options]", "surprise = 1\n[options]"), &plain, "recipe-1.1", "surprise"),
            (own("source:more\"]", "source:none\"]"), &plain, "recipe-1.1", "the step 'first' needs"),
            (own("name = \"more\"", ""), &plain, "recipe-1.1", "a source of it has no name"),
            (own("[options]", "[options"), &plain, "recipe-1.1", "TOML parse error at line"),
            (again, &plain, "recipe-1.1", "two steps are called 'first'"),
            (OWN.to_owned(), &format!("base = \"x\"\n{RECIPE}"), "recipe-1.1", "has a base itself"),
            (OWN.to_owned(), &plain.replacen("size = 3", "size = -3", 1), "recipe-1.0", "size"),
            (OWN.to_owned(), &plain.replacen("[entry]", "[entry", 1), "recipe-1.0", "TOML parse error"),
        ] {
            let error = parse(&own, base).expect_err(words);
            let name = error.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            assert!(name.starts_with(file) && error.reason.contains(words), "{words}: {error}");
        }
        let nothing = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
        let error = Recipe::parse_with_base(OWN, Path::new("toy/recipe-1.1.toml"), nothing);
        let error = error.expect_err("no base").to_string();
        assert!(error.contains("its base toy/recipe-1.0.toml cannot be read"), "{error}");
    }

    #[test]
    fn the_second_python_differs_from_the_first_in_its_version_source_and_four_options() {
        let recipe = |name: &str| Guests::find(name).expect(name).recipe;
        let (first, second) = (recipe("python@3.14.6"), recipe("python@3.13.15"));
        let cpython = |recipe: &Recipe| recipe.sources[0].clone();
        assert_eq!(cpython(&second).file, "Python-3.13.15.tar.xz");
        let mut same = first.clone();
        "3.13.15".clone_into(&mut same.version);
        "/usr/local/bin/python3.13".clone_into(&mut same.program);
        same.default = false;
        for option in ["libraries", "patches", "source_date_epoch", "stack_size"] {
            assert_ne!(second.options[option], first.options[option]);
            same.options.insert(option.to_owned(), second.options[option].clone());
        }
        same.sources[0] = cpython(&second);
        assert_eq!(second, same);
    }
}
