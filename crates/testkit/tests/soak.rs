use std::process::Command;

/// How long it is; `cargo xtask soak` takes half an hour.
const SECONDS: &str = "20";

#[test]
fn a_controller_with_little_memory_outlasts_a_crowd_of_good_and_hostile_guests() {
    let output = Command::new(env!("CARGO_BIN_EXE_soak")).arg(SECONDS).output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    println!("{told}");
    assert!(output.status.success(), "{}: {told}", output.status);
    assert!(told.contains(", 0 failures"), "it came to its end");
    page_says(&told);
}

/// SECURITY.md names the numbers that were in force.
fn page_says(told: &str) {
    let line = told.lines().find(|line| line.contains("guests at a time")).expect("it says what it has");
    let numbers: Vec<&str> =
        line.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
    let [guests, mebibytes, descriptors] = numbers[..] else { panic!("{line}") };
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../SECURITY.md");
    let page = std::fs::read_to_string(page).expect("the page").replace(',', "");
    for text in [
        format!("{guests} good and hostile guests"),
        format!("{mebibytes} MiB for itself and {descriptors} descriptors"),
    ] {
        assert!(page.contains(&text), "SECURITY.md does not say '{text}'");
    }
}
