//! Toy guests, one for each thing that a guest can do to its engine.

use bellglass_engine::{
    Ending, EngineError, External, GlobalValue, GuestMemory, Interruption, Program, Settings, StopGuest,
    compile,
};
use bellglass_wire::{GuestLimits, Hooks, Pages, TrapKind, Usage};
use std::io::{Seek, Write};
use std::sync::{Arc, Mutex};

type Seen = Arc<Mutex<Vec<(usize, Vec<u64>)>>>;

/// Answers every call with 7 and remembers it; call number 1 ends the guest,
/// call number 2 allocates.
struct Recorder(Seen);

impl External for Recorder {
    fn call(
        &mut self,
        import: usize,
        arguments: &[u64],
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<(), StopGuest> {
        self.0.lock().expect("no panic").push((import, arguments.to_vec()));
        results.fill(7);
        match import {
            1 => Err(StopGuest::End),
            2 => {
                let address = memory.allocate(8)?.unwrap_or(0);
                results.fill(u64::from(address));
                memory.set_errno(5);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn load(wat: &str) -> Result<Program, EngineError> {
    let compiled = compile(&wat::parse_str(wat).expect("a right module"), Interruption::Kill)?;
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&compiled).expect("a write");
    file.rewind().expect("a seek");
    // SAFETY: the file was compiled just above and nobody else has it.
    unsafe { Program::load(file, Interruption::Kill) }
}

fn run_with(wat: &str, limits: GuestLimits, hooks: Hooks) -> (Ending, Usage, Vec<(usize, Vec<u64>)>) {
    let seen = Seen::default();
    let settings =
        Settings { limits, hooks, exports: vec!["run".to_owned()], epoch_hook: None, interrupts: None };
    // As in the cell: the stack that the engine promises is only there on a
    // thread that was made for it.
    let (ending, usage) = std::thread::scope(|scope| {
        let guest = || {
            let program = load(wat).expect("a module that loads");
            let external = Box::new(Recorder(Arc::clone(&seen)));
            let (ending, usage, _) = program.run(&settings, external).expect("a guest that starts");
            (ending, usage)
        };
        let stack = bellglass_engine::NATIVE_STACK_BYTES + (1 << 20);
        let thread = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, guest);
        thread.expect("a thread").join().expect("no panic")
    });
    let seen = seen.lock().expect("no panic").clone();
    (ending, usage, seen)
}

fn run(wat: &str) -> (Ending, Usage, Vec<(usize, Vec<u64>)>) {
    run_with(wat, GuestLimits { memory_bytes: 1 << 20, table_elements: 100 }, Hooks::default())
}

fn trap_of(body: &str) -> TrapKind {
    let wat = format!(
        r#"(module (memory (export "memory") 1) (table 1 funcref) (type $f (func)) (func $run (export "run") {body}))"#
    );
    match run(&wat).0 {
        Ending::Trapped { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_import_becomes_the_same_stub_with_raw_values() {
    let (ending, _, seen) = run(r#"(module
            (import "any" "thing" (func $f (param i32 i64 f32 f64) (result f64)))
            (memory (export "memory") 1)
            (func (export "run") (result f64)
                (call $f (i32.const -1) (i64.const -2) (f32.const 1.5) (f64.const 2.5))))"#);
    assert_eq!(ending, Ending::Returned { results: vec![7] });
    let arguments = vec![u64::from(u32::MAX), -2_i64 as u64, u64::from(1.5_f32.to_bits()), 2.5_f64.to_bits()];
    assert_eq!(seen, [(0, arguments)]);
}

#[test]
fn an_end_stops_the_guest_at_once() {
    let (ending, _, seen) = run(r#"(module (import "a" "b" (func $b)) (import "a" "end" (func $end))
            (memory (export "memory") 1)
            (func (export "run") call $b call $end call $b))"#);
    assert_eq!(ending, Ending::Ended);
    assert_eq!(seen.len(), 2);
}

#[test]
fn each_fault_has_its_kind() {
    assert_eq!(trap_of("unreachable"), TrapKind::Unreachable);
    assert_eq!(trap_of("(drop (i32.load (i32.const -4)))"), TrapKind::MemoryOutOfBounds);
    assert_eq!(trap_of("call $run"), TrapKind::StackOverflow);
    assert_eq!(trap_of("(call_indirect (type $f) (i32.const 0))"), TrapKind::BadFunctionPointer);
    assert_eq!(trap_of("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), TrapKind::Arithmetic);
}

#[test]
fn memory_beyond_the_limit_is_refused_and_said() {
    let (ending, usage, _) = run(r#"(module (memory (export "memory") 1)
            (func (export "run") (result i32 i32)
                (memory.grow (i32.const 15)) (memory.grow (i32.const 1))))"#);
    assert_eq!(ending, Ending::Returned { results: vec![1, u64::from(u32::MAX)] });
    assert_eq!(usage, Usage { peak_memory_bytes: 1 << 20, memory_refused: true, table_refused: false });
}

#[test]
fn a_module_above_its_limit_does_not_start() {
    let program = load(r#"(module (memory (export "memory") 17) (func (export "run")))"#).expect("it loads");
    let settings = Settings {
        limits: GuestLimits { memory_bytes: 1 << 20, table_elements: 0 },
        hooks: Hooks::default(),
        exports: vec!["run".to_owned()],
        epoch_hook: None,
        interrupts: None,
    };
    let outcome = program.run(&settings, Box::new(Recorder(Seen::default())));
    let outcome = outcome.map(|(ending, ..)| ending);
    assert_eq!(outcome, Err(EngineError::BeyondLimits { memory_bytes: 17 << 16, table_elements: 0 }));
}

#[test]
fn a_guest_that_was_made_ready_runs_as_any_other() {
    let wat = r#"(module (memory (export "memory") 2) (data (i32.const 8192) "\05") (table 3 funcref)
        (func (export "run") (result i32) (i32.load (i32.const 8192))))"#;
    let run = |memory_bytes, table_elements| {
        let guest = move || {
            let program = load(wat).expect("it loads");
            let mut guest =
                program.ready(Box::new(Recorder(Seen::default())), None, None).expect("it is there");
            // Wild ones among them, as a damaged image may name.
            let written = [(0, 1), (2, 1), (31, 9), (40, 2), (u32::MAX, u32::MAX), (5, 0)];
            guest.touch(&written.map(|(first, count)| Pages { first, count }));
            let settings = Settings {
                limits: GuestLimits { memory_bytes, table_elements },
                hooks: Hooks::default(),
                exports: vec!["run".to_owned()],
                epoch_hook: None,
                interrupts: None,
            };
            guest.run(&settings)
        };
        let stack = bellglass_engine::NATIVE_STACK_BYTES + (1 << 20);
        let thread = std::thread::Builder::new().stack_size(stack).spawn(guest);
        thread.expect("a thread").join().expect("no panic")
    };
    let (ending, usage) = run(2 << 16, 3).expect("it is within its limits");
    assert_eq!(ending, Ending::Returned { results: vec![5] });
    assert_eq!(usage.peak_memory_bytes, 2 << 16);
    for (memory_bytes, table_elements) in [((2 << 16) - 1, 3), (2 << 16, 2)] {
        assert!(matches!(run(memory_bytes, table_elements), Err(EngineError::BeyondLimits { .. })));
    }
}

#[test]
fn hooks_serve_memory_requests() {
    let hooks = Hooks {
        allocate: Some("take".to_owned()),
        errno_address: Some("where".to_owned()),
        ..Hooks::default()
    };
    let (ending, _, _) = run_with(
        r#"(module (import "a" "b" (func)) (import "a" "c" (func)) (import "a" "take" (func $take (result i32)))
            (memory (export "memory") 1)
            (func (export "take") (param i32) (result i32) (i32.add (local.get 0) (i32.const 100)))
            (func (export "where") (result i32) (i32.const 64))
            (func (export "run") (result i32 i32) (call $take) (i32.load (i32.const 64))))"#,
        GuestLimits { memory_bytes: 1 << 20, table_elements: 100 },
        hooks,
    );
    assert_eq!(ending, Ending::Returned { results: vec![108, 5] });
}

#[test]
fn a_call_from_inside_a_hook_ends_the_guest() {
    let hooks = Hooks { allocate: Some("take".to_owned()), ..Hooks::default() };
    let (ending, _, seen) = run_with(
        r#"(module (import "a" "b" (func $b)) (import "a" "c" (func)) (import "a" "take" (func $take (result i32)))
            (memory (export "memory") 1)
            (func (export "take") (param i32) (result i32) call $b (i32.const 1))
            (func (export "run") (result i32) (call $take)))"#,
        GuestLimits { memory_bytes: 1 << 20, table_elements: 100 },
        hooks,
    );
    assert!(matches!(ending, Ending::Trapped { kind: TrapKind::Other, .. }), "{ending:?}");
    assert_eq!(seen.len(), 1);
}

#[test]
fn imports_that_cannot_be_delegated_are_refused() {
    let error = load(r#"(module (import "a" "m" (memory 1)))"#).err();
    assert!(matches!(error, Some(EngineError::Import { .. })));
}

#[test]
fn damaged_code_is_refused() {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"not compiled code at all").expect("a write");
    file.rewind().expect("a seek");
    // SAFETY: no code can come of these bytes, which is what the test shows.
    let error = unsafe { Program::load(file, Interruption::Kill) }.err();
    assert!(matches!(error, Some(EngineError::Load { .. })));
}

#[test]
fn code_of_one_interruption_is_not_loaded_under_the_other() {
    let wasm = wat::parse_str(r#"(module (memory (export "memory") 1))"#).expect("a right module");
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&compile(&wasm, Interruption::Epoch).expect("code")).expect("a write");
    // SAFETY: the file was compiled just above and nobody else has it.
    let error = unsafe { Program::load(file, Interruption::Kill) }.err();
    assert!(matches!(error, Some(EngineError::Load { .. })));
}

#[test]
fn what_a_guest_leaves_is_kept() {
    let program = load(
        r#"(module (memory (export "memory") 1) (global (export "g") (mut i32) (i32.const 1))
            (global $hidden (mut i32) (i32.const 1))
            (func (export "run") (global.set 0 (i32.const 7)) (i32.store8 (i32.const 9) (i32.const 5))
                (drop (memory.grow (i32.const 1)))))"#,
    )
    .expect("a module that loads");
    let settings = Settings {
        limits: GuestLimits { memory_bytes: 1 << 20, table_elements: 0 },
        hooks: Hooks::default(),
        exports: vec!["run".to_owned()],
        epoch_hook: None,
        interrupts: None,
    };
    let (ending, _, state) =
        program.run_and_keep(&settings, Box::new(Recorder(Seen::default()))).expect("a guest that starts");
    assert_eq!(ending, Ending::Returned { results: vec![] });
    assert_eq!(state.globals.into_iter().collect::<Vec<_>>(), [("g".to_owned(), GlobalValue::I32(7))]);
    assert_eq!((state.memory.len(), state.memory[9]), (2 << 16, 5));
}

#[test]
fn what_is_no_module_is_not_compiled() {
    assert!(matches!(
        compile(b"\0asm and then nothing", Interruption::Kill),
        Err(EngineError::Compile { .. })
    ));
}

#[test]
fn exceptions_are_caught_and_leave_nothing_behind() {
    // So many that they would not fit into the memory that the guest may have.
    let (ending, usage, _) = run(r#"(module (memory (export "memory") 1) (tag $t (param i32))
        (func $throw (param i32) local.get 0 throw $t)
        (func (export "run") (result i32) (local $left i32) (local $sum i32)
          (local.set $left (i32.const 200000))
          (loop $again
            (block $caught (result i32)
              (try_table (catch $t $caught) (call $throw (i32.const 3)))
              (i32.const 0))
            (local.set $sum (i32.add (local.get $sum)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (local.get $left)))
          (local.get $sum)))"#);
    assert_eq!(ending, Ending::Returned { results: vec![600_000] });
    assert!(usage.peak_memory_bytes <= 1 << 20, "{usage:?}");
}

#[test]
fn an_exception_that_nothing_catches_is_a_trap() {
    let (ending, _, _) = run(r#"(module (memory (export "memory") 1) (tag $t)
        (func (export "run") throw $t))"#);
    let Ending::Trapped { kind: TrapKind::Other, message, .. } = ending else { panic!("{ending:?}") };
    assert!(message.contains("exception that nothing catches"), "{message}");
}
