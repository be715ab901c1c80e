//! The verbs: what each is called, what it does, and what its help says.

use crate::{deny, fuzz, sanitize, steps};

/// What stands behind `cargo xtask`.
struct Verb {
    name: &'static str,
    /// What may follow the name.
    usage: &'static str,
    /// A line for the list.
    summary: &'static str,
    /// What more there is to know.
    more: &'static str,
    help: Help,
    run: fn(&[String]) -> Result<u8, String>,
}

/// Who answers `--help`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Help {
    /// What stands here says all.
    Here,
    /// What stands here, and then the program that the verb starts, which has options
    /// of its own.
    Program,
    /// The program alone: the words are its own.
    ProgramOnly,
}

const VERBS: [Verb; 13] = [
    Verb {
        name: "bellglass",
        usage: "ARGS...",
        summary: "build what is missing, then run the bellglass command (also: cargo bellglass ARGS...)",
        more: "Builds the command and the cell, which are two builds so that the cell has no\n\
               compiler in it, and runs the command in the place of this one.",
        help: Help::ProgramOnly,
        run: steps::bellglass,
    },
    Verb {
        name: "test",
        usage: "[--quick | FILTER...]",
        summary: "build what is missing, then run all tests",
        more: "With FILTER, only the tests whose path has that text in it: `cargo xtask test\n\
               recipe::` or `cargo xtask test the_readme`. Words that begin with '-' go to the\n\
               test programs: `cargo xtask test -- --nocapture`.\n\
               \n\
               With --quick, the inner loop, under a minute after a small change: the unit\n\
               tests of the crates that have changed since the last commit (or in it, if\n\
               nothing has changed since), the integration tests in changed files, the tests\n\
               of the pages if a page has changed, and one program in a process and in a\n\
               thread. It says what it left out. All tests are run before a change lands.",
        help: Help::Here,
        run: steps::test,
    },
    Verb {
        name: "regrtest",
        usage: "[FILE...] [OPTIONS]",
        summary: "run CPython's own test suite in cells",
        more: "All of it takes about an hour; a sample of it is part of `cargo xtask test`.",
        help: Help::Program,
        run: steps::regrtest,
    },
    Verb {
        name: "interpreters",
        usage: "[NAME...] [--document]",
        summary: "run the other interpreters' own tests in cells",
        more: "Builds each interpreter by its recipe if it is not there yet; takes some minutes.",
        help: Help::Program,
        run: steps::interpreters,
    },
    Verb {
        name: "differential",
        usage: "[FAMILY...] [OPTIONS]",
        summary: "compare what programs do in cells with what this machine's kernel does",
        more: "The same programs of C do the same random sequences of operations natively and as\n\
               guests: ten thousand of each family if nothing else is said, which takes some\n\
               minutes a family. Two hundred of each are part of `cargo xtask test`. Needs Linux\n\
               and a C compiler, with which it builds the guests' C library for this machine once.",
        help: Help::Program,
        run: steps::differential,
    },
    Verb {
        name: "linux-tests",
        usage: "[FOLDER...] [OPTIONS]",
        summary: "run the POSIX test suite's tests of system calls in cells, and natively beside them",
        more: "All of it takes about half an hour; what is expected to fail, and why, is in\n\
               crates/differential/suite.toml.",
        help: Help::Program,
        run: steps::linux_tests,
    },
    Verb {
        name: "lint",
        usage: "",
        summary: "check formatting, clippy and documentation",
        more: "rustfmt, clippy with all warnings as errors, and rustdoc, for the whole workspace.",
        help: Help::Here,
        run: steps::lint,
    },
    Verb {
        name: "deny",
        usage: "",
        summary: "check licences, sources, bans and advisories of what the project depends on",
        more: "Runs cargo-deny by deny.toml. The pinned version of it is compiled once and kept\n\
               in the cache, which takes some minutes. The advisories need their database, which\n\
               is fetched; where it cannot be had, that check is skipped, which is said, and\n\
               the others are still made. With BELLGLASS_ADVISORIES=required it is a failure.",
        help: Help::Here,
        run: deny::deny,
    },
    Verb {
        name: "docs",
        usage: "",
        summary: "write the generated parts of docs/ again",
        more: "The table of modules in docs/modules.md. The tables of docs/regrtest.md,\n\
               docs/any-interpreter.md, docs/linux-tests.md and docs/performance.md come of long\n\
               runs and are written by `regrtest --document`, `interpreters --document`,\n\
               `linux-tests --document` and `bench --write-docs`.",
        help: Help::Here,
        run: steps::docs,
    },
    Verb {
        name: "bench",
        usage: "[OPTIONS]",
        summary: "run the benches, which measure and never judge",
        more: "A quarter of an hour for all of them: see docs/performance.md.",
        help: Help::Program,
        run: steps::bench,
    },
    Verb {
        name: "fuzz",
        usage: "[TARGET|all] [SECONDS]",
        summary: "run one fuzz target, or all, for some seconds each",
        more: "The targets are the files of fuzz/fuzz_targets. Each begins from the inputs in\n\
               fuzz/corpus and what was found before; what makes one fail is kept in target/fuzz.\n\
               A target fails for a panic, for memory beyond what its input may cost, for memory\n\
               or descriptors that are left behind, for a call that outlasts its deadline, and\n\
               for a file that was touched outside of what was shown.",
        help: Help::Here,
        run: fuzz::fuzz,
    },
    Verb {
        name: "sanitize",
        usage: "[FILTER]",
        summary: "run the tests of unsafe code with AddressSanitizer",
        more: "Compiles the crates whose unsafe code their own tests reach, and all that they\n\
               use, once more for that, in target/sanitize; takes a minute.",
        help: Help::Here,
        run: sanitize::sanitize,
    },
    Verb {
        name: "soak",
        usage: "[MINUTES [WORD]]",
        summary: "run good and hostile guests in one controller, for half an hour",
        more: "The controller has a memory limit and few descriptors of its own, and 32 guests at\n\
               any time, in cells, pools and threads. Each must end as it should and in time, and\n\
               between them the controller must hold no more than at first. With WORD, only the\n\
               hostile guests with that in their name are among them. Twenty seconds of it are\n\
               part of `cargo xtask test`.",
        help: Help::Here,
        run: steps::soak,
    },
];

/// Does what the words say.
pub(crate) fn run(words: &[String]) -> Result<u8, String> {
    let text: Vec<&str> = words.iter().map(String::as_str).collect();
    match text[..] {
        [] => Err(format!("say what to do: {}, or --help", names())),
        ["--help" | "-h" | "help"] => {
            print!("{}", overview());
            Ok(0)
        }
        ["help", name] => {
            print!("{}", help(find(name)?));
            Ok(0)
        }
        [name, ..] => {
            let verb = find(name)?;
            // What stands behind `--` is for the program that the verb starts.
            let asks = text[1..].iter().take_while(|word| **word != "--");
            if asks.clone().any(|word| ["--help", "-h"].contains(word)) && verb.help != Help::ProgramOnly {
                print!("{}", help(verb));
                if verb.help == Help::Here {
                    return Ok(0);
                }
                println!();
            }
            (verb.run)(&words[1..])
        }
    }
}

fn find(name: &str) -> Result<&'static Verb, String> {
    let verb = VERBS.iter().find(|verb| verb.name == name);
    verb.ok_or_else(|| format!("there is no '{name}': say {}, or --help", names()))
}

fn names() -> String {
    VERBS.map(|verb| verb.name).join(", ")
}

fn overview() -> String {
    let mut text = "The one door to the workspace.\n\nUsage: cargo xtask VERB [ARGS...]\n\n".to_owned();
    for verb in &VERBS {
        text.push_str(&format!("  {:14}{}\n", verb.name, verb.summary));
    }
    text + "\n`cargo xtask VERB --help` says more of each.\n"
}

fn help(verb: &Verb) -> String {
    let usage = format!("cargo xtask {} {}", verb.name, verb.usage);
    let (first, rest) = verb.summary.split_at(1);
    format!("{}{rest}.\n\nUsage: {}\n\n{}\n", first.to_uppercase(), usage.trim_end(), verb.more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_is_listed_and_has_a_help() {
        let overview = overview();
        for verb in &VERBS {
            assert!(overview.contains(&format!("\n  {}", verb.name)), "{}", verb.name);
            let help = help(verb);
            assert!(help.contains(&format!("Usage: cargo xtask {}", verb.name)), "{help}");
            for line in help.lines().chain(overview.lines()) {
                assert!(line.len() <= 110, "{line}");
            }
        }
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for line in ["", "tests", "help tests"] {
            let error = run(&words(line)).expect_err(line);
            assert!(error.contains("bellglass, test, regrtest"), "{error}");
        }
        for line in ["--help", "help lint", "test --help", "deny -h"] {
            assert_eq!(run(&words(line)), Ok(0), "{line}");
        }
    }
}
