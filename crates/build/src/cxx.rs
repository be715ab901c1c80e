//! C++'s libraries for guests: libc++, libc++abi and the part of libunwind that throws,
//! compiled from the compiler's own source, with exceptions and pthreads. Made when the
//! first program in C++ is compiled, for most have no use for them.

use crate::build::downloads;
use crate::error::BuildError;
use crate::guests::Guests;
use crate::port;
use crate::progress::{Event, Progress};
use crate::unpack::{TopFolder, unpack_wanted};
use bellglass_driver::{Cxx, Kit, Object, make_library, make_objects};
use bellglass_image::{FolderLock, cache_directory, digest_of_bytes, make_folder, trusted_folder};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Raise this when what is made here changes.
const CXX_VERSION: u32 = 1;

/// The compiler's source among the port's sources.
const LLVM: &str = "llvm";

/// What of it is read.
const WANTED: [&str; 6] =
    ["libcxx/include", "libcxx/src", "libcxx/vendor", "libcxxabi/include", "libcxxabi/src", "libunwind"];

/// What libc++ is told at its configuration: see `libcxx/include/__config_site.in`.
const CONFIGURATION: &str = "\
#ifndef _LIBCPP___CONFIG_SITE
#define _LIBCPP___CONFIG_SITE
#define _LIBCPP_ABI_VERSION 1
#define _LIBCPP_ABI_NAMESPACE __1
#define _LIBCPP_HAS_MUSL_LIBC
#define _LIBCPP_HAS_THREAD_API_PTHREAD
#define _LIBCPP_HAS_NO_VENDOR_AVAILABILITY_ANNOTATIONS
#define _LIBCPP_HAS_NO_TIME_ZONE_DATABASE
#define _LIBCPP_HAS_NO_STD_MODULES
#define _LIBCPP_PSTL_BACKEND_SERIAL
#define _LIBCPP_HARDENING_MODE_DEFAULT 2
#endif
";

/// The two numbers of a header of the kernel's that libc++ asks for: `futex(2)`.
const FUTEX: &str = "#define FUTEX_WAIT_PRIVATE 128\n#define FUTEX_WAKE_PRIVATE 129\n";

/// How all of it is compiled.
const FLAGS: [&str; 9] = [
    "-O2",
    "-w",
    "-D_GNU_SOURCE",
    "-DNDEBUG",
    "-fwasm-exceptions",
    "-fvisibility-inlines-hidden",
    "-ffunction-sections",
    "-fdata-sections",
    "-D_LIBCPP_ENABLE_CXX17_REMOVED_UNEXPECTED_FUNCTIONS",
];

/// And what is C++ of it.
const CXX_FLAGS: [&str; 5] = [
    "-std=c++23",
    "-nostdinc++",
    "-D_LIBCPP_BUILDING_LIBRARY",
    "-DLIBCXX_BUILDING_LIBCXXABI",
    "-D_LIBCXXABI_BUILDING_LIBRARY",
];

/// libc++'s files that are another way to do what others of them do.
const WITHOUT: [&str; 1] = ["int128_builtins.cpp"];

/// libc++abi's files for programs that throw; the others are for those that do not.
const ABI: [&str; 18] = [
    "abort_message",
    "cxa_aux_runtime",
    "cxa_default_handlers",
    "cxa_demangle",
    "cxa_exception",
    "cxa_exception_storage",
    "cxa_guard",
    "cxa_handlers",
    "cxa_personality",
    "cxa_thread_atexit",
    "cxa_vector",
    "cxa_virtual",
    "fallback_malloc",
    "private_typeinfo",
    "stdlib_exception",
    "stdlib_new_delete",
    "stdlib_stdexcept",
    "stdlib_typeinfo",
];

/// C++'s libraries for programs made by this kit, in this cache folder or in that of
/// [`cache_directory`]. What is missing is fetched and made, which takes a network and a
/// minute or two the first time.
///
/// # Errors
/// [`BuildError`]; what was done until then is kept for the next try.
pub fn cxx(kit: &Kit, cache: Option<&Path>, progress: &dyn Progress) -> Result<Cxx, BuildError> {
    let cache = match cache {
        Some(cache) => std::path::absolute(cache).map_err(BuildError::io("find", cache))?,
        None => cache_directory()?,
    };
    let guests = Guests::built_in();
    let source = port::source(&guests, LLVM)?;
    // The headers of C are in what is compiled: another kit has others. Its folder is named
    // after all that it is made of, wherever the cache lies.
    let sysroot = kit.sysroot();
    let kit_name = sysroot.parent().and_then(Path::file_name).unwrap_or_default();
    let name = format!("{CXX_VERSION} {} {}", source.sha256, kit_name.display());
    let digest = digest_of_bytes(name.as_bytes());
    let parent = cache.join("cxx");
    let folder = parent.join(digest.short());
    // It appears in one step, so it is whole if it is there.
    if folder.is_dir() {
        return Ok(Cxx::new(trusted_folder(&folder)?));
    }
    let cache = make_folder(&cache)?;
    let lock = FolderLock::take(&parent, "make", || {})?;
    let folder = lock.folder().join(digest.short());
    if !folder.is_dir() {
        let io = |action, path: &Path| BuildError::io(action, path.to_owned());
        let staging = tempfile::Builder::new().prefix(".incoming-").tempdir_in(lock.folder());
        let staging = staging.map_err(io("make a folder in", lock.folder()))?;
        let archive = downloads(&cache, progress)?.fetch(&source)?;
        let llvm = staging.path().join("llvm");
        // The first name is that of the folder which holds all.
        let is_wanted = |path: &Path| {
            let below: PathBuf = path.components().skip(1).collect();
            WANTED.iter().any(|wanted| below.starts_with(wanted))
        };
        let started = |name: &str| progress.event(Event::Line(name));
        unpack_wanted(&[(archive, source.file.clone())], &llvm, TopFolder::Strip, &is_wanted, &started)?;
        progress.event(Event::Line("the C++ library"));
        make(kit, &llvm, staging.path())?;
        let made = staging.path().join("made");
        fs::rename(&made, &folder).map_err(io("make", &folder))?;
    }
    Ok(Cxx::new(trusted_folder(&folder)?))
}

/// Makes `made/` in `staging` of LLVM's source.
fn make(kit: &Kit, llvm: &Path, staging: &Path) -> Result<(), BuildError> {
    let io = |action, path: &Path| BuildError::io(action, path.to_owned());
    let cxx = Cxx::new(staging.join("made"));
    let (include, library) = (cxx.include(), cxx.library());
    let (objects, kernel) = (staging.join("objects"), staging.join("kernel"));
    for folder in [&include, &library, &objects, &kernel.join("linux")] {
        fs::create_dir_all(folder).map_err(io("make", folder))?;
    }
    for headers in ["libcxx/include", "libcxxabi/include"] {
        port::copy_files(&llvm.join(headers), &include, &|_| true)
            .map_err(io("copy", &llvm.join(headers)))?;
    }
    let assertions = llvm.join("libcxx/vendor/llvm/default_assertion_handler.in");
    fs::copy(&assertions, include.join("__assertion_handler")).map_err(io("copy", &assertions))?;
    for (path, text) in
        [(include.join("__config_site"), CONFIGURATION), (kernel.join("linux/futex.h"), FUTEX)]
    {
        fs::write(&path, text).map_err(io("write", &path))?;
    }

    let mut flags: Vec<OsString> = FLAGS.map(OsString::from).to_vec();
    // What it writes of the names of files must not tell where it was made.
    flags.push(format!("-ffile-prefix-map={}=/usr/src", staging.display()).into());
    let folders = ["libcxx/src", "libcxxabi/include", "libcxxabi/src", "libunwind/include"];
    let folders = folders.map(|folder| llvm.join(folder)).into_iter().chain([kernel]);
    flags.extend(folders.map(|folder| {
        let mut word = OsString::from("-I");
        word.push(folder);
        word
    }));
    let object = |source: PathBuf, part: &str| {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Object { output: objects.join(format!("{part}-{name}.o")), source }
    };
    let mut standard = Vec::new();
    for folder in ["libcxx/src", "libcxx/src/filesystem", "libcxx/src/ryu"] {
        let folder = llvm.join(folder);
        for file in fs::read_dir(&folder).map_err(io("read", &folder))?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.ends_with(".cpp") && !WITHOUT.contains(&name.as_str()) {
                standard.push(object(file.path(), "std"));
            }
        }
    }
    standard.sort_by(|one, other| one.output.cmp(&other.output));
    let source = |name: &str| llvm.join("libcxxabi/src").join(name).with_extension("cpp");
    let abi: Vec<Object> = ABI.iter().map(|name| object(source(name), "abi")).collect();
    let unwind = [object(llvm.join("libunwind/src/Unwind-wasm.c"), "unwind")];

    let mut cxx_flags = flags.clone();
    cxx_flags.extend(CXX_FLAGS.map(OsString::from));
    cxx_flags.push("-isystem".into());
    // Before C's own headers, in front of which some of them stand.
    cxx_flags.push(include.into_os_string());
    let all: Vec<Object> = standard.iter().chain(&abi).cloned().collect();
    flags.extend(["-D_LIBUNWIND_HIDE_SYMBOLS", "-D__USING_WASM_EXCEPTIONS__"].map(OsString::from));
    if make_objects(kit, &all, &cxx_flags)? != 0 || make_objects(kit, &unwind, &flags)? != 0 {
        return Err(BuildError::Library);
    }
    let outputs = |objects: &[Object]| objects.iter().map(|object| object.output.clone()).collect::<Vec<_>>();
    let (standard, abi) = (outputs(&standard), [outputs(&abi), outputs(&unwind)].concat());
    for (name, members) in [("c++", &standard), ("c++abi", &abi)] {
        if make_library(kit, members, &library.join(format!("lib{name}.a")))? != 0 {
            return Err(BuildError::Library);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_pinned() {
        let source = port::source(&Guests::built_in(), LLVM).expect("a source");
        assert!(source.debian.is_some() && source.size > 100_000_000);
    }
}
