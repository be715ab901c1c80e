//! What a run may do: what is told of it before, during and after, wherever the guest is.

use bellglass::{
    Access, Answer, Isolation, Limits, Mount, Outcome, Permission, Report, Sandbox, SandboxBuilder,
};
use bellglass_testkit::ToyImage;
use std::sync::{Arc, Mutex};

const BOTH: [Isolation; 2] = [Isolation::Process, Isolation::Thread];

fn forking() -> ToyImage {
    ToyImage::from_wat(
        r#"(module (import "linux" "clone" (func $clone (param i32 i32 i32 i32 i32) (result i32)))
            (import "linux" "setsid" (func $setsid (result i32)))
            (memory (export "memory") 1)
            (func (export "run") (result i32) (drop (call $setsid))
                (call $clone (i32.const 17) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"#,
    )
}

/// The report, and which permission was missing in which call.
fn run(builder: SandboxBuilder) -> (Report, Vec<(String, Option<Permission>)>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let builder = builder.observe(move |seen| {
        into.lock().expect("no panic").push((seen.call.signature.name.clone(), seen.missing));
    });
    let report = builder.build().expect("a sandbox").run();
    let seen = seen.lock().expect("no panic").clone();
    (report, seen)
}

#[test]
fn a_call_without_its_permission_is_told_with_that_permission() {
    let image = forking();
    for isolation in BOTH {
        let (report, seen) = run(Sandbox::builder(image.open()).isolation(isolation));
        assert_eq!(report.outcome, Outcome::Exited { code: -1 });
        assert_eq!(seen, [("setsid".to_owned(), None), ("clone".to_owned(), Some(Permission::Programs))]);
        let of = |name: &str| {
            let found = report.refused.iter().find(|call| call.signature.contains(name));
            found.unwrap_or_else(|| panic!("{name} is refused")).permission
        };
        assert_eq!((of("clone"), of("setsid")), (Some(Permission::Programs), None));
        assert!(report.policy.to_string().contains("programs: none"), "{}", report.policy);
    }
}

#[test]
fn a_handler_of_the_users_needs_no_permission_and_is_told_as_a_host_function() {
    let image = forking();
    for isolation in BOTH {
        let builder = Sandbox::builder(image.open())
            .isolation(isolation)
            .on("linux.clone(iiiii)i", |_, _| Ok(Answer::i32(7)));
        let line = "host functions: linux.clone(iiiii)i is answered by the user's own handler";
        assert!(builder.explain().iter().any(|one| one == line), "{:#?}", builder.explain());
        let (report, seen) = run(builder);
        assert_eq!(report.outcome, Outcome::Exited { code: 7 });
        assert_eq!(seen[1], ("clone".to_owned(), None));
        assert!(report.refused.iter().all(|call| !call.signature.contains("clone")), "{:?}", report.refused);
        assert!(report.policy.lines().iter().any(|one| one == line), "{}", report.policy);
        // What the system has refused and the handler then answers is no refusal.
        let builder =
            Sandbox::builder(image.open()).isolation(isolation).on("linux.clone(iiiii)i", |call, next| {
                next.answer(call)?;
                Ok(Answer::i32(8))
            });
        let (report, seen) = run(builder);
        assert_eq!((report.outcome, seen[1].1), (Outcome::Exited { code: 8 }, None));
        assert!(report.refused.iter().all(|call| !call.signature.contains("clone")), "{:?}", report.refused);
    }
}

#[test]
fn what_is_told_before_the_run_is_what_it_has() {
    let image = forking();
    for isolation in BOTH {
        let builder = Sandbox::builder(image.open())
            .isolation(isolation)
            .mount(Mount::directory(image.folder(), "/toy", Access::ReadOnly))
            .environment("A", "b")
            .limits(Limits { calls: Some(5), ..Limits::default() });
        let told = builder.policy();
        let explained = builder.explain();
        let sandbox = builder.build().expect("a sandbox");
        assert_eq!(*sandbox.policy(), told);
        assert_eq!(*sandbox.run().policy, told);
        for line in told.lines().iter().map(String::as_str).chain([
            "image: toy@1",
            "limits: at most 5 external calls",
            match isolation {
                Isolation::Process => "isolation: a process of its own, without authority",
                Isolation::Thread => {
                    "isolation: a thread of this process, where WebAssembly is the only wall"
                }
            },
        ]) {
            assert!(explained.iter().any(|one| one == line), "{line}\n{explained:#?}");
        }
    }
}

#[test]
fn a_wall_that_is_required_and_waived_is_not_missed() {
    let image = forking();
    let builder = || Sandbox::builder(image.open()).require_walls(["moat"]);
    assert!(matches!(builder().build(), Err(bellglass::Error::Wall { wall, .. }) if wall == "moat"));
    assert!(builder().waive_walls(["moat"]).build().is_ok());
}
