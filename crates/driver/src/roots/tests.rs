use super::*;

fn check(text: &str) -> Vec<u8> {
    let wasm = wat::parse_str(text).expect("wat");
    let kept = keep_roots(&wasm).expect("a valid module");
    if let Err(error) = Validator::new_with_features(WasmFeatures::all()).validate_all(&kept) {
        panic!("{error}: {text}");
    }
    kept
}

/// How often a module stores something.
fn stores(wasm: &[u8]) -> usize {
    let mut count = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.expect("a module") {
            let operators = body.get_operators_reader().expect("operators").into_iter();
            count += operators.filter(|one| matches!(one, Ok(wasmparser::Operator::I32Store { .. }))).count();
        }
    }
    count
}

const HEAD: &str = "(module (import \"e\" \"i\" (func $import (result i32))) (memory 1)
    (global $sp (mut i32) (i32.const 65536)) (table 1 funcref) (tag $t (param i32))
    (func $f (result i32) i32.const 1) (func $g (param i32))";

fn function(body: &str) -> usize {
    stores(&check(&format!("{HEAD} (func {body}))")))
}

#[test]
fn what_a_call_leaves_untouched_costs_nothing() {
    assert_eq!(function("(param i32) local.get 0 call $g"), 0);
    assert_eq!(function("(param i32) call $import drop local.get 0 drop"), 0);
    assert_eq!(function("(param i64) call $f drop local.get 0 drop"), 0);
    let wasm = wat::parse_str("(module (func))").expect("wat");
    assert!(keep_roots(&wasm).is_err(), "there is no stack pointer");
}

#[test]
fn locals_that_are_needed_later_are_kept() {
    assert_eq!(function("(param i32) call $f drop local.get 0 drop"), 1);
    assert_eq!(function("(param i32) call $f local.set 0 local.get 0 drop"), 0);
    // The loop comes back to the reading.
    assert_eq!(function("(param i32) loop local.get 0 drop call $f br_if 0 end"), 1);
    assert_eq!(function("(param i32) block call $f br_if 0 local.get 0 drop end"), 1);
    assert_eq!(function("(param i32) call $f if local.get 0 drop else end"), 1);
    assert_eq!(function("(param i32) (local i32) call $f local.set 1 return local.get 0 drop"), 0);
    // Only the handler needs it.
    assert_eq!(
        function(
            "(param i32) block (result i32) try_table (catch $t 0) call $f drop end return end drop local.get 0 drop"
        ),
        1
    );
}

#[test]
fn what_waits_on_the_operand_stack_is_kept() {
    assert_eq!(function("call $f call $f i32.add drop"), 1);
    assert_eq!(function("i64.const 1 call $f drop drop"), 0);
    assert_eq!(function("call $f block (result i32) call $f end i32.add drop"), 1);
    // It comes from two places, and is one value.
    let two_places = "block (result i32) i32.const 7 call $import br_if 0 drop i32.const 5 end";
    assert_eq!(function(&format!("{two_places} call $f i32.add drop")), 1);
    let indirect = "i32.const 0 call $f i32.const 0 call_indirect (param i32 i32) (result i32) drop";
    assert_eq!(function(indirect), 1);
}

#[test]
fn every_way_out_puts_the_stack_pointer_back() {
    for body in [
        "(param i32) (result i32) call $f if local.get 0 return end local.get 0",
        "(param i32) (result i32) block call $f br_if 0 local.get 0 br 1 end local.get 0",
        "(param i32) (result i32) loop (result i32) call $f if local.get 0 return end local.get 0 end",
    ] {
        assert_eq!(function(body), 1, "{body}");
    }
}
