//! `bellglass doctor`

use crate::say::{self, Lines};
use crate::units::size;
use bellglass::{ENGINE, ImageError, Probe, Store, Wall, probe, walls};
use bellglass_build::{is_compiled_for_this, smallest_module};
use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};

/// Address space that a cell needs: 4 GiB for the guest's memory, of which most is
/// never used, and as much as it takes to run it.
const ADDRESS_SPACE_BYTES: u64 = 5 << 30;

/// One thing that was looked at.
struct Finding {
    /// What it belongs to: `program`, `machine`, `cell`, `walls` or `images`.
    part: &'static str,
    name: String,
    verdict: Verdict,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Good,
    /// A check that failed.
    Bad,
    /// Worth knowing, and no fault.
    Note,
}

/// Prints what was found; the exit code is 0 if nothing is bad.
pub(crate) fn doctor(json: bool) -> anyhow::Result<u8> {
    let mut findings = versions();
    findings.extend(machine());
    findings.extend(cell());
    findings.extend(images());
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    let mut out = Lines::new();
    if json {
        out.json(&say::json(&as_json(&findings))?)?;
    } else {
        print(&mut out, &findings, bad)?;
    }
    out.end()?;
    Ok(u8::from(bad > 0))
}

fn finding(
    part: &'static str,
    name: impl Into<String>,
    verdict: Verdict,
    detail: impl Into<String>,
) -> Finding {
    Finding { part, name: name.into(), verdict, detail: detail.into() }
}

fn versions() -> Vec<Finding> {
    let note = |name: &str, detail: &str| finding("program", name, Verdict::Note, detail);
    vec![note("bellglass", env!("CARGO_PKG_VERSION")), note("engine", ENGINE)]
}

/// What of the machine and of this user's limits a run depends on.
fn machine() -> Vec<Finding> {
    let kernel = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    let system = format!("{} {} {}", std::env::consts::ARCH, std::env::consts::OS, kernel("osrelease"));
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let note = |name: &str, detail: String| finding("machine", name, Verdict::Note, detail);
    let files = match getrlimit(Resource::Nofile).current {
        Some(most) => format!("at most {most} (ulimit -n)"),
        None => "any number".to_owned(),
    };
    vec![
        note("system", system),
        note("processors", processors.to_string()),
        note("seccomp", kernel("seccomp/actions_avail")),
        address_space(getrlimit(Resource::As).current),
        note("open files", files),
    ]
}

/// A guest's memory is reserved whole, long before it is used.
fn address_space(most: Option<u64>) -> Finding {
    let (verdict, detail) = match most {
        None => (Verdict::Good, "unlimited".to_owned()),
        Some(most) if most >= ADDRESS_SPACE_BYTES => {
            (Verdict::Good, format!("at most {} (ulimit -v)", size(most)))
        }
        Some(most) => {
            let (most, needed) = (size(most), size(ADDRESS_SPACE_BYTES));
            (Verdict::Bad, format!("at most {most} (ulimit -v), and a cell reserves up to {needed}"))
        }
    };
    finding("machine", "address space", verdict, detail)
}

/// Starts a cell on a module that is made here, so that it needs no image.
fn cell() -> Vec<Finding> {
    let probed = smallest_module().map_err(anyhow::Error::from).and_then(|module| Ok(probe(None, module)?));
    match probed {
        Ok(Probe { cell, start_time, walls, .. }) => {
            let found = format!("{} starts in {:.1} ms", cell.display(), start_time.as_secs_f64() * 1e3);
            let mut findings = vec![finding("cell", "bellglass-cell", Verdict::Good, found)];
            findings.extend(walls::ALL.into_iter().map(|name| wall(name, &walls)));
            findings
        }
        Err(error) => {
            vec![finding("cell", "bellglass-cell", Verdict::Bad, crate::sentence::sentence(&error))]
        }
    }
}

fn wall(name: &str, walls: &[Wall]) -> Finding {
    let found = walls.iter().find(|wall| wall.name == name);
    wall_as(name, found.map(|wall| (wall.active, wall.detail.as_str())))
}

/// A wall that the cell said so of: whether it is up, and a detail.
fn wall_as(name: &str, said: Option<(bool, &str)>) -> Finding {
    let (verdict, detail) = match said {
        Some((true, "")) => (Verdict::Good, walls::purpose(name).to_owned()),
        Some((true, detail)) => (Verdict::Good, format!("{} ({detail})", walls::purpose(name))),
        Some((false, reason)) => (Verdict::Bad, format!("not up: {reason}")),
        None => (Verdict::Bad, "not up: the program bellglass-cell does not know this wall".to_owned()),
    };
    finding("walls", name, verdict, detail)
}

fn images() -> Vec<Finding> {
    let store = match Store::open_default() {
        Ok(store) => store,
        Err(error) => return vec![finding("images", "store", Verdict::Bad, error.to_string())],
    };
    let mut findings = vec![finding("images", "store", Verdict::Note, store.folder().display().to_string())];
    match store.list() {
        Err(error) => findings.push(finding("images", "store", Verdict::Bad, error.to_string())),
        Ok(stored) if stored.is_empty() => {
            let detail = "none is built yet: the first run builds one, or 'bellglass image build python'";
            findings.push(finding("images", "images", Verdict::Note, detail));
        }
        Ok(stored) => findings.extend(stored.into_iter().map(|one| match one.image {
            // What an older or newer version left there is no fault.
            Err(error @ ImageError::WrongFormat { .. }) => {
                finding("images", one.full_name, Verdict::Note, error.to_string())
            }
            Err(error) => finding("images", one.full_name, Verdict::Bad, error.to_string()),
            Ok(image) => match image.verify() {
                Err(error) => finding("images", one.full_name, Verdict::Bad, error.to_string()),
                Ok(()) if !is_compiled_for_this(&image) => {
                    let detail = "compiled for another engine: the next run compiles it again";
                    finding("images", one.full_name, Verdict::Note, detail)
                }
                Ok(()) => {
                    let detail = format!("{}, and its digests match", size(image.manifest().size()));
                    finding("images", one.full_name, Verdict::Good, detail)
                }
            },
        })),
    }
    findings
}

fn print(out: &mut Lines, findings: &[Finding], bad: usize) -> std::io::Result<()> {
    let mut part = "";
    for finding in findings {
        if finding.part != part {
            part = finding.part;
            out.line(format_args!("{part}"))?;
        }
        let mark = match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Bad => "BAD",
            Verdict::Note => "",
        };
        out.line(format_args!("  {mark:3}  {:22}  {}", finding.name, finding.detail))?;
    }
    match bad {
        0 => out.line(format_args!("all checks passed")),
        1 => out.line(format_args!("one check failed: see BAD above")),
        _ => out.line(format_args!("{bad} checks failed: see BAD above")),
    }
}

fn as_json(findings: &[Finding]) -> Value {
    let one = |finding: &Finding| {
        let verdict = match finding.verdict {
            Verdict::Good => "good",
            Verdict::Bad => "bad",
            Verdict::Note => "note",
        };
        json!({"part": finding.part, "name": finding.name, "state": verdict, "detail": finding.detail})
    };
    let good = findings.iter().all(|finding| finding.verdict != Verdict::Bad);
    json!({"good": good, "findings": findings.iter().map(one).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_address_space_is_bad() {
        assert!(address_space(None).verdict == Verdict::Good);
        let small = address_space(Some(2 << 30));
        assert!(
            small.verdict == Verdict::Bad && small.detail.contains("reserves up to 5 GiB"),
            "{}",
            small.detail
        );
    }

    #[test]
    fn a_wall_that_is_down_is_bad_and_says_why() {
        let found = wall_as("landlock", Some((false, "not switched on")));
        assert!(found.verdict == Verdict::Bad && found.detail == "not up: not switched on");
        assert!(wall_as("descriptors", None).verdict == Verdict::Bad);
        assert!(wall_as("descriptors", Some((true, ""))).verdict == Verdict::Good);
    }
}
