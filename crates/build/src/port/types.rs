//! `bits/alltypes.h`: musl writes each type once, and a header defines those that it
//! was asked for.
//!
//! ```text
//! TYPEDEF long off_t;      #if defined(__NEED_off_t) && !defined(__DEFINED_off_t)
//!                          typedef long off_t;
//!                          #define __DEFINED_off_t
//!                          #endif
//! ```

/// The header of this list.
pub(super) fn header(list: &str) -> String {
    let mut text = String::new();
    for line in list.lines() {
        match definition(line) {
            Some((name, definition)) => text.push_str(&format!(
                "#if defined(__NEED_{name}) && !defined(__DEFINED_{name})\n{definition}\n#define __DEFINED_{name}\n#endif\n\n"
            )),
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// What a line defines, and how.
fn definition(line: &str) -> Option<(String, String)> {
    let (kind, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    match kind {
        "TYPEDEF" => {
            let name = rest.strip_suffix(';')?.rsplit(' ').next()?;
            Some((name.to_owned(), format!("typedef {rest}")))
        }
        "STRUCT" | "UNION" => {
            let kind = kind.to_ascii_lowercase();
            let name = rest.split(' ').next()?;
            Some((format!("{kind}_{name}"), format!("{kind} {rest}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_defined_once() {
        let text =
            header("#define _Addr long\nTYPEDEF unsigned _Addr size_t;\nSTRUCT iovec { void *base; };\n");
        let expected = "#define _Addr long\n\
            #if defined(__NEED_size_t) && !defined(__DEFINED_size_t)\ntypedef unsigned _Addr size_t;\n#define __DEFINED_size_t\n#endif\n\n\
            #if defined(__NEED_struct_iovec) && !defined(__DEFINED_struct_iovec)\nstruct iovec { void *base; };\n#define __DEFINED_struct_iovec\n#endif\n\n";
        assert_eq!(text, expected);
    }
}
