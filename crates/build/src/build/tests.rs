//! Toy recipes, built by the real builder: their module is a dozen bytes that a
//! script writes, and they need no compiler and no network.

use super::*;
use bellglass_image::ImageError;
use std::sync::Mutex;

/// `(module (import "linux" "getpid" (func (result i32))) (memory (export "memory") 1)
///          (func (export "run")))`
const TOY_MODULE: &str = concat!(
    r"\000asm\001\000\000\000",
    r"\001\010\002\140\000\001\177\140\000\000",
    r"\002\020\001\005linux\006getpid\000\000",
    r"\003\002\001\001",
    r"\005\003\001\000\001",
    r"\007\020\002\003run\000\001\006memory\002\000",
    r"\012\004\001\002\000\013",
);

/// `(module (func (export "run")))`
const WITHOUT_MEMORY: &str = concat!(
    r"\000asm\001\000\000\000",
    r"\001\004\001\140\000\000",
    r"\003\002\001\000",
    r"\007\007\001\003run\000\000",
    r"\012\004\001\002\000\013",
);

/// Remembers what it was told.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Progress for Log {
    fn event(&self, event: Event<'_>) {
        let mut lines = self.0.lock().expect("no panic");
        match event {
            Event::Started { step, number, of } => lines.push(format!("{number}/{of} {step}")),
            Event::Cached => lines.last_mut().expect("a step").push_str(": cached"),
            Event::Finished { .. } => lines.last_mut().expect("a step").push_str(": done"),
            Event::Failed => lines.last_mut().expect("a step").push_str(": failed"),
            Event::Note(note) => lines.push(note.to_owned()),
            _ => {}
        }
    }
}

impl Log {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

struct Toy {
    folder: tempfile::TempDir,
    log: Log,
}

impl Toy {
    fn new() -> Self {
        let toy = Self { folder: tempfile::tempdir().expect("a folder"), log: Log::default() };
        toy.write("toolchain.toml", &format!("machine = \"{}\"\npackage = []\n", std::env::consts::ARCH));
        toy.write("shared/words.txt", "words\n");
        toy.write("toy/first.sh", "set -eu\ncat \"$BELLGLASS_GUESTS/shared/words.txt\" > words\n");
        toy.write(
            "toy/second.sh",
            &format!(
                "set -eu\nprintf '{TOY_MODULE}' > \"$BELLGLASS_OUT/module.wasm\"\n\
                 mkdir -p \"$BELLGLASS_OUT/files/lib\"\n\
                 echo \"$BELLGLASS_FLAVOUR $(cat words)\" > \"$BELLGLASS_OUT/files/lib/words\"\n"
            ),
        );
        toy.write("toy/other.sh", "true\n");
        toy.recipe("sweet");
        toy
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join("guests").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn recipe(&self, flavour: &str) {
        self.write(
            "toy/recipe-1.toml",
            &format!(
                "name = \"toy\"\nversion = \"1\"\ntoolchain = \"toolchain.toml\"\nprogram = \"/bin/toy\"\n\
                 environment = {{ HOME = \"/\" }}\n\
                 [entry]\nrun = \"run\"\n[options]\nflavour = \"{flavour}\"\nsource_date_epoch = \"7\"\n\
                 [command_line]\nwith_argument = [\"-W\"]\n\
                 [[step]]\nname = \"other\"\nscript = \"other.sh\"\n\
                 [[step]]\nname = \"first\"\nscript = \"first.sh\"\nneeds = [\"shared\"]\n\
                 [[step]]\nname = \"second\"\nscript = \"second.sh\"\n\
                 needs = [\"step:first\", \"option:flavour\"]\n"
            ),
        );
    }

    fn request(&self) -> BuildRequest {
        let path = self.folder.path().join("guests/toy/recipe-1.toml");
        let mut request = BuildRequest::new(path.to_str().expect("UTF-8"));
        request.cache = Some(self.folder.path().join("cache"));
        request.keep_work = true;
        request
    }

    fn build(&self) -> Result<Image, BuildError> {
        build(&self.request(), &self.log)
    }
}

fn words(image: &Image) -> Vec<u8> {
    let pack = bellglass_pack::Pack::open(image.files()).expect("a pack");
    let file = pack.lookup(b"lib/words").expect("a file");
    pack.read(file.index).expect("its content")
}

#[test]
fn a_recipe_becomes_an_image() {
    let toy = Toy::new();
    let image = toy.build().expect("an image");
    image.verify().expect("whole");
    let manifest = image.manifest();
    assert_eq!(manifest.full_name(), "toy@1");
    assert_eq!(manifest.imports, ["linux.getpid()i".parse().expect("a signature")]);
    assert_eq!(manifest.entry.exports, ["run"]);
    assert_eq!(manifest.environment["HOME"], "/");
    assert_eq!(manifest.command_line.as_ref().expect("a command line").with_argument, ["-W"]);
    assert!(image.is_for_engine(bellglass_engine::compatibility_key));
    assert_eq!(words(&image), b"sweet words\n");
    assert_eq!(
        toy.log.take(),
        [
            "1/7 toolchain: done",
            "2/7 sources: done",
            "3/7 other: done",
            "4/7 first: done",
            "5/7 second: done",
            "6/7 compile to native code: done",
            "7/7 seal the image: done",
        ]
    );
}

#[test]
fn a_second_build_does_nothing() {
    let toy = Toy::new();
    let first = toy.build().expect("an image");
    toy.log.take();
    let second = toy.build().expect("an image");
    assert_eq!(toy.log.take(), ["toy@1 is there already (cached)"]);
    assert_eq!(first.path(), second.path());
}

#[test]
fn a_change_runs_the_steps_that_it_concerns() {
    let toy = Toy::new();
    toy.build().expect("an image");
    toy.log.take();

    toy.write("shared/words.txt", "other words\n");
    assert_eq!(words(&toy.build().expect("an image")), b"sweet other words\n");
    assert_eq!(toy.log.take()[2..5], ["3/7 other: cached", "4/7 first: done", "5/7 second: done"]);

    // An option concerns the steps that name it.
    toy.recipe("sour");
    assert_eq!(words(&toy.build().expect("an image")), b"sour other words\n");
    assert_eq!(toy.log.take()[2..5], ["3/7 other: cached", "4/7 first: cached", "5/7 second: done"]);

    // The time of the base files is read by none, and is the image's all the same.
    let recipe = toy.folder.path().join("guests/toy/recipe-1.toml");
    let text = fs::read_to_string(&recipe).expect("there");
    fs::write(&recipe, text.replace("\"7\"", "\"8\"")).expect("written");
    toy.build().expect("an image");
    assert!(toy.log.take()[..5].iter().all(|line| line.ends_with(": cached")));

    // What no step has declared concerns none.
    toy.write("shared-not/file", "x");
    toy.build().expect("an image");
    assert_eq!(toy.log.take(), ["toy@1 is there already (cached)"]);

    // The image is gone, the steps' results are not.
    Store::new(toy.folder.path().join("cache/images")).remove("toy").expect("removed");
    toy.build().expect("an image");
    assert!(toy.log.take()[..5].iter().all(|line| line.ends_with(": cached")));
}

#[test]
fn a_step_that_failed_is_run_again_with_those_that_need_it() {
    let toy = Toy::new();
    toy.build().expect("an image");
    let good = "set -eu\ncat \"$BELLGLASS_GUESTS/shared/words.txt\" > words\n";
    toy.write("toy/first.sh", "rm words; echo 'one line'; echo 'what went wrong' >&2; exit 3\n");
    let error = toy.build().expect_err("a failed step").to_string();
    for part in ["'first' failed with exit status: 3", "one line\n  what went wrong", ".log"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(toy.log.take().last().expect("a line"), "4/7 first: failed");
    // The script is as it was when the image was built, but what it made is gone.
    Store::new(toy.folder.path().join("cache/images")).remove("toy").expect("removed");
    toy.write("toy/first.sh", good);
    assert_eq!(words(&toy.build().expect("an image")), b"sweet words\n");
    assert_eq!(toy.log.take()[2..5], ["3/7 other: cached", "4/7 first: done", "5/7 second: done"]);
}

#[test]
fn scripts_see_what_they_declared_and_nothing_of_the_caller() {
    let toy = Toy::new();
    toy.write("shared-not/file", "x");
    toy.write(
        "toy/first.sh",
        "set -eu\necho words > words\ntest ! -e \"$BELLGLASS_GUESTS/shared-not\"\n\
        test \"$BELLGLASS_JOBS\" = 3\ntest \"$(pwd)\" = \"$BELLGLASS_WORK\"\ntest -z \"${CARGO_PKG_NAME-}\"\n\
        test -d \"$BELLGLASS_TOOLCHAIN\"\n! read line\ntest -z \"${BELLGLASS_FLAVOUR-}\"\n",
    );
    let mut request = toy.request();
    request.jobs = Some(3);
    request.keep_work = false;
    build(&request, &toy.log).expect("an image");
    assert!(!toy.folder.path().join("cache/build/toy-1").exists(), "the work is not kept");
}

#[test]
fn a_script_leaves_nothing_running() {
    let toy = Toy::new();
    // One in its group, and one that has left it and lost its parent.
    toy.write(
        "toy/other.sh",
        "sleep 1000 & echo $! > one\nsetsid sh -c 'sleep 1000 & echo $! > two' &\n\
         while ! test -s two; do sleep 0.01; done\n",
    );
    toy.build().expect("an image");
    for name in ["one", "two"] {
        let path = toy.folder.path().join("cache/build/toy-1/work").join(name);
        let id = fs::read_to_string(&path).expect("its number");
        let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim()));
        assert!(stat.as_ref().map_or(true, |stat| !stat.contains("(sleep)")), "{name}: {stat:?}");
    }
}

#[test]
fn results_that_cannot_be_an_image_are_refused() {
    for (script, part) in [
        ("true", "have not made"),
        ("echo x > $BELLGLASS_OUT/module.wasm", "not valid wasm"),
        (r"printf '\000asm\001\000\000\000' > $BELLGLASS_OUT/module.wasm", "no exported function 'run'"),
        (&format!("printf '{WITHOUT_MEMORY}' > $BELLGLASS_OUT/module.wasm"), "exports no memory"),
        (&format!("printf '{TOY_MODULE}' > $BELLGLASS_OUT/module.wasm"), "files"),
    ] {
        let toy = Toy::new();
        toy.write("toy/second.sh", script);
        let error = toy.build().expect_err("refused").to_string();
        assert!(error.contains(part), "{part}: {error}");
        let store = Store::new(toy.folder.path().join("cache/images"));
        assert!(matches!(store.find("toy"), Err(ImageError::NotFound { .. })));
    }
}

fn compile_for_another_engine(image: &Image) {
    let path = image.path().join(bellglass_image::MANIFEST_FILE);
    let text = fs::read_to_string(&path).expect("there");
    fs::write(&path, text.replace(bellglass_engine::ENGINE, "an older engine")).expect("written");
}

#[test]
fn an_image_of_another_engine_is_compiled_again() {
    let toy = Toy::new();
    compile_for_another_engine(&toy.build().expect("an image"));
    toy.log.take();
    let again = toy.build().expect("an image");
    assert_eq!(toy.log.take(), ["toy@1 is there already; compiling it for this engine"]);
    assert!(again.is_for_engine(bellglass_engine::compatibility_key));
    assert_eq!(words(&again), b"sweet words\n");
}

#[test]
fn an_image_that_many_compile_again_at_once_is_there_for_each() {
    let toy = Toy::new();
    compile_for_another_engine(&toy.build().expect("an image"));
    let store = Store::new(toy.folder.path().join("cache/images"));
    let found: Vec<_> = (0..4).map(|_| store.find("toy").expect("the older one")).collect();
    let paths: Vec<PathBuf> = std::thread::scope(|scope| {
        let store = &store;
        let again = |image| scope.spawn(move || crate::recompile(image, store).expect("an image"));
        let threads: Vec<_> = found.iter().map(again).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic").path().to_owned()).collect()
    });
    assert!(paths.iter().all(|path| *path == paths[0]), "{paths:?}");
    assert_eq!(words(&store.find("toy").expect("the new one")), b"sweet words\n");
}

#[test]
fn builds_at_once_wait_and_share_the_result() {
    let toy = Toy::new();
    toy.write("toy/other.sh", "sleep 0.3\n");
    let paths: Vec<PathBuf> = std::thread::scope(|scope| {
        let build = || toy.build().expect("an image").path().to_owned();
        let threads = [scope.spawn(build), scope.spawn(build)];
        threads.map(|thread| thread.join().expect("no panic")).to_vec()
    });
    assert_eq!(paths[0], paths[1]);
    let log = toy.log.take();
    assert_eq!(log.iter().filter(|line| line.contains("3/7 other")).count(), 1, "{log:?}");
}

#[test]
fn what_cannot_be_built_here_is_refused_before_any_work() {
    let toy = Toy::new();
    let mut request = toy.request();
    request.cache = Some(toy.folder.path().join("with a blank"));
    let error = build(&request, &toy.log).expect_err("refused").to_string();
    assert!(error.contains("BELLGLASS_CACHE"), "{error}");
    toy.write("toolchain.toml", "machine = \"abacus\"\npackage = []\n");
    assert!(matches!(toy.build(), Err(BuildError::OtherMachine { .. })));
    for recipe in ["nothing", "python@0", "no/such/recipe.toml", "toolchain.toml", ""] {
        assert!(matches!(build(&BuildRequest::new(recipe), &toy.log), Err(BuildError::Find(_))), "{recipe}");
    }
    assert!(!toy.folder.path().join("cache").exists());
}

#[test]
fn a_build_goes_on_where_the_links_of_its_cache_led() {
    let toy = Toy::new();
    let [cache, disk, other] = ["cache", "disk", "other"].map(|name| toy.folder.path().join(name));
    [&disk, &other].into_iter().for_each(|folder| fs::create_dir(folder).expect("made"));
    std::os::unix::fs::symlink(&disk, &cache).expect("a link");
    // Turned while a step runs.
    toy.write("toy/other.sh", &format!("ln -sfn '{}' '{}'\n", other.display(), cache.display()));
    let image = toy.build().expect("an image");
    assert!(image.path().starts_with(&disk), "{image:?}");
    assert_eq!(words(&image), b"sweet words\n");
    assert!(disk.join("build/toy-1/work/words").exists());
    assert_eq!(fs::read_dir(&other).expect("there").count(), 0);
}

#[test]
fn nothing_of_a_cache_that_others_may_write_to_is_used() {
    use std::os::unix::fs::PermissionsExt;
    let toy = Toy::new();
    toy.build().expect("an image");
    let mut request = toy.request();
    request.force = true;
    let cache = toy.folder.path().join("cache");
    let below = ["toolchains", "build", "downloads", "images"].map(|name| cache.join(name));
    for folder in below.iter().chain([&cache]) {
        let change = |mode| fs::set_permissions(folder, PermissionsExt::from_mode(mode)).expect("changed");
        change(0o777);
        let error = build(&request, &toy.log).expect_err("it could be anybody's").to_string();
        let expected = format!("{} is not trusted (every user may write to it)", folder.display());
        assert!(error.contains(&expected), "{error}");
        change(0o700);
    }
    build(&request, &toy.log).expect("an image");
}
