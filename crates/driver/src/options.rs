//! Which words of a compiler's command line mean something for a guest.

/// Options whose argument is the next word.
pub(crate) const WITH_ARGUMENT: &[&str] = &[
    "-o",
    "-I",
    "-D",
    "-U",
    "-L",
    "-l",
    "-x",
    "-T",
    "-u",
    "-z",
    "-e",
    "-A",
    "-B",
    "-G",
    "-F",
    "-J",
    "-include",
    "-imacros",
    "-isystem",
    "-isysroot",
    "-iquote",
    "-idirafter",
    "-iprefix",
    "-iwithprefix",
    "-iwithprefixbefore",
    "-MF",
    "-MT",
    "-MQ",
    "-MJ",
    "-Xlinker",
    "-Xclang",
    "-Xpreprocessor",
    "-Xassembler",
    "-mllvm",
    "-target",
    "-arch",
    "-framework",
    "-resource-dir",
    "--sysroot",
    "--param",
    "-aux-info",
    "-wrapper",
    "-dumpdir",
    "-dumpbase",
    "-install_name",
    "-current_version",
    "-compatibility_version",
    "-rpath",
    "-soname",
    "-h",
];

/// Options that say nothing about a guest, without their argument.
const WITHOUT_MEANING: &[&str] = &[
    // Code is always placed by the linker: there is nothing to be independent of.
    "-fPIC",
    "-fpic",
    "-fPIE",
    "-fpie",
    "-fno-PIC",
    "-fno-pic",
    "-fno-PIE",
    "-fno-pie",
    "-pie",
    "-no-pie",
    "-nopie",
    "-fno-plt",
    // All is static.
    "-static",
    "-static-pie",
    "-static-libgcc",
    "-static-libstdc++",
    "-shared-libgcc",
    "-rdynamic",
    "-export-dynamic",
    // One thread; the functions are there (creating a thread fails).
    "-pthread",
    "-pthreads",
    "-mthreads",
    // The processor and the system of the machine that builds.
    "-m32",
    "-m64",
    "-mx32",
    "-maes",
    "-mno-red-zone",
    // How gcc keeps its objects.
    "-ffat-lto-objects",
    "-fno-fat-lto-objects",
    "-fuse-linker-plugin",
    "-pipe",
];

/// The same, by how they begin.
const WITHOUT_MEANING_PREFIX: &[&str] = &[
    "-march=",
    "-mtune=",
    "-mcpu=",
    "-mcmodel=",
    "-mtls-dialect=",
    "-specs=",
    "-fuse-ld=",
    // A return address is not in the guest's memory, so that nothing has to
    // guard it there.
    "-fstack-protector",
    "-fcf-protection",
    "-fstack-clash-protection",
    "-mbranch-protection=",
];

/// Libraries whose functions are in those that every program is linked with.
const LIBRARIES_WITHOUT_MEANING: &[&str] = &["gcc", "gcc_s", "gcc_eh", "atomic", "ssp", "ssp_nonshared"];

/// Options that make the compiler stop before a link.
const BEFORE_LINK: &[&str] = &["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only", "--precompile", "-emit-ast"];

/// Options that ask the compiler about itself.
const QUESTIONS: &[&str] = &[
    "--version",
    "-dumpmachine",
    "-dumpversion",
    "-dumpfullversion",
    "-dumpspecs",
    "-V",
    "-qversion",
    "-version",
    "--help",
    "-help",
    "--target-help",
    "-###",
];

/// What an option says to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing: left out.
    Nothing,
    /// No link.
    BeforeLink,
    /// Only a question.
    Question,
    /// A shared library is asked for.
    Shared,
    /// Objects are joined into one object.
    Relocatable,
    /// No libraries but those that are named.
    NoLibraries,
    /// For the compiler.
    Compiler,
}

/// What an option of the compiler means.
pub(crate) fn meaning(word: &str) -> Meaning {
    if WITHOUT_MEANING.contains(&word) || WITHOUT_MEANING_PREFIX.iter().any(|start| word.starts_with(start)) {
        return Meaning::Nothing;
    }
    if let Some(library) = word.strip_prefix("-l")
        && LIBRARIES_WITHOUT_MEANING.contains(&library)
    {
        return Meaning::Nothing;
    }
    // The headers and libraries of this machine are not a guest's.
    if let Some(folder) = word.strip_prefix("-I").or_else(|| word.strip_prefix("-L"))
        && is_of_this_machine(folder)
    {
        return Meaning::Nothing;
    }
    match word {
        "-shared" | "--shared" | "-dynamiclib" | "-bundle" => Meaning::Shared,
        "-r" | "--relocatable" => Meaning::Relocatable,
        "-nostdlib" | "-nodefaultlibs" | "-nolibc" => Meaning::NoLibraries,
        _ if BEFORE_LINK.contains(&word) => Meaning::BeforeLink,
        _ if QUESTIONS.contains(&word) || word.starts_with("-print-") || word.starts_with("--print-") => {
            Meaning::Question
        }
        _ => Meaning::Compiler,
    }
}

/// Whether a folder is one in which a system keeps its own headers or libraries.
pub(crate) fn is_of_this_machine(folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    let below = |base: &str| {
        folder.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with("-linux-gnu"))
    };
    ["/usr/include", "/usr/local/include", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"]
        .into_iter()
        .any(|base| folder == base || below(&format!("{base}/")))
}

/// Options of the linker without meaning for a guest.
const LINKER_WITHOUT_MEANING: &[&str] = &[
    "-E",
    "--export-dynamic",
    "-export-dynamic",
    "--as-needed",
    "--no-as-needed",
    "--add-needed",
    "--no-add-needed",
    "--copy-dt-needed-entries",
    "--no-copy-dt-needed-entries",
    "--no-undefined",
    "--no-allow-shlib-undefined",
    "--allow-shlib-undefined",
    "--enable-new-dtags",
    "--disable-new-dtags",
    "--eh-frame-hdr",
    "--sort-common",
    "--relax",
    "--no-relax",
    "-Bstatic",
    "-Bdynamic",
    "-dn",
    "-dy",
    "-Bsymbolic",
    "-Bsymbolic-functions",
    "-Bgroup",
    "--start-group",
    "--end-group",
    "-(",
    "-)",
    "--demangle",
    "--no-dynamic-linker",
    "-pie",
    "--pie",
    "-no-pie",
    "-static",
    "-nostdlib",
    "--stats",
    "--cref",
    "-O",
    "-O1",
    "-O2",
    "-O3",
    "--omagic",
    "--icf=all",
    "--icf=safe",
    "--icf=none",
    "--pop-state",
    "--push-state",
    "--warn-common",
    "--no-warn-mismatch",
    "--discard-all",
    "-x",
    "-X",
    "--no-keep-memory",
    "--reduce-memory-overheads",
    "--warn-once",
    "--no-undefined-version",
    "--undefined-version",
];

/// The same, by how they begin.
const LINKER_WITHOUT_MEANING_PREFIX: &[&str] = &[
    "-soname=",
    "--soname=",
    "-rpath=",
    "--rpath=",
    "-rpath-link=",
    "--rpath-link=",
    "--hash-style=",
    "--build-id",
    "--version-script=",
    "-version-script=",
    "--dynamic-list",
    "--dynamic-linker=",
    "-m",
    "--sysroot=",
    "-plugin",
    "--plugin",
    "--sort-section=",
    "--compress-debug-sections",
    "--retain-symbols-file=",
    "-install_name",
    "-current_version",
    "-compatibility_version",
    "--exclude-libs=",
    "--default-symver",
    "--warn-unresolved-symbols",
    "--unresolved-symbols=",
];

/// Options of the linker without meaning whose argument is the next word.
const LINKER_WITHOUT_MEANING_ARGUMENT: &[&str] = &[
    "-soname",
    "--soname",
    "-h",
    "-rpath",
    "--rpath",
    "-rpath-link",
    "--rpath-link",
    "-dynamic-linker",
    "--dynamic-linker",
    "-I",
    "--version-script",
    "-version-script",
    "--dynamic-list",
    "-m",
    "-Map",
    "--exclude-libs",
    "-plugin",
    "-a",
    "-assert",
];

/// Options of the linker whose argument is the next word.
pub(crate) const LINKER_WITH_ARGUMENT: &[&str] = &[
    "-o",
    "-L",
    "-l",
    "-e",
    "-u",
    "-y",
    "--entry",
    "--export",
    "--export-if-defined",
    "--wrap",
    "--defsym",
    "--undefined",
    "--library",
    "--library-path",
    "--allow-undefined-file",
    "-mllvm",
];

/// What a linker's word, with the one after it, comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkerMeaning {
    /// Left out, with so many words after it.
    Nothing(usize),
    /// A shared library is asked for.
    Shared,
    /// Objects are joined into one object.
    Relocatable,
    /// The size of the stack, in this word or with the next.
    StackSize(usize),
    /// Handed on, with so many words after it.
    Linker(usize),
}

/// What an option of the linker means; `next` is the word after it.
pub(crate) fn linker_meaning(word: &str, next: Option<&str>) -> LinkerMeaning {
    match word {
        "-shared" | "--shared" | "-Bshareable" => return LinkerMeaning::Shared,
        "-r" | "--relocatable" | "-i" => return LinkerMeaning::Relocatable,
        "-z" => {
            return match next {
                Some(key) if key.starts_with("stack-size=") => LinkerMeaning::StackSize(1),
                Some("muldefs") => LinkerMeaning::Linker(1),
                _ => LinkerMeaning::Nothing(1),
            };
        }
        _ => {}
    }
    if word.strip_prefix("-z").is_some_and(|key| key.starts_with("stack-size=")) {
        return LinkerMeaning::StackSize(0);
    }
    if LINKER_WITHOUT_MEANING_ARGUMENT.contains(&word) {
        return LinkerMeaning::Nothing(1);
    }
    if LINKER_WITH_ARGUMENT.contains(&word) {
        return LinkerMeaning::Linker(1);
    }
    let begins = |start: &&str| word.starts_with(*start) && word != "-mllvm" && word != "--max-memory";
    let key_of_z = word.len() > 2 && word.starts_with("-z") && !word.starts_with("-zmuldefs");
    if LINKER_WITHOUT_MEANING.contains(&word) || LINKER_WITHOUT_MEANING_PREFIX.iter().any(begins) || key_of_z
    {
        return LinkerMeaning::Nothing(0);
    }
    LinkerMeaning::Linker(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shared_build_says_is_left_out() {
        for word in [
            "-fPIC",
            "-pthread",
            "-march=native",
            "-fstack-protector-strong",
            "-lgcc_s",
            "-L/usr/lib",
            "-I/usr/include/",
            "-L/usr/lib/x86_64-linux-gnu",
            "-static",
        ] {
            assert_eq!(meaning(word), Meaning::Nothing, "{word}");
        }
        for word in
            ["-fno-stack-protector", "-Wall", "-I/usr/include/foo", "-lgc", "-I.", "-O2", "-msse2", "-mllvm"]
        {
            assert_eq!(meaning(word), Meaning::Compiler, "{word}");
        }
    }

    #[test]
    fn a_linkers_words_are_told_apart() {
        use LinkerMeaning::{Linker, Nothing, Relocatable, Shared, StackSize};
        for (word, next, expected) in [
            ("-soname", Some("libx.so.1"), Nothing(1)),
            ("-soname=x", None, Nothing(0)),
            ("-z", Some("relro"), Nothing(1)),
            ("-z", Some("stack-size=1"), StackSize(1)),
            ("-zstack-size=1", None, StackSize(0)),
            ("-znow", None, Nothing(0)),
            ("--export", Some("f"), Linker(1)),
            ("--export=f", None, Linker(0)),
            ("--gc-sections", None, Linker(0)),
            ("--max-memory=65536", None, Linker(0)),
            ("-shared", None, Shared),
            ("-r", None, Relocatable),
        ] {
            assert_eq!(linker_meaning(word, next), expected, "{word}");
        }
    }
}
