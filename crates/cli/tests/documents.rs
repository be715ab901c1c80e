use crate::harness::{Finished, Scratch, process, workspace};
use std::collections::BTreeSet;
use std::fs;

fn read(name: &str) -> String {
    fs::read_to_string(workspace().join(name)).expect(name)
}

/// The lines of a page's shell blocks, without their comments.
fn shell_lines(page: &str) -> Vec<String> {
    let text = read(page);
    let mut lines = Vec::new();
    for block in text.split("```sh\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        let command = |line: &str| line.split("  #").next().unwrap_or(line).trim().to_owned();
        lines.extend(block.lines().map(command).filter(|line| !line.is_empty()));
    }
    lines
}

/// A place with all that the pages' commands name.
fn furnished() -> Scratch {
    let place = Scratch::new();
    place.write("script.py", "import sys\nprint('ran with', sys.argv[1:])\n");
    place.write("data/one.txt", "1\n");
    place.write("out/.keep", "");
    place
}

/// Runs a line of a page with `bellglass` as the built command.
fn shell(place: &Scratch, line: &str) -> Finished {
    let mut own = place.bellglass::<&str>([]);
    let folder = std::path::Path::new(own.get_program()).parent().expect("a folder").to_owned();
    let mut search = folder.into_os_string();
    search.push(":");
    search.push(std::env::var_os("PATH").unwrap_or_default());
    let variables: Vec<_> =
        own.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    own = std::process::Command::new("sh");
    own.args(["-c", line]).current_dir(place.work()).env_clear().envs(variables).env("PATH", search);
    process::finish(&mut own, process::Stdin::Nothing)
}

#[test]
fn the_commands_of_the_readme_work() {
    let place = furnished();
    let lines = shell_lines("README.md");
    let ours: Vec<&String> =
        lines.iter().filter(|line| line.contains("bellglass ") && !line.starts_with("cargo")).collect();
    assert!(ours.len() >= 10, "the page has its commands: {ours:?}");
    for line in ours {
        let finished = shell(&place, line);
        assert_eq!(finished.code, 0, "{line}: {}", finished.all());
    }
    assert!(place.work().join("report.json").is_file());
}

#[test]
fn the_first_command_of_the_readme_is_the_example() {
    let lines = shell_lines("README.md");
    assert_eq!(lines[..2], ["cargo bellglass run examples/hello.py", "cargo xtask test"]);
    let place = Scratch::new();
    let example = workspace().join("examples/hello.py");
    let finished = place.run([example.to_str().expect("a path")]);
    let finished = finished.expect(0);
    assert_eq!(finished.out().matches("I tried to").count(), 4, "{}", finished.all());
}

#[test]
fn the_commands_about_images_work() {
    let place = furnished();
    for line in shell_lines("docs/images.md") {
        // These would take minutes, or take the image away.
        if line.contains("remove") || line.contains("3.13.15") {
            continue;
        }
        let finished = shell(&place, &line);
        assert_eq!(finished.code, 0, "{line}: {}", finished.all());
    }
}

#[test]
fn the_recipe_on_the_page_about_images_is_the_one_that_is_built() {
    let page = read("docs/images.md");
    let (_, block) = page.split_once("```toml\n").expect("the page shows a recipe");
    let shown: toml::Table = block.split("```").next().expect("a block ends").parse().expect("TOML");
    let built: toml::Table = read("guests/python/recipe-3.13.15.toml").parse().expect("TOML");
    assert_eq!(shown, built);
}

#[test]
fn the_commands_about_files_work() {
    let place = furnished();
    place.write("project/notes.txt", "one\n");
    place.write("tidy.py", "open('/project/notes.txt', 'a').write('two\\n')\n");
    let made = "import tarfile, zipfile\n\
        zipfile.ZipFile('/made/data.zip', 'w').writestr('one.txt', 'one')\n\
        tarfile.open('/made/data.tar.gz', 'w:gz').close()\n";
    place.write("made/.keep", "");
    place.code(&["--dir", "made:/made:rw"], made).expect(0);
    for name in ["data.zip", "data.tar.gz"] {
        fs::rename(place.work().join("made").join(name), place.work().join(name)).expect("moved");
    }
    let lines = shell_lines("docs/files.md");
    assert!(lines.len() >= 8, "{lines:?}");
    for line in lines {
        let finished = shell(&place, &line);
        assert_eq!(finished.code, 0, "{line}: {}", finished.all());
    }
    assert_eq!(fs::read_to_string(place.work().join("project/notes.txt")).expect("there"), "one\ntwo\n");
}

#[test]
fn every_option_that_a_page_names_exists() {
    let place = Scratch::new();
    let help: String =
        [&["--help"][..], &["run", "--help"], &["image", "build", "--help"], &["image", "inspect", "--help"]]
            .iter()
            .map(|words| process::finish(&mut place.bellglass(words.iter()), process::Stdin::Nothing).out())
            .collect();
    for page in ["README.md", "SECURITY.md", "docs/images.md", "docs/files.md", "docs/limits.md"] {
        let text = read(page);
        let mut options = BTreeSet::new();
        for word in text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-')) {
            if word.len() > 4 && word.starts_with("--") && !word.starts_with("---") {
                options.insert(word);
            }
        }
        for option in options {
            assert!(help.contains(option), "{page} names {option}, which no help does");
        }
    }
}

/// Every page of the repository, relative to it.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["", "docs/", "docs/decisions/", "guests/"] {
        for file in fs::read_dir(workspace().join(folder)).expect(folder).flatten() {
            let name = file.file_name().into_string().expect("a plain name");
            if name.ends_with(".md") {
                pages.push(format!("{folder}{name}"));
            }
        }
    }
    assert!(pages.len() >= 18, "{pages:?}");
    pages
}

/// What a heading is called in a link, as the usual viewers have it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|one| one.is_alphanumeric() || " -_".contains(*one));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    for page in pages() {
        let text = read(&page);
        let folder = workspace().join(&page).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().expect("a link ends");
            if link.contains("://") {
                continue;
            }
            let (target, section) = link.split_once('#').unwrap_or((link, ""));
            let file = if target.is_empty() { workspace().join(&page) } else { folder.join(target) };
            assert!(file.exists(), "{page} links to {target}");
            if !section.is_empty() {
                let headings = fs::read_to_string(&file).expect("a page");
                let mut headings = headings.lines().filter(|line| line.starts_with('#'));
                let leads = headings.any(|line| anchor(line.trim_start_matches('#')) == section);
                assert!(leads, "{page} links to {link}, and there is no such heading");
            }
        }
    }
}

#[test]
fn every_decision_is_on_their_page() {
    let index = read("docs/decisions/README.md");
    for page in pages().iter().filter_map(|page| page.strip_prefix("docs/decisions/0")) {
        assert!(index.contains(&format!("](0{page})")), "docs/decisions/README.md lacks 0{page}");
    }
}

#[test]
fn the_changelog_begins_with_what_is_to_be_released() {
    let text = read("CHANGELOG.md");
    let first = text.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## TBD"), "what comes next has its place, also right after a release");
    let types = ["FEATURE", "CHANGE", "FIX", "SECURITY", "PERF"];
    for entry in text.lines().filter(|line| line.starts_with("- ")) {
        let word = entry.trim_start_matches("- ").split(':').next().unwrap_or_default();
        assert!(types.contains(&word), "an entry begins with its type: {entry}");
    }
}

/// The pages that say what is so now, and the words in backticks of each. What the changelog
/// names may be gone.
fn words_of_pages() -> Vec<(String, Vec<String>)> {
    let present = pages().into_iter().filter(|page| page != "CHANGELOG.md");
    let words = |page: &str| {
        let text = read(page);
        // A block begins and ends with three, which leaves the count of the others even.
        let words = text.split('`').skip(1).step_by(2).filter(|word| !word.contains('\n'));
        words.map(str::to_owned).collect()
    };
    present.map(|page| (page.clone(), words(&page))).collect()
}

/// Every source of the crates, by its path.
fn sources() -> Vec<(String, String)> {
    let (mut folders, mut sources) = (vec![workspace().join("crates")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                sources.push((path.to_str().expect("a plain name").to_owned(), text));
            }
        }
    }
    sources
}

/// A page that names a file or folder of the repository is not left behind when that
/// is moved; nor if it names a source by the end of its path.
#[test]
fn the_files_that_the_pages_name_are_there() {
    const TOPS: [&str; 8] =
        ["crates/", "guests/", "docs/", "fuzz/", "benches/", "examples/", "xtask/", ".ci/"];
    let sources = sources();
    let mut found = 0;
    for (page, words) in words_of_pages() {
        for word in words {
            if !word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-{},".contains(&byte)) {
                continue;
            }
            let is_path = TOPS.iter().any(|top| word.starts_with(top));
            if !is_path && !word.ends_with(".rs") {
                continue;
            }
            let (before, rest) = word.split_once('{').unwrap_or((&word, ""));
            let (choices, after) = rest.split_once('}').unwrap_or(("", ""));
            for choice in choices.split(',') {
                let path = format!("{before}{choice}{after}");
                if path.contains("NAME") || path.contains("OLD") || path.contains("VERSION") {
                    continue;
                }
                let is_there = match is_path {
                    true => workspace().join(&path).exists(),
                    false => sources.iter().any(|(file, _)| file.ends_with(&format!("/{path}"))),
                };
                assert!(is_there, "{page} names {path}");
                found += 1;
            }
        }
    }
    assert!(found > 100, "{found} names");
}

/// What a page calls `Type::item` is so called in a source that has both names, and not in
/// its comments alone.
#[test]
fn the_items_that_the_pages_name_are_there() {
    // Of the languages of other guests.
    const FOREIGN: [&str; 2] = ["std::bad_alloc", "Fiber::start"];
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let sources = sources();
    let names_of = |text| -> BTreeSet<&str> {
        let code = str::lines(text).filter(|line| !line.trim_start().starts_with("//"));
        code.flat_map(|line| line.split(|one| !is_part(one))).collect()
    };
    let names: Vec<BTreeSet<&str>> = sources.iter().map(|(_, text)| names_of(text)).collect();
    let mut found = 0;
    for (page, words) in words_of_pages() {
        for word in words {
            let path = word.split(['(', '<']).next().unwrap_or_default();
            let is_item = path.contains("::") && path.chars().all(|one| is_part(one) || one == ':');
            if !is_item || FOREIGN.contains(&path) {
                continue;
            }
            let has_all = |names: &BTreeSet<&str>| path.split("::").all(|part| names.contains(part));
            assert!(names.iter().any(has_all), "{page} names {word}");
            found += 1;
        }
    }
    assert!(found > 20, "{found} names");
}

#[test]
fn the_table_of_exit_codes_is_the_same_everywhere() {
    let place = Scratch::new();
    let help = process::finish(&mut place.bellglass(["run", "--help"]), process::Stdin::Nothing).out();
    let page = read("docs/limits.md");
    let (_, table) = help.split_once("Exit codes:\n").expect("the help has the table");
    let rows: Vec<&str> = table.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for row in &rows {
        let (code, when) = row.split_once("  ").expect("a code and when");
        let row = format!("| {code} | {} |", when.trim());
        assert!(page.contains(&row), "docs/limits.md lacks {row}");
    }
    let (_, of_page) = page.split_once("| code | when |").expect("the page has the table");
    assert_eq!(of_page.matches("\n| ").count(), rows.len() + 1, "the page has these rows and no more");
    let readme = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [
        "124 deadline",
        "137 another limit",
        "134 the interpreter crashed",
        "126 refused",
        "125 bellglass failed",
        "2 usage",
    ] {
        assert!(readme.contains(text), "the README lacks {text}");
    }
}

#[test]
fn the_page_about_cpythons_tests_has_each_expected_failure() {
    let list: toml::Table = read("guests/python/expected-failures.toml").parse().expect("TOML");
    let mut listed = BTreeSet::new();
    for cause in list["cause"].as_array().expect("causes") {
        for kind in ["fails", "ends"] {
            let tests = cause.get(kind).and_then(toml::Value::as_table);
            listed.extend(tests.into_iter().flat_map(toml::Table::keys).cloned());
        }
    }
    let page = read("docs/regrtest.md");
    let failures = page.split("## Files that CPython's own marks skip").next().expect("a beginning");
    let shown: BTreeSet<String> = failures
        .lines()
        .filter_map(|line| line.strip_prefix("| `test_")?.split('`').next())
        .map(|rest| format!("test_{rest}"))
        .collect();
    assert_eq!(shown, listed, "write the page again with `cargo xtask regrtest --document`");
}

#[test]
fn every_limit_stands_on_its_page() {
    let place = Scratch::new();
    let help = process::finish(&mut place.bellglass(["run", "--help"]), process::Stdin::Nothing).out();
    let (_, limits) = help.split_once("\nLimits:\n").expect("the help has limits");
    let limits = limits.split("\n\n\n").next().unwrap_or(limits);
    let page = read("docs/limits.md");
    let options: Vec<&str> = limits
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter_map(|line| line.trim().strip_prefix("--")?.split(' ').next())
        .collect();
    assert!(options.len() >= 14, "{options:?}");
    for option in options {
        assert!(page.contains(&format!("`--{option}")), "docs/limits.md lacks --{option}");
    }
    assert!(page.contains("| 1,032,192 |"), "what one call reads or writes at most");
    assert_eq!(bellglass_system::CALL_BYTES, 1_032_192);
}

/// A number as the pages write it, with the unit that it has there.
fn number(text: &str) -> Option<u64> {
    let mut words = text.split(' ');
    let number: u64 = words.next()?.replace(',', "").parse().ok()?;
    match words.next() {
        None | Some("s") => Some(number),
        Some("MiB") => Some(number << 20),
        Some("GiB") => Some(number << 30),
        Some(_) => None,
    }
}

#[test]
fn the_page_about_limits_has_the_numbers_of_the_library() {
    let limits = serde_json::to_value(bellglass::Limits::default()).expect("JSON");
    let page = read("docs/limits.md");
    let mut compared = 0;
    for row in page.lines().filter(|line| line.starts_with("| `--")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let (field, shown) = (cells[2], cells[3]);
        if field == "CompileLimits::memory_bytes" {
            assert_eq!(number(shown), Some(bellglass_build::CompileLimits::default().memory_bytes), "{row}");
            continue;
        }
        // Times have their unit in the report's name of them.
        let named = ["", "_seconds"].iter().find_map(|unit| limits.get(format!("{field}{unit}")));
        let value = named.or_else(|| limits.get(field.replace("_time", "_seconds")));
        // `longest_sleep` and the like are told in seconds as well.
        let value = value.unwrap_or_else(|| panic!("Limits has no {field}: {limits}"));
        match value {
            serde_json::Value::Null => assert_eq!(shown, "none", "{row}"),
            serde_json::Value::String(text) => assert_eq!(shown, text, "{row}"),
            _ => {
                let shown = if shown == "none" { Some(0) } else { number(shown) };
                assert_eq!(shown.map(|number| number as f64), value.as_f64(), "{row}");
            }
        }
        compared += 1;
    }
    assert!(compared >= 14, "{compared} rows");
}

#[test]
fn the_page_about_security_has_the_walls_that_there_are() {
    let page = read("SECURITY.md");
    let (_, table) = page.split_once("| wall | what it does |").expect("the page has the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    let named: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(named, bellglass::walls::ALL.into_iter().collect());
}

#[test]
fn the_pages_name_the_version_that_is_run() {
    let place = Scratch::new();
    let version = place.code(&[], "import sys; print(sys.version.split()[0])").expect(0).out();
    let version = version.trim();
    assert!(read("docs/differences.md").contains(&format!("CPython {version} as it is")));
    assert!(read("docs/images.md").contains(&format!("`guests/python/recipe-{version}.toml`")));
    let (minor, _) = version.rsplit_once('.').expect("three parts");
    assert!(read("README.md").contains(&format!("CPython {minor} with its whole standard library")));
}

#[test]
fn the_commands_about_limits_work() {
    let place = furnished();
    for line in shell_lines("docs/limits.md") {
        let finished = shell(&place, &line);
        assert_eq!(finished.code, 0, "{line}: {}", finished.all());
    }
}
