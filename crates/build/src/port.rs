//! The C library of guests: musl's own sources and our port, compiled into a sysroot.
//!
//! A file of the port's `src` takes the place of musl's file of the same path; all
//! other files of musl are compiled as they are.

mod calls;
mod types;

use crate::build::downloads;
use crate::error::BuildError;
use crate::guests::Guests;
use crate::progress::{Event, Progress};
use crate::recipe::RecipeError;
use crate::source::Source;
use crate::unpack::{TopFolder, unpack};
use bellglass_driver::{Kit, Object, make_library, make_objects};
use calls::Calls;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The port's folder in that of guests.
pub(crate) const FOLDER: &str = "port";

/// The file that pins what is not ours, in the port's folder.
const SOURCES: &str = "port/sources.toml";

/// The C library's source in that file.
const MUSL: &str = "musl";

/// The folder of the machine: in the port, and the one of musl's that is most like it.
/// What the port has no header of its own for is as on that machine.
const MACHINE: &str = "arch/wasm32";
const LIKE_MACHINE: &str = "arch/riscv32";
const ANY_MACHINE: &str = "arch/generic";

/// The folders of the kernel's headers that are the same on all machines.
const KERNEL: [&str; 8] = ["asm-generic", "linux", "misc", "mtd", "rdma", "sound", "video", "xen"];

/// The one of them that a machine has for itself, and which is ours.
const BYTE_ORDER: &str = "#include <linux/byteorder/little_endian.h>\n";

/// Which of musl's two is its malloc.
const MALLOC: &str = "src/malloc/oldmalloc";

/// How all of it is compiled. What musl asks for itself, and the optimisation without
/// which each call would be every call. What musl's own compiler warns of is its own.
const FLAGS: [&str; 11] = [
    "-std=c99",
    "-ffreestanding",
    "-nostdinc",
    "-D_XOPEN_SOURCE=700",
    "-O2",
    "-w",
    "-fno-strict-aliasing",
    "-fno-math-errno",
    "-ffunction-sections",
    "-fdata-sections",
    "-Werror=implicit-function-declaration",
];

/// Libraries that programs are linked with by name, and whose functions are in the C
/// library: each is an empty one.
const EMPTY_LIBRARIES: [&str; 8] = ["m", "rt", "pthread", "crypt", "util", "xnet", "resolv", "dl"];

/// What is compiled from other sources than ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    #[serde(rename = "source")]
    sources: Vec<Source>,
}

/// The source of this name.
pub(crate) fn source(guests: &Guests, name: &str) -> Result<Source, RecipeError> {
    let file = Path::new(SOURCES);
    let error = |reason: String| RecipeError { file: file.to_owned(), reason };
    let text = guests.text(file).map_err(|reason| error(reason.to_string()))?;
    let read: Sources = toml::from_str(&text).map_err(|reason| error(reason.to_string()))?;
    for source in &read.sources {
        source.check().map_err(error)?;
    }
    let found = read.sources.into_iter().find(|source| source.name == name);
    found.ok_or_else(|| error(format!("it has no source '{name}'")))
}

/// Makes the sysroot of `kit`, with all that it takes on the way in `staging`.
pub(crate) fn make(
    guests: &Guests,
    kit: &Kit,
    staging: &Path,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    let io = |action, path: &Path| BuildError::io(action, path.to_owned());
    let source = source(guests, MUSL)?;
    let archive = downloads(cache, progress)?.fetch(&source)?;
    let musl = staging.join("musl");
    unpack(&[(archive, source.file)], &musl, TopFolder::Strip, &|name| progress.event(Event::Line(name)))?;
    guests.copy(Path::new(FOLDER), staging).map_err(io("write", staging))?;
    let port = staging.join(FOLDER);
    let own = staging.join("own");
    let include = kit.sysroot().join("include");

    let calls = port.join("calls.txt");
    let text = fs::read_to_string(&calls).map_err(io("read", &calls))?;
    let calls = Calls::parse(&text).map_err(|reason| RecipeError { file: calls, reason })?;
    let headers = [
        (include.clone(), musl.join("include")),
        (include.join("bits"), musl.join(ANY_MACHINE).join("bits")),
        (include.join("bits"), musl.join(LIKE_MACHINE).join("bits")),
        (include.join("bits"), port.join(MACHINE).join("bits")),
        (include.clone(), port.join("include")),
    ];
    for (to, from) in headers {
        let is_header = |path: &Path| path.extension().is_some_and(|end| end == "h");
        copy_files(&from, &to, &is_header).map_err(io("copy", &from))?;
    }
    kernel_headers(&kit.kernel_headers(), &include).map_err(io("copy", &kit.kernel_headers()))?;
    // Of what its machine has for rounding, a guest has nothing.
    let rounding = musl.join(ANY_MACHINE).join("bits/fenv.h");
    fs::copy(&rounding, include.join("bits/fenv.h")).map_err(io("copy", &rounding))?;
    let mut types = String::new();
    for file in [port.join(MACHINE).join("bits/alltypes.h.in"), musl.join("include/alltypes.h.in")] {
        types.push_str(&fs::read_to_string(&file).map_err(io("read", &file))?);
    }
    fs::create_dir_all(&own).map_err(io("make", &own))?;
    let version = musl.join("VERSION");
    let version_text = fs::read_to_string(&version).map_err(io("read", &version))?;
    for (path, text) in [
        (include.join("bits/alltypes.h"), types::header(&types)),
        (include.join("bits/syscall.h"), calls.numbers()),
        (own.join("calls.h"), calls.list()),
        (own.join("version.h"), format!("#define VERSION \"{}\"\n", version_text.trim())),
    ] {
        fs::write(&path, text).map_err(io("write", &path))?;
    }

    let mut folders = vec![port.join(MACHINE), own, musl.join("src/include"), musl.join("src/internal")];
    folders.extend([
        port.join("src/kernel"),
        port.join("src"),
        include,
        musl.join(ANY_MACHINE),
        musl.clone(),
    ]);
    let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
    flags.extend(folders.iter().map(|folder| format!("-I{}", folder.display())));
    // What it writes of the names of files must not tell where it was made.
    flags.push(format!("-ffile-prefix-map={}=/usr/src", staging.display()));

    let library = kit.sysroot().join("lib");
    fs::create_dir_all(&library).map_err(io("make", &library))?;
    let files = sources(&musl, &port).map_err(io("read", &musl))?;
    let objects: Vec<Object> = files
        .into_iter()
        .map(|(name, source)| Object {
            output: match name.strip_prefix("crt") {
                Ok(start) => library.join(start).with_extension("o"),
                Err(_) => staging.join("objects").join(flat(&name)),
            },
            source,
        })
        .collect();
    fs::create_dir_all(staging.join("objects")).map_err(io("make", staging))?;
    progress.event(Event::Line("the C library"));
    if make_objects(kit, &objects, &flags)? != 0 {
        return Err(BuildError::Library);
    }
    let members: Vec<PathBuf> =
        objects.into_iter().map(|object| object.output).filter(|path| !path.starts_with(&library)).collect();
    for (name, members) in EMPTY_LIBRARIES.iter().map(|name| (*name, &[][..])).chain([("c", &members[..])]) {
        if make_library(kit, members, &library.join(format!("lib{name}.a")))? != 0 {
            return Err(BuildError::Library);
        }
    }
    Ok(())
}

/// Copies Linux's own headers, which programs for Linux include beside those of their C
/// library. Our machine has all of the generic ones and no more, as a new machine of the
/// kernel's would.
fn kernel_headers(from: &Path, include: &Path) -> io::Result<()> {
    let is_header = |path: &Path| path.extension().is_some_and(|end| end == "h");
    for folder in KERNEL {
        copy_files(&from.join(folder), &include.join(folder), &is_header)?;
    }
    let own = include.join("asm");
    fs::create_dir_all(&own)?;
    for header in fs::read_dir(include.join("asm-generic"))? {
        let name = header?.file_name();
        let text = format!("#include <asm-generic/{}>\n", name.to_string_lossy());
        fs::write(own.join(&name), text)?;
    }
    fs::write(own.join("byteorder.h"), BYTE_ORDER)
}

/// An object's name, different for each path.
fn flat(name: &Path) -> String {
    name.with_extension("o").to_string_lossy().replace(std::path::MAIN_SEPARATOR, "-")
}

/// Copies those files of a folder, and of all in it, that are wanted.
pub(crate) fn copy_files(from: &Path, to: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_files(&path, &target, is_wanted)?;
        } else if is_wanted(&path) {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// The files to compile, by their place in the library's source.
fn sources(musl: &Path, port: &Path) -> std::io::Result<BTreeMap<PathBuf, PathBuf>> {
    let mut found = BTreeMap::new();
    for folder in fs::read_dir(musl.join("src"))? {
        add_sources(musl, &folder?.path(), &mut found)?;
    }
    add_sources(musl, &musl.join(MALLOC), &mut found)?;
    // The port's own stand in front of musl's.
    for folder in fs::read_dir(port.join("src"))? {
        add_sources(port, &folder?.path(), &mut found)?;
    }
    add_sources(port, &port.join("crt"), &mut found)?;
    Ok(found)
}

/// Adds the C files that are in a folder itself: those below are of machines.
fn add_sources(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, PathBuf>) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "c")
            && let Ok(name) = path.strip_prefix(root)
        {
            found.insert(name.to_owned(), path.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_says_where_its_source_is() {
        let source = source(&Guests::built_in(), MUSL).expect("a source");
        assert!(source.debian.is_some() && source.size > 1_000_000);
    }

    #[test]
    fn a_file_of_the_port_stands_in_front_of_one_of_the_same_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "").expect("written");
        };
        for path in [
            "musl/src/one/both.c",
            "musl/src/one/theirs.c",
            "musl/src/one/machine/other.c",
            "musl/src/one/header.h",
            "musl/src/malloc/oldmalloc/malloc.c",
            "musl/src/malloc/mallocng/malloc.c",
            "port/src/one/both.c",
            "port/src/two/ours.c",
            "port/crt/crt1.c",
        ] {
            write(path);
        }
        let found = sources(&folder.path().join("musl"), &folder.path().join("port")).expect("sources");
        let found: Vec<String> = found
            .values()
            .map(|path| path.strip_prefix(folder.path()).expect("inside").display().to_string())
            .collect();
        assert_eq!(
            found,
            [
                "port/crt/crt1.c",
                "musl/src/malloc/oldmalloc/malloc.c",
                "port/src/one/both.c",
                "musl/src/one/theirs.c",
                "port/src/two/ours.c",
            ]
        );
    }

    #[test]
    fn the_page_of_the_sysroot_gives_a_reason_for_each_file() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sysroot.md");
        let page = fs::read_to_string(page).expect("a page");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let mut unnamed = Vec::new();
        for file in Guests::built_in().files(Path::new(FOLDER)).expect("files") {
            let name = file.strip_prefix(FOLDER).expect("below it").display().to_string();
            let folder = format!("`{}/*.c`", Path::new(&name).parent().unwrap_or(Path::new("")).display());
            if !rows.iter().any(|row| row.contains(&format!("`{name}`")) || row.contains(&folder)) {
                unnamed.push(name);
            }
        }
        assert!(unnamed.is_empty(), "docs/sysroot.md does not name {unnamed:?}");
        for name in rows.iter().flat_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`')) {
            let is_there = !name.contains('.')
                || name.contains('*')
                || Guests::built_in().bytes(&Path::new(FOLDER).join(name)).is_ok();
            assert!(is_there, "docs/sysroot.md names {name}, which is not there");
        }
    }
}
