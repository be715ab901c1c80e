use super::*;

fn translated(text: &str) -> Vec<u8> {
    let wasm = wat::parse_str(text).expect("wat");
    translate(&wasm).expect("a form that compilers make").expect("old exceptions")
}

/// Valid under the standard, and without the old form.
fn check(text: &str) {
    let wasm = translated(text);
    let features = wasmparser::WasmFeatures::all() - wasmparser::WasmFeatures::LEGACY_EXCEPTIONS;
    if let Err(error) = wasmparser::Validator::new_with_features(features).validate_all(&wasm) {
        panic!("{error}: {text}");
    }
    assert_eq!(translate(&wasm), Ok(None), "nothing is left to translate");
}

#[test]
fn a_module_without_exceptions_stays_as_it_is() {
    let wasm = wat::parse_str("(module (func (export \"f\") (result i32) i32.const 1))").expect("wat");
    assert_eq!(translate(&wasm), Ok(None));
    let wasm = wat::parse_str("(module (tag $t (param i32)) (func i32.const 1 throw $t))").expect("wat");
    assert_eq!(translate(&wasm), Ok(None));
    assert!(translate(b"neither").is_err());
}

#[test]
fn handlers_results_and_branches_are_kept() {
    check(
        "(module (tag $t (param i32)) (tag $e) (import \"a\" \"f\" (func $f (param i32) (result i32)))
           (func (export \"g\") (param i32) (result i32) (local i64)
             block $out (result i32)
               loop $again
                 try (result i32)
                   local.get 0
                   br_if $again
                   i32.const 7
                   i32.const 1
                   br_if $out
                   call $f
                 catch $t
                   br_if $again
                   i32.const 2
                 catch $e
                   i32.const 3
                   br 0
                 catch_all
                   i32.const 0
                   i32.const 4
                   br_table $out $out
                 end
                 br $out
               end
               unreachable
             end))",
    );
}

#[test]
fn what_is_thrown_again_keeps_its_value() {
    check(
        "(module (tag $t (param i32)) (tag $e) (func $f)
           (func (export \"g\") (local i32)
             try
               try
                 call $f
               catch $t
                 local.set 0
                 rethrow 0
               catch $e
                 rethrow 0
               catch_all
                 block
                   rethrow 1
                 end
               end
             catch_all
               call $f
               rethrow 0
             end))",
    );
}

#[test]
fn a_delegate_reaches_its_handlers() {
    check(
        "(module (tag $t (param i32)) (func $f)
           (func (export \"to_the_caller\") (result i32)
             try (result i32)
               try (result i32)
                 call $f
                 i32.const 1
               delegate 1
             catch_all
               i32.const 2
             end)
           (func (export \"to_an_outer_one\")
             try $outer
               try $inner
                 try
                   call $f
                 delegate $outer
                 try
                   call $f
                 delegate $inner
               catch $t
                 drop
               end
             catch_all
             end))",
    );
}

#[test]
fn forms_that_no_compiler_makes_are_refused() {
    for text in [
        "(module (tag $t (param i32 i32)) (func try catch $t drop drop end))",
        "(module (tag $t) (func i32.const 1 try (param i32) drop catch $t end))",
    ] {
        let wasm = wat::parse_str(text).expect("wat");
        assert!(translate(&wasm).is_err(), "{text}");
    }
}
