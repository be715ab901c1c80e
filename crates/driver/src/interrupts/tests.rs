use super::*;
use wasmparser::{Operator, Validator, WasmFeatures};

/// A module as the linker makes it, with one more function.
fn module(function: &str) -> Vec<u8> {
    let text = format!(
        "(module (import \"e\" \"i\" (func $import)) (memory 1)
        (global $sp (mut i32) (i32.const 65536)) (table 1 funcref) (tag $t (param i32))
        (func (export \"bellglass_interrupt_word\") (result i32) i32.const 1024)
        (func (export \"bellglass_interrupted\"))
        (func $deep loop call $import end)
        (func (export \"malloc\") (param i32) (result i32) loop call $deep end i32.const 0)
        (func $f (param i32) {function}))"
    );
    wat::parse_str(text).expect("wat")
}

/// How many looks the functions have, the last one's and those of all.
fn looks(wasm: &[u8]) -> (usize, usize) {
    let mut counts = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.expect("a module") {
            let is_look = |one: &Result<Operator<'_>, _>| matches!(one, Ok(Operator::I32Load { memarg }) if memarg.offset == 1024);
            counts.push(body.get_operators_reader().expect("operators").into_iter().filter(is_look).count());
        }
    }
    (*counts.last().expect("a function"), counts.iter().sum())
}

fn looks_in(function: &str) -> usize {
    let changed = look_in_loops(&module(function)).expect("valid").expect("it has handlers");
    if let Err(error) = Validator::new_with_features(WasmFeatures::all()).validate_all(&changed) {
        panic!("{error}: {function}");
    }
    let (own, all) = looks(&changed);
    assert_eq!(own, all, "malloc and what it calls must not look");
    own
}

#[test]
fn loops_look_where_a_handler_matters() {
    assert_eq!(looks_in("call $import"), 0);
    assert_eq!(looks_in("loop call $import br 0 end"), 1);
    assert_eq!(looks_in("loop i32.const 0 call_indirect local.get 0 br_if 0 end"), 1);
    assert_eq!(looks_in("loop loop call $import br 0 end end"), 2);
    // It waits for a variable to change.
    assert_eq!(looks_in("loop i32.const 0 i32.load offset=2048 br_if 0 end"), 1);
    assert_eq!(looks_in("block loop i32.const 9 i32.load8_u br_if 0 end end"), 1);
    assert_eq!(looks_in("loop i32.const 0 local.set 0 local.get 0 i32.load offset=2048 br_if 0 end"), 1);
    // A small function that calls nothing stays as fast as it was.
    assert_eq!(looks_in("loop local.get 0 i32.load br_if 0 end"), 0);
    assert_eq!(looks_in("block loop local.get 0 br_if 1 br 0 end end"), 0);
    assert_eq!(looks_in("loop local.get 0 if return end br 0 end"), 0);
    // Unless it may last.
    assert_eq!(looks_in("loop br 0 end"), 1);
    assert_eq!(looks_in("loop loop local.get 0 br_if 0 end local.get 0 br_if 0 end"), 1);
    // Elsewhere the outer loop is enough.
    assert_eq!(looks_in("call $import loop loop local.get 0 br_if 0 end local.get 0 br_if 0 end"), 1);
}

#[test]
fn a_function_that_calls_setjmp_looks_only_where_nothing_else_does() {
    let setjmp = "block (result i32) try_table (catch $t 0) call $import end i32.const 0 end drop";
    assert_eq!(looks_in(&format!("{setjmp} loop call $import br 0 end")), 0);
    assert_eq!(looks_in(&format!("{setjmp} loop local.get 0 br_if 0 end")), 1);
}

#[test]
fn what_is_on_the_stack_and_where_branches_lead_stays() {
    assert_eq!(
        looks_in("i32.const 7 loop (param i32) (result i32) call $import local.get 0 br_if 0 end drop"),
        1
    );
}

#[test]
fn a_program_without_handlers_or_with_its_own_table_is_left_alone() {
    for (name, other) in [("bellglass_interrupted", "other"), ("bellglass_interrupt_word", "other")] {
        let text =
            "(module (memory 1) (func (export \"bellglass_interrupt_word\") (result i32) i32.const 1024)
            (func (export \"bellglass_interrupted\")) (func loop br 0 end))";
        let wasm = wat::parse_str(text.replace(name, other)).expect("wat");
        assert_eq!(look_in_loops(&wasm), Ok(None), "without {name}");
    }
    assert!(look_in_loops(b"\0asm\x01\0\0\0\x0a\x05").is_err());
}
