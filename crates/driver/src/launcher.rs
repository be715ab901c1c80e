//! The executable that a link makes: a line that says what runs it, then the
//! module as it is.
//!
//! ```text
//! #!/usr/local/bin/bellglass exec
//! \0asm...
//! ```
//!
//! So the system starts it as it starts any program, `cp` and `install` do what
//! they do to any, and what follows the line can be read by every tool that
//! knows wasm.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a module begins with: its magic number and its version.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Bytes before the module that are looked at.
const HEAD_BYTES: usize = 8192;

/// Bytes of a first line that Linux reads.
const LINE_BYTES: usize = 255;

/// What stands before a module so that the command `program` runs it.
///
/// ```
/// let head = bellglass_driver::launcher::head("/usr/bin/bellglass".as_ref());
/// assert_eq!(head, b"#!/usr/bin/bellglass exec\n");
/// ```
pub fn head(program: &Path) -> Vec<u8> {
    let path = program.as_os_str().as_bytes();
    let plain = path.iter().all(|byte| byte.is_ascii_graphic());
    let direct = [b"#!", path, b" exec\n"].concat();
    if plain && direct.len() <= LINE_BYTES {
        return direct;
    }
    // The system would cut such a line, or split it at the blank.
    let quoted = path.iter().fold(Vec::new(), |mut quoted, byte| {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            other => quoted.push(*other),
        }
        quoted
    });
    [b"#!/bin/sh\nexec '", &quoted[..], b"' exec \"$0\" \"$@\"\n"].concat()
}

/// Where in these bytes the module begins: at once, or after a launcher's line.
pub fn module_offset(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(MODULE) {
        return Some(0);
    }
    if !bytes.starts_with(b"#!") {
        return None;
    }
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let found =
        head.windows(MODULE.len() + 1).position(|window| window[0] == b'\n' && &window[1..] == MODULE);
    found.map(|newline| newline + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_with_and_without_a_line_before_it() {
        let module = [MODULE, b"rest"].concat();
        assert_eq!(module_offset(&module), Some(0));
        for program in ["/bin/x", "/a b/it's", &format!("/{}", "long/".repeat(80))] {
            let head = head(Path::new(program));
            let file = [&head[..], &module].concat();
            assert_eq!(module_offset(&file), Some(head.len()), "{program}");
        }
        for other in [&b""[..], b"#!", b"#!/bin/sh\n", b"\x7fELF", b"\0asm", b"x\n\0asm\x01\0\0\0"] {
            assert_eq!(module_offset(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_path_that_a_line_cannot_hold_goes_through_the_shell() {
        let head = head(Path::new("/a b/it's"));
        assert_eq!(head, b"#!/bin/sh\nexec '/a b/it'\\''s' exec \"$0\" \"$@\"\n");
    }
}
