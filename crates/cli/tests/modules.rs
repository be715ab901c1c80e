//! Modules of WebAssembly that other compilers made.

use crate::harness::process::{self, Stdin};
use crate::harness::{Place, tests_folder};
use std::fs;

/// What Rust made of `modules/hello.rs`: `rustc --target wasm32-wasi -C opt-level=z
/// -C strip=symbols -C panic=abort`, by Rust 1.63.
fn place_with_hello() -> Place {
    let place = Place::new();
    let module = fs::read(tests_folder().join("modules/hello.wasm")).expect("the module");
    place.write("hello.wasm", module);
    place
}

#[test]
fn a_command_that_rust_made_sees_what_it_is_shown() {
    for isolation in ["process", "thread"] {
        let place = place_with_hello();
        place.write("data/notes.txt", "note\n");
        let words =
            ["run", "--wasm", "--isolation", isolation, "--dir", "data:/work:rw", "--env", "GREETING=hi"];
        let mut command = place.bellglass(words.iter().chain(&["hello.wasm", "7", "content"]));
        let finished = process::finish(&mut command, Stdin::Bytes(b"one\ntwo\n".to_vec())).expect(7);
        let expected = "arguments [\"7\", \"content\"]\nvariable Some(\"hi\")\nread \"one\\n\"\nnotes \"note\\n\"\n\
                        [\"moved.txt\"] 7\nslept true\nclock true\nwords 2\nthreads true\nsocket true\n";
        assert_eq!((finished.out(), finished.err()), (expected.to_owned(), "to stderr\n".to_owned()));
        let moved = place.work().join("data/folder/moved.txt");
        assert_eq!(fs::read_to_string(moved).expect("moved"), "content");
    }
}

#[test]
fn a_panic_of_rust_is_a_crash_and_the_default_shows_nothing() {
    let place = place_with_hello();
    let mut command = place.bellglass(["run", "--wasm", "hello.wasm", "panic"]);
    let finished = process::finish(&mut command, Stdin::Bytes(b"one\n".to_vec())).expect(134);
    assert!(finished.out().contains("variable None\n") && finished.out().contains("notes: NotFound\n"));
    finished.says("panicked at 'as asked'").says("bellglass: the interpreter crashed: the guest aborted");
}

#[test]
fn what_nothing_answers_is_named() {
    let place = Place::new();
    let source = r#"__attribute__((import_module("foo"), import_name("bar"))) int bar(int);
        int main(void) { if (bar(1) != 7) __builtin_trap(); return 0; }"#;
    place.write("asks.c", source);
    process::finish(&mut place.bellglass(["cc", "-o", "asks", "asks.c"]), Stdin::Nothing).expect(0);
    place
        .run(["--wasm", "asks"])
        .expect(134)
        .says("before that it made calls that nothing answers: foo.bar(i)i\n");
    place.run(["--unsupported", "kill", "--wasm", "asks"]).expect(126).says("foo.bar(i)i");
    // It imports a global.
    place.write("global.wasm", b"\0asm\x01\0\0\0\x02\x10\x01\x03foo\x07counter\x03\x7f\0");
    place
        .run(["--wasm", "global.wasm"])
        .expect(125)
        .says("the module imports foo.counter, which is not a function");
    // It does nothing at all.
    place.write("empty.wasm", b"\0asm\x01\0\0\0");
    place.run(["--wasm", "empty.wasm"]).expect(125).says("no other function without parameters");
}
