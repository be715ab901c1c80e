//! The folder of recipes is part of the library; this makes a change in it
//! build the library anew.

fn main() {
    println!("cargo:rerun-if-changed=../../guests");
}
