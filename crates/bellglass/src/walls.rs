//! The walls that the operating system puts around a cell, behind the one that
//! WebAssembly is. Each is used where the system offers it, and each run's
//! [`Report`](crate::Report) says which were up.

use crate::{Error, Wall};
use bellglass_system::Walls;

/// The name of every wall that this version knows, in the order in which they go
/// up.
pub const ALL: [&str; 11] = [
    "descriptors",
    "no_new_privileges",
    "capabilities",
    "not_dumpable",
    "resource_limits",
    "landlock",
    "dies_with_controller",
    "no_processes",
    "address_space",
    FILTER,
    MEMORY_BOUND,
];

/// The wall that holds most: without it the others are all that a program meets which
/// has broken out of WebAssembly.
pub const FILTER: &str = "system_call_filter";

/// The wall that the controller puts up itself.
pub(crate) const MEMORY_BOUND: &str = "memory_bound";

/// What a wall does, in a few words for people; nothing for an unknown name.
pub fn purpose(name: &str) -> &'static str {
    match name {
        "descriptors" => "everything that it inherited is closed",
        "no_new_privileges" => "no program can give it more rights",
        "capabilities" => "it has none of root's powers",
        "not_dumpable" => "nobody can look into its memory",
        "resource_limits" => "it writes no file and leaves no core",
        "landlock" => "no file, no network, no signals to others",
        "dies_with_controller" => "the kernel ends it when its controller is gone",
        "no_processes" => "it starts no process and no thread",
        "address_space" => "it can map memory in one place only, so that page tables stay small",
        FILTER => "it has a few system calls, and no executable memory",
        MEMORY_BOUND => "the kernel holds the whole process to its memory",
        _ => "",
    }
}

/// Whether all that the policy demands are up.
///
/// # Errors
/// [`Error::Wall`] with the first that is not.
pub(crate) fn require(policy: &Walls, walls: &[Wall]) -> Result<(), Error> {
    let mut names: Vec<&str> = policy.demanded().collect();
    // The first in the order in which they are put up is the one to be told of.
    names.sort_by_key(|name| ALL.iter().position(|wall| wall == name).unwrap_or(ALL.len()));
    for name in names {
        let reason = match walls.iter().find(|wall| wall.name == name) {
            Some(wall) if wall.active => continue,
            Some(wall) => wall.detail.clone(),
            None => format!("the walls of this cell are: {}", list(walls)),
        };
        return Err(Error::Wall { wall: name.to_owned(), reason });
    }
    Ok(())
}

fn list(walls: &[Wall]) -> String {
    walls.iter().map(|wall| wall.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_that_is_down_or_unknown_is_an_error_with_the_reason() {
        let wall = |name: &str, active, detail: &str| Wall {
            name: name.to_owned(),
            active,
            detail: detail.to_owned(),
        };
        let walls = [wall("landlock", false, "not switched on"), wall("descriptors", true, "")];
        let required = |name: &str| {
            let mut policy = Walls::default();
            policy.required.insert(name.to_owned());
            require(&policy, &walls).map_err(|error| error.to_string())
        };
        assert_eq!(required("descriptors"), Ok(()));
        assert!(required("landlock").is_err_and(|text| text.contains("not switched on")));
        assert!(required("moat").is_err_and(|text| text.contains("are: landlock, descriptors")));
        let mut all_but_one = Walls::default();
        all_but_one.required.extend(["landlock".to_owned(), "descriptors".to_owned()]);
        assert!(require(&all_but_one, &walls).is_err());
        all_but_one.waived.insert("landlock".to_owned());
        assert!(require(&all_but_one, &walls).is_ok());
    }

    #[test]
    fn each_wall_has_a_purpose() {
        assert!(ALL.iter().all(|name| !purpose(name).is_empty()));
    }
}
