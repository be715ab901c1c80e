use super::*;
use crate::alone::run_alone;
use std::io::Seek;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A file with this in it.
fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).and_then(|()| file.rewind()).expect("it is written");
    file
}

fn module(text: &str) -> File {
    file(&wat::parse_str(text).expect("a module"))
}

/// Takes the compiler some seconds, and much memory: functions with a hundred variables,
/// of which each of many thousand conditions may change one.
fn hard() -> String {
    let variable = |number: u32| (number.wrapping_mul(2_654_435_761) >> 16) as u8 % 100;
    let each = |line: &dyn Fn(u32) -> String, count: u32| (0..count).map(line).collect::<String>();
    let load = |number: u32| format!("(local.set {number} (i64.load offset={number} (i32.const 0)))\n");
    let change = |number: u32| {
        let [one, two, three, into] = [0, 7, 3, 1].map(|more| variable(number + more));
        format!(
            "(if (i32.wrap_i64 (local.get {one})) (then (local.set {into} (i64.add (local.get {two}) (local.get {three})))))\n"
        )
    };
    let store = |number: u32| format!("(i64.store offset={number} (i32.const 0) (local.get {number}))\n");
    let locals = "i64 ".repeat(100);
    let body = format!("(local {locals}) {}{}{}", each(&load, 100), each(&change, 30_000), each(&store, 100));
    let functions = format!("(func {body})\n").repeat(8);
    format!("(module (memory 1) {functions})")
}

fn compile(compiler: &Compiler, wasm: File) -> Result<Vec<u8>, CompileError> {
    let mut code = Vec::new();
    compiler.compile(wasm, Interruption::Kill, &mut code).map(|()| code)
}

/// What stands in the compiler's place: a line of the shell.
fn script(folder: &Path, line: &str) -> Compiler {
    let path = folder.join("compiler");
    std::fs::write(&path, format!("#!/bin/sh\n{line}\n")).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its owner");
    Compiler::new(Some(path), CompileLimits::default()).expect("it is there")
}

#[test]
fn who_stays_after_the_answer_is_ended_and_the_answer_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    // With somebody beside it who holds its pipes.
    let stays = "exec >&-; sleep 30 & sleep 30";
    let good = script(folder.path(), &format!("printf code; printf '\\n0' >&2; {stays}"));
    assert_eq!(compile(&good, file(b"")).expect("the code"), b"code");
    let told = script(folder.path(), &format!("printf 'a name\\nof two lines\\n4' >&2; {stays}"));
    match compile(&told, file(b"")) {
        Err(CompileError::Invalid { reason }) => assert_eq!(reason, "a name of two lines"),
        other => panic!("{other:?}"),
    }
    let mute = script(folder.path(), &format!("printf code; {stays}"));
    assert!(matches!(compile(&mute, file(b"")), Err(CompileError::Broken { .. })));
    // At the deadline it is that.
    let mut late = mute;
    late.limits.deadline = Some(Instant::now() + Duration::from_millis(500));
    assert!(matches!(compile(&late, file(b"")), Err(CompileError::Deadline)));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn nothing_that_it_says_is_obeyed_by_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let compiler = script(
        folder.path(),
        r"printf 'a\033[2Jb\nc\342\200\213d\342\200\256e' >&2; printf '\n5' >&2; exit 5",
    );
    match compile(&compiler, file(b"")) {
        Err(CompileError::Failed { reason }) => assert_eq!(reason, "a<U+001B>[2Jb c<U+200B>d<U+202E>e"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_compiler_may_be_reaped_by_somebody_else() {
    run_alone("compiler::tests::reaping_all", &[]);
}

#[test]
#[ignore = "changes what its whole process does: see above"]
fn reaping_all() {
    use rustix::process::{WaitOptions, wait};
    std::thread::spawn(|| {
        loop {
            while wait(WaitOptions::empty()).is_ok() {}
            std::thread::yield_now();
        }
    });
    let compiler = |limits| Compiler::new(None, limits).expect("run the tests with `cargo xtask test`");
    let usual = compiler(CompileLimits::default());
    for _ in 0..5 {
        let code = compile(&usual, module("(module (func (export \"f\")))")).expect("the code");
        assert!(code.starts_with(b"\x7fELF"));
        let invalid = compile(&usual, file(b"\0asm\x01\0\0\0\x0a"));
        assert!(matches!(invalid, Err(CompileError::Invalid { .. })), "{invalid:?}");
    }
    let hard = wat::parse_str(hard()).expect("a module");
    let second = Duration::from_secs(1);
    let brief = compiler(CompileLimits { processor_time: second, ..CompileLimits::default() });
    let late = compile(&brief, file(&hard));
    assert!(matches!(late, Err(CompileError::ProcessorTime { limit }) if limit == second), "{late:?}");
    let small = compiler(CompileLimits { memory_bytes: 64 << 20, ..CompileLimits::default() });
    let large = compile(&small, file(&hard));
    assert!(matches!(large, Err(CompileError::Memory { .. })), "{large:?}");
    // Half of an answer is none.
    let folder = tempfile::tempdir().expect("a folder");
    let broken = compile(&script(folder.path(), "printf code; kill -9 $$"), file(b""));
    assert!(matches!(broken, Err(CompileError::Broken { .. })), "{broken:?}");
}
