//! Handlers of the user's: which images they serve, and what comes along with their calls.

use bellglass::{Answer, Error, Handler, Isolation, Outcome, Report, Sandbox, View};
use bellglass_testkit::ToyImage;

const BOTH: [Isolation; 2] = [Isolation::Process, Isolation::Thread];

/// Calls `env.NAME` with the address and the length of a text.
fn calling(name: &str) -> ToyImage {
    ToyImage::from_wat(&format!(
        r#"(module (import "env" "{name}" (func $call (param i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 100) "a/longer/path\00")
            (func (export "run") (result i32) (call $call (i32.const 100) (i32.const 13))))"#
    ))
}

/// Answers with the length of the text, read as a C string and as a path.
fn measure(name: &str) -> Handler {
    Handler::new(format!("env.{name}(ii)i"), |call, _| {
        let text = call.c_string(call.u32(0))?;
        assert_eq!(call.path(0, 1)?, text);
        Ok(Answer::i32(text.len() as i32))
    })
}

fn run(image: &ToyImage, isolation: Isolation, handlers: impl IntoIterator<Item = Handler>) -> Report {
    let builder = Sandbox::builder(image.open()).isolation(isolation).handlers(handlers);
    builder.build().expect("a sandbox").run()
}

#[test]
fn one_set_of_handlers_serves_several_images() {
    let set = || ["one", "two"].map(|name| measure(name).optional());
    for isolation in BOTH {
        for name in ["one", "two"] {
            let report = run(&calling(name), isolation, set());
            assert_eq!(report.outcome, Outcome::Exited { code: 13 }, "{name}");
        }
        // What neither of them is for stays as it is.
        assert_eq!(run(&calling("three"), isolation, set()).outcome, Outcome::Exited { code: -1 });
    }
}

#[test]
fn a_slip_in_a_signature_is_told_and_so_is_what_to_do() {
    let image = calling("one");
    for isolation in BOTH {
        let built = |handlers: Vec<Handler>| {
            let built = Sandbox::builder(image.open()).isolation(isolation).handlers(handlers).build();
            built.err().map(|error| error.to_string())
        };
        let error = built(vec![measure("oen")]).expect("it is not imported");
        assert!(error.contains("imports no 'env.oen(ii)i'") && error.contains("optional()"), "{error}");
        assert_eq!(built(vec![measure("oen").optional()]), None);
        // One handler that needs the import is enough.
        assert!(built(vec![measure("oen").optional(), measure("oen")]).is_some());
        let error = built(vec![Handler::new("one(ii)i", |_, _| Ok(Answer::none())).optional()]);
        assert!(error.expect("it is no signature").contains("is not a signature"));
    }
}

#[test]
fn what_a_handler_reads_comes_along_with_the_call() {
    let image = calling("one");
    let trips = |views: Vec<View>| {
        let report = run(&image, Isolation::Process, [measure("one").views(views)]);
        assert_eq!(report.outcome, Outcome::Exited { code: 13 });
        report.round_trips
    };
    let asked = trips(vec![]);
    let text = View::Cstr { pointer: 0 };
    assert!(trips(vec![text]) < asked, "{asked} without a view, {} with it", trips(vec![text]));
    // Another view than what is read changes nothing but the time.
    assert_eq!(trips(vec![View::Fixed { pointer: 1, size: 8 }]), asked);
    let report = run(&image, Isolation::Thread, [measure("one").views([text])]);
    assert_eq!(report.outcome, Outcome::Exited { code: 13 });
}

#[test]
fn views_of_a_handler_are_added_to_those_of_the_system() {
    let image = ToyImage::from_wat(
        r#"(module (import "linux" "fchmodat" (func $chmod (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 100) "/tmp\00") (data (i32.const 200) "12345678")
            (func (export "run") (result i32)
                (call $chmod (i32.const -100) (i32.const 100) (i32.const 200))))"#,
    );
    let trips = |views: Vec<View>| {
        let handler = Handler::new("linux.fchmodat(iii)i", |call, next| {
            assert_eq!(call.bytes_at(call.u32(2), 8)?, b"12345678");
            next.answer(call)
        });
        let report = run(&image, Isolation::Process, [handler.views(views)]);
        assert_eq!(report.outcome, Outcome::Exited { code: 0 });
        report.round_trips
    };
    let asked = trips(vec![]);
    assert_eq!(trips(vec![View::Fixed { pointer: 2, size: 8 }]), asked - 1);
    // The one that the system has is not sent twice.
    assert_eq!(trips(vec![View::Cstr { pointer: 1 }; 100]), asked);
}

#[test]
fn views_that_do_not_fit_are_refused() {
    let image = calling("one");
    for isolation in BOTH {
        for views in [
            vec![View::Cstr { pointer: 2 }],
            vec![View::Bytes { pointer: 0, length: 9, scale: 1 }],
            vec![View::Iovec { pointer: 255, count: 0 }],
            (1..10).map(|size| View::Fixed { pointer: 0, size }).collect(),
        ] {
            let handlers = [measure("one").views(views.clone())];
            let built = Sandbox::builder(image.open()).isolation(isolation).handlers(handlers).build();
            assert!(matches!(built.err(), Some(Error::Views { .. })), "{views:?}");
        }
    }
}
