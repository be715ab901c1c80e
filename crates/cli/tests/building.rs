//! Builds of images by a toy recipe, which needs no compiler and no network.

use crate::harness::process::{self, Finished, Stdin};
use crate::harness::{Scratch, Terminal};
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A place with a recipe whose one step is this script.
fn place(script: &str) -> Scratch {
    let place = Scratch::new();
    let machine = std::env::consts::ARCH;
    place.write("guests/toolchain.toml", format!("machine = \"{machine}\"\npackage = []\n"));
    place.write("guests/toy/step.sh", script);
    place.write(
        "guests/toy/recipe.toml",
        "name = \"toy\"\nversion = \"1\"\ntoolchain = \"toolchain.toml\"\nprogram = \"toy\"\n\
         [entry]\nrun = \"run\"\n[[step]]\nname = \"the only step\"\nscript = \"step.sh\"\n",
    );
    place
}

const BUILD: [&str; 3] = ["image", "build", "guests/toy/recipe.toml"];

fn build(place: &Scratch) -> Command {
    let mut command = place.bellglass(BUILD);
    command.env("BELLGLASS_CACHE", cache(place));
    command
}

fn cache(place: &Scratch) -> PathBuf {
    place.home().join("cache")
}

fn work(place: &Scratch) -> PathBuf {
    cache(place).join("build/toy-1/work")
}

/// The number that a script has written for a process, once it is there.
fn number(place: &Scratch, name: &str) -> u32 {
    let read = || fs::read_to_string(work(place).join(name)).unwrap_or_default().trim().parse();
    process::eventually(&format!("{name} is written"), || read().is_ok());
    read().expect("a number")
}

fn sleeps(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains("(sleep) S"))
}

/// Starts what starts others: in its group, and out of it with no parent left.
const DEEP: &str = "echo $$ > shell\n(sleep 1000 & echo $! > one; wait) &\n\
    setsid sh -c 'sleep 1000 & echo $! > two'\nsleep 1000 & echo $! > three\nwait\n";

#[test]
fn what_a_build_has_started_ends_with_it() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let place = place(DEEP);
        let own = build(&place);
        // What is started in the background by a shell ignores SIGINT, and these tests may be.
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,TERM,HUP").args([own.get_program()]).args(own.get_args());
        command.current_dir(place.work()).env_clear();
        command.envs(own.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
        let running = process::start(&mut command, Stdin::Nothing);
        let sleeping = ["one", "two", "three"].map(|name| number(&place, name));
        process::eventually("all sleep", || sleeping.iter().all(|id| sleeps(*id)));
        running.signal(signal);
        running.wait().expect(128 + signal.as_raw());
        process::eventually("nothing of it is left", || !sleeping.iter().any(|id| sleeps(*id)));
        let shell = number(&place, "shell");
        process::eventually("nor its shell", || !fs::exists(format!("/proc/{shell}")).unwrap_or(true));
        // The next one begins where this ended.
        place.write("guests/toy/step.sh", "exit 7\n");
        process::finish(&mut build(&place), Stdin::Nothing).expect(125).says("failed with exit status: 7");
    }
}

#[test]
fn a_line_shows_the_step_and_its_time_and_not_what_it_prints() {
    let place = place("echo the compilers line; echo $$ > shell; sleep 3; exit 3\n");
    let cache = cache(&place).display().to_string();
    let path = std::env::var("PATH").expect("a path");
    let environment = [("BELLGLASS_CACHE", cache.as_str()), ("PATH", &path)];
    let mut terminal = Terminal::open_with(&place, &BUILD, &environment);
    number(&place, "shell");
    let line = || terminal.lines().into_iter().find(|line| line.contains("[3/5] the only step "));
    process::eventually("the time goes", || line().is_some_and(|line| line.ends_with(" the only step 2s")));
    let shown = process::printable(&terminal.sent());
    assert!(!shown.contains("compilers line"), "{shown}");
    assert_eq!(terminal.ends(), 125);
    assert!(process::printable(&terminal.sent()).contains("compilers line"), "the error shows it");
}

#[test]
fn a_step_that_fails_is_told_in_a_sentence_with_its_log() {
    let place = place("for line in $(seq 100); do echo line $line; done; kill -TERM $$\n");
    let finished: Finished = process::finish(&mut build(&place), Stdin::Nothing).expect(125);
    let err = finished.err();
    let line = err.lines().find(|line| line.starts_with("bellglass: ")).expect("a sentence");
    let log =
        line.strip_prefix("bellglass: the step 'the only step' failed with exit status: 143: see its log ");
    let log = log.and_then(|rest| rest.strip_suffix(", which ends so:")).unwrap_or_else(|| panic!("{err}"));
    assert_eq!(fs::read_to_string(log).expect("the log").lines().count(), 100);
    assert!(err.ends_with("line 99\n      line 100\n") && !err.contains("line 80\n"), "{err}");
    assert!(finished.took < Duration::from_secs(60));
}
