//! Getting what the image lacks: the package `test`, from the very source that
//! the image was built from.

use crate::arguments::Arguments;
use anyhow::{Context, bail};
use bellglass::cache_directory;
use bellglass::{Access, Capture, Image, Limits, Manifest, Mount, Output, Sandbox, Store};
use bellglass_build::{BuildRequest, Display, Variant, build, unpack_source};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The usual image, and the one with the modules that only tests need.
const USUAL: &str = "python";
const WITH_TEST_MODULES: &str = "python-tests";

/// The image that the arguments ask for, built first if it is not there.
pub(crate) fn image(arguments: &Arguments) -> anyhow::Result<Image> {
    let mut request = BuildRequest::new(USUAL);
    match &arguments.image {
        Some(name) => return Ok(Store::open_default()?.find(name)?),
        None if arguments.sample => {}
        None => {
            let options = [("test_modules".to_owned(), "yes".to_owned())].into();
            request.variant = Some(Variant { name: WITH_TEST_MODULES.to_owned(), options });
            // For the native interpreter in it.
            request.keep_work = true;
        }
    }
    Ok(build(&request, &Display::new())?)
}

/// The native interpreter that the build of the image with the test modules has
/// left.
pub(crate) fn native_python(image: &Image) -> anyhow::Result<PathBuf> {
    let Manifest { name, version, .. } = image.manifest();
    let folder = cache_directory()?.join("build").join(format!("{name}-{version}"));
    let python = folder.join("work/build-python/python");
    if !python.is_file() {
        bail!(
            "there is no {}: name a native interpreter, or remove the image to build it anew",
            python.display()
        );
    }
    Ok(python)
}

/// Where the guest's library is, which the package goes into.
pub(crate) fn library(image: &Image) -> anyhow::Result<String> {
    let program = &image.manifest().argument_zero;
    match program.rsplit_once("/bin/") {
        Some((prefix, version)) => Ok(format!("{prefix}/lib/{version}")),
        None => bail!("the image's program is '{program}', and no library belongs to that"),
    }
}

/// The folder of the package `test`; unpacked if it was not before.
pub(crate) fn package(image: &Image, folder: &Path) -> anyhow::Result<PathBuf> {
    let version = &image.manifest().version;
    let installed = folder.join(format!("{USUAL}@{version}"));
    if installed.is_dir() {
        return Ok(installed);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let staging = tempfile::tempdir_in(folder)?;
    let source = staging.path().join("source");
    unpack_source(&format!("{USUAL}@{version}"), "cpython", &source, &Display::new())?;
    let package = source.join("Lib/test");
    compile(image, &package)?;
    // In one step, so that it is whole if it is there.
    fs::rename(&package, &installed).with_context(|| format!("cannot make {}", installed.display()))?;
    Ok(installed)
}

/// Compiles what every test file imports; the guest itself does it. The rest is
/// imported once a run.
fn compile(image: &Image, package: &Path) -> anyhow::Result<()> {
    let place = format!("{}/test", library(image)?);
    let parts = ["__init__.py", "support", "libregrtest"].map(|part| format!("{place}/{part}"));
    let printed = Capture::new();
    let report = Sandbox::builder(Image::open(image.path())?)
        .arguments(["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"])
        .arguments(parts)
        .mount(Mount::directory(package, place, Access::ReadWrite))
        .limits(Limits { timeout: Some(Duration::from_secs(600)), ..Limits::default() })
        .stdout(Output::Capture(printed.clone()))
        .stderr(Output::Capture(printed.clone()))
        .build()?
        .run();
    if !report.outcome.is_success() {
        let text = String::from_utf8_lossy(&printed.bytes()).into_owned();
        bail!("the guest cannot compile its test package ({:?}): {text}", report.outcome);
    }
    Ok(())
}
