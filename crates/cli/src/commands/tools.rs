//! `bellglass cc` and the other tools of the compiler.

use crate::say::say;
use anyhow::Context;
use bellglass_build::{Display, cxx, kit};
use bellglass_driver::{Tool, needs_cxx, run};
use std::ffi::OsString;
use std::path::Path;

/// How a link to the command begins that stands for one of its tools, for build
/// systems that cannot take a compiler of two words: `bellglass-cc`.
const LINK_PREFIX: &str = "bellglass-";

/// Runs a tool if the line names one, and gives its exit code.
pub(crate) fn run_if_named(mut line: impl Iterator<Item = OsString>) -> Option<u8> {
    let own = line.next()?;
    let name = Path::new(&own).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let by_link = name.strip_prefix(LINK_PREFIX).and_then(Tool::named);
    let tool = by_link.or_else(|| line.next().and_then(|name| Tool::named(name.to_str()?)))?;
    let code = execute(tool, line.collect()).unwrap_or_else(|error| {
        say!("{}", crate::sentence::sentence(&error));
        1
    });
    Some(code)
}

fn execute(tool: Tool, arguments: Vec<OsString>) -> anyhow::Result<u8> {
    let display = Display::new();
    let kit = kit(None, &display)?;
    let cxx = if needs_cxx(tool, &arguments)? { Some(cxx(&kit, None, &display)?) } else { None };
    let own = std::env::current_exe().context("cannot find the bellglass command itself")?;
    Ok(run(tool, arguments, &kit, cxx.as_ref(), &own)?)
}
