//! The tests of the whole: each runs the built command as its users do. They
//! need an image of CPython; `cargo xtask test` builds it first.

// What all tests share: a place of their own, the command with a scrubbed
// environment, and what became of it.
mod harness;

// Whole programs behave as with native CPython: output, errors, exit code, files.
mod run;
// How the program is found, behind options and links and in pipes, and what it is called.
mod named;
// Overlays and what was changed in them, archives, special files, quotas.
mod files;
// What a person is asked and told cannot be faked, hidden or drawn out by a program.
mod consent;
// Programs of C, compiled by `bellglass cc`, and modules from elsewhere.
mod compiler;
// Signals in programs of C, compared with native ones.
mod signals;
// WebAssembly modules that other compilers made.
mod modules;
// What the document of WASI says of each call, by a module that does what it is told.
mod wasi;
// Other interpreters than Python, each built by its recipe.
mod interpreters;
// What breaks other sandboxes: recursion, floods, endless loops, signals.
mod limits;
// Each limit that can be set, and the warning before a deadline.
mod bounds;
// Signals, timers, the user, names and zones; what the policy refuses.
mod machine;
// What a run may do, as `--explain` prints it.
mod explain;
// A program that tries everything gets exceptions, and the host is untouched.
mod isolation;
// The same in threads, where it would break the command itself.
mod threads;
// What begins from the image's snapshot is like what starts from nothing.
mod snapshot;
// The command itself: usage, options, exit codes, reports, traces, the prompt.
mod command;
// Each module of the standard library imports, or says in a line why not.
mod stdlib;
// Builds of images: what they show, how they fail, what is left of one that is ended.
mod building;
// What the pages show is true.
mod documents;
// Real applications, unmodified.
mod applications;
