//! Each module of the standard library imports, or says in a line why not. The
//! table in `docs/modules.md` is made from the run.

use crate::harness::{self, Scratch};

const PROGRAM: &str = r#"
import contextlib, importlib, io, os, sys, warnings
warnings.simplefilter("ignore")
for name in sorted(sys.stdlib_module_names):
    try:
        # Two of them print as they are imported; antigravity opens a browser.
        if name != "antigravity":
            with contextlib.redirect_stdout(io.StringIO()):
                importlib.import_module(name)
        print(name, "imports", sep="\t")
    except ImportError as error:
        print(name, str(error).split(": ", 1)[-1], sep="\t")
"#;

const HEAD: &str = "\
# Modules of the standard library

Each name of `sys.stdlib_module_names` in the image of CPython 3.14, as the tests
find it: what imports, and why the others do not. This file is generated
(`cargo xtask docs`).

";

#[test]
fn docs_list_each_module_as_it_is() {
    let finished = Scratch::new().code(&["--timeout", "200s"], PROGRAM).expect(0);
    let text = finished.out();
    let rows: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(rows.len() > 280, "{}", finished.all());
    let missing: Vec<_> = rows.iter().filter(|(_, what)| *what != "imports").collect();
    for (name, reason) in &missing {
        assert!(
            !reason.is_empty() && !reason.starts_with("No module named"),
            "{name} says no reason: {reason}"
        );
    }
    let mut page = HEAD.to_owned();
    page.push_str(&format!("## {} do not import\n\n| module | why |\n| --- | --- |\n", missing.len()));
    for (name, reason) in &missing {
        page.push_str(&format!("| `{name}` | {reason} |\n"));
    }
    page.push_str(&format!("\n## {} import\n\n", rows.len() - missing.len()));
    for (name, _) in rows.iter().filter(|(_, what)| *what == "imports") {
        page.push_str(&format!("`{name}`\n"));
    }
    harness::compare("the table of modules", &page, &harness::workspace().join("docs/modules.md"));
}
