//! Other interpreters than Python, each built by its recipe with the one
//! argument. Lua is here because it is built in seconds.

use crate::harness::process::{self, Finished, Stdin};
use crate::harness::{Scratch, copy_tree, workspace};

/// Runs a script of Lua in its image, which is built first if it is not there.
fn lua(place: &Scratch, options: &[&str], script: &str) -> Finished {
    place.write("script.lua", script);
    let line = ["run", "--image", "lua"].iter().chain(options).chain(&["script.lua", "one", "two"]);
    process::finish(&mut place.bellglass(line), Stdin::Bytes(b"from stdin\n".to_vec()))
}

#[test]
fn lua_runs_scripts_with_arguments_and_streams() {
    let place = Scratch::new();
    let finished = lua(
        &place,
        &[],
        r#"print(_VERSION, #arg, arg[1], arg[2], arg[0]) print(io.read()) io.stderr:write("err\n") os.exit(7)"#,
    );
    let finished = finished.expect(7);
    assert_eq!(finished.out(), "Lua 5.4\t2\tone\ttwo\tscript.lua\nfrom stdin\n");
    assert!(finished.err().ends_with("err\n"), "{}", finished.all());
}

#[test]
fn lua_catches_errors_and_yields_across_calls() {
    let place = Scratch::new();
    let script = r##"
        local function deep() return deep() + 1 end
        print(select(2, pcall(deep)):match("stack overflow"))
        local caught = 0
        for i = 1, 20000 do if not pcall(error, i) then caught = caught + 1 end end
        print(caught)
        local wrap = coroutine.wrap(function(...)
          local count = select("#", ...)
          local ok, value = pcall(function() return coroutine.yield(count) * 2 end)
          coroutine.yield(ok, value)
          error({code = 5})
        end)
        print(wrap(1, 2, 3), wrap(21))
        print(select(2, pcall(wrap)).code)
        print(pcall(string.rep, "x", 1 << 40))
        local objects = setmetatable({}, {__mode = "k"})
        for i = 1, 1e5 do objects[{}] = i end
        collectgarbage()
        print(next(objects))
        print(string.format("%.17g %5.2f %q", 0.1, math.pi, "a\nb"), ("x"):rep(3, ","), 7 // 2, 2^0.5)
    "##;
    let finished = lua(&place, &[], script).expect(0);
    let expected = "stack overflow\n20000\n3\ttrue\t42\n5\nfalse\tresulting string too large\nnil\n\
                    0.10000000000000001  3.14 \"a\\\nb\"\tx,x,x\t3\t1.4142135623731\n";
    assert_eq!(finished.out(), expected);
}

#[test]
fn lua_sees_what_it_is_shown_and_starts_nothing() {
    let place = Scratch::new();
    let script = r#"
        print(io.open("notes.txt"))
        print(io.popen("ls"))
        print(os.execute("true"))
        local file = io.tmpfile() file:write("kept") file:seek("set") print(file:read("a"))
        local name = os.tmpname() print(os.remove(name))
        print(os.getenv("HOME"), os.getenv("USER"))
    "#;
    let finished = lua(&place, &[], script).expect(0);
    let expected = "nil\tnotes.txt: No such file or directory\t2\nnil\tls: Operation not permitted\t1\n\
                    nil\tOperation not permitted\t1\nkept\ntrue\n/home/user\tnil\n";
    assert_eq!(finished.out(), expected);
    place.write("notes.txt", "shown\n");
    let options = ["--dir", ".:rw"];
    let script = r#"print(io.open("notes.txt"):read()) io.open("made.txt", "w"):write("by lua"):close()"#;
    let finished = lua(&place, &options, script).expect(0);
    assert_eq!(finished.out(), "shown\n");
    assert_eq!(std::fs::read(place.work().join("made.txt")).expect("made"), b"by lua");
}

#[test]
fn lua_is_interrupted_as_natively() {
    let place = Scratch::new();
    place.write(
        "script.lua",
        r#"print(pcall(function() io.open("/work/ready", "w"):close() while true do end end)) os.exit(3)"#,
    );
    let words = ["run", "--image", "lua", "--dir", ".:/work:rw", "--timeout", "60s", "script.lua"];
    let running = process::start(&mut place.bellglass(words), Stdin::Silent);
    process::eventually("the script is ready", || place.work().join("ready").exists());
    // It asks for signals before it runs the script.
    running.signal(rustix::process::Signal::INT);
    assert_eq!(running.wait().expect(3).out(), "false\tinterrupted!\n");
}

#[test]
fn a_recipe_of_ones_own_needs_no_folder_of_guests() {
    let place = Scratch::new();
    copy_tree(&workspace().join("guests/lua/steps"), &place.work().join("mine/tiny/steps"));
    let text = std::fs::read_to_string(workspace().join("guests/lua/recipe-5.4.7.toml")).expect("a recipe");
    place.write("mine/tiny/recipe-1.0.toml", text.replacen("name = \"lua\"", "name = \"tiny\"", 1));
    let run = |words: &[&str]| process::finish(&mut place.bellglass(words), Stdin::Nothing).expect(0);
    run(&["image", "build", "./mine/tiny/recipe-1.0.toml"]);
    assert_eq!(run(&["run", "--image", "tiny", "--", "-e", "print(6 * 7)"]).out(), "42\n");
    run(&["image", "remove", "tiny@5.4.7"]);
}
