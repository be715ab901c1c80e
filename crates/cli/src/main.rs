//! The bellglass command.
fn main() {}
