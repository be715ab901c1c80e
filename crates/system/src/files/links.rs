//! Which symlinks a guest may leave on the host.
//!
//! In the guest's tree a symlink is interpreted by the walk and leads nowhere
//! outside. The host's programs know of no mount: to them `../../.ssh/config` means
//! what stands there. So a link whose target could lie outside of the directory
//! that was shown is never made on the host.

/// Whether a symlink could lead out of the tree, for whoever follows it on the
/// host. `depth` is how many directories below the tree's root the directory lies
/// that holds it: 0 in the root itself.
///
/// The target's text alone decides, so it cannot be made wrong by what comes and
/// goes meanwhile. A `..` counts only at the start of a target, where it leaves
/// directories of which the depth is known. After a name it is refused: the name
/// may be a link to a lesser depth (with `d/e/up -> ../..`, `d/e/up/..` is outside).
/// Thus links that were each allowed where they lie lead nowhere outside together
/// either.
///
/// What must stay true: it is asked for *each* name that a link gets, also by
/// renaming it and by a hard link to it; and a directory that moves to a lesser
/// depth takes with it links that were right where they were.
pub(super) fn leads_out(depth: usize, target: &[u8]) -> bool {
    if target.first() == Some(&b'/') {
        return true;
    }
    let mut up = 0;
    let mut named = false;
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if named => return true,
            b".." => up += 1,
            _ => named = true,
        }
    }
    up > depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_within_is_allowed() {
        let cases: [(usize, &str); 9] = [
            (0, ""),
            (0, "."),
            (0, "name"),
            (0, "./a//b/."),
            (0, "..."),
            (0, "..name/name.."),
            (1, ".."),
            (1, "../"),
            (3, ".././../../a/b"),
        ];
        for (depth, target) in cases {
            assert!(!leads_out(depth, target.as_bytes()), "{target} at {depth}");
        }
    }

    #[test]
    fn what_leads_out_or_could_is_not() {
        let cases: [(usize, &str); 9] = [
            (9, "/"),
            (9, "/etc/passwd"),
            (9, "//a"),
            (0, ".."),
            (0, "./.."),
            (1, "../.."),
            (2, "..//..//../x"),
            (9, "name/.."),
            (9, "../name/./../x"),
        ];
        for (depth, target) in cases {
            assert!(leads_out(depth, target.as_bytes()), "{target} at {depth}");
        }
    }
}
