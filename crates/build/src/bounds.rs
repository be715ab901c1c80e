//! How large a module may be. None that a compiler has made for a purpose comes near;
//! one that is beyond is refused in a sentence, before it costs anything. What holds a
//! module that keeps to all of these is the memory and the time of its compiler.

use wasmparser::{Operator, Parser, Payload};

/// Bytes of a module.
pub(crate) const MODULE_BYTES: u64 = 128 << 20;

/// Bytes of the types, the imports and the exports: what is kept of them takes up to
/// twenty times as much.
const SECTION_BYTES: usize = 8 << 20;

const TYPES: u32 = 100_000;
const IMPORTS: u32 = bellglass_wire::caps::SIGNATURES as u32;
const FUNCTIONS: u32 = 500_000;
const TABLES: u32 = 100;
const MEMORIES: u32 = 100;
const GLOBALS: u32 = 100_000;
const EXPORTS: u32 = 200_000;
const SEGMENTS: u32 = 100_000;

/// Bytes of one function: what a compiler needs for one grows faster than it does.
const FUNCTION_BYTES: usize = 4 << 20;

/// Variables of one function.
const LOCALS: u64 = 20_000;

/// Blocks of one function that are within each other.
const DEPTH: usize = 20_000;

/// What a module has more of than it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has {found} {what}, and no module may have more than {most}")]
pub struct TooMuch {
    /// Of what.
    pub what: &'static str,
    /// How many it has.
    pub found: u64,
    /// How many it may have.
    pub most: u64,
}

fn bound(what: &'static str, found: u64, most: u64) -> Result<(), TooMuch> {
    if found <= most { Ok(()) } else { Err(TooMuch { what, found, most }) }
}

/// Checks that the file of a module is not too long.
pub(crate) fn check_length(bytes: u64) -> Result<(), TooMuch> {
    bound("bytes", bytes, MODULE_BYTES)
}

/// Checks what the sections of a module say of themselves; takes no time, whatever is
/// in them. One that is damaged is for others to refuse.
pub(crate) fn check_sections(wasm: &[u8]) -> Result<(), TooMuch> {
    check_length(wasm.len() as u64)?;
    let count = |what, found: u32, most: u32| bound(what, found.into(), most.into());
    let bytes = |what, range: std::ops::Range<usize>| bound(what, range.len() as u64, SECTION_BYTES as u64);
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::TypeSection(section) => {
                count("types", section.count(), TYPES)?;
                bytes("bytes of types", section.range())?;
            }
            Payload::ImportSection(section) => {
                count("imports", section.count(), IMPORTS)?;
                bytes("bytes of imports", section.range())?;
            }
            Payload::ExportSection(section) => {
                count("exports", section.count(), EXPORTS)?;
                bytes("bytes of exports", section.range())?;
            }
            Payload::FunctionSection(section) => count("functions", section.count(), FUNCTIONS)?,
            Payload::TableSection(section) => count("tables", section.count(), TABLES)?,
            Payload::MemorySection(section) => count("memories", section.count(), MEMORIES)?,
            Payload::GlobalSection(section) => count("globals", section.count(), GLOBALS)?,
            Payload::TagSection(section) => count("tags", section.count(), TYPES)?,
            Payload::ElementSection(section) => count("element segments", section.count(), SEGMENTS)?,
            Payload::DataSection(section) => count("data segments", section.count(), SEGMENTS)?,
            Payload::CodeSectionStart { count: functions, .. } => count("functions", functions, FUNCTIONS)?,
            Payload::CodeSectionEntry(body) => {
                bound("bytes in one function", body.range().len() as u64, FUNCTION_BYTES as u64)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks each function of a module that [`check_sections`] has seen.
pub(crate) fn check_bodies(wasm: &[u8]) -> Result<(), TooMuch> {
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        let Payload::CodeSectionEntry(body) = payload else { continue };
        let Ok(locals) = body.get_locals_reader() else { continue };
        let groups = locals.into_iter().map_while(Result::ok);
        let variables = groups.fold(0u64, |sum, (count, _)| sum.saturating_add(count.into()));
        bound("variables in one function", variables, LOCALS)?;
        let Ok(operators) = body.get_operators_reader() else { continue };
        let mut depth = 0usize;
        for operator in operators.into_iter().map_while(Result::ok) {
            match operator {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Try { .. }
                | Operator::TryTable { .. } => {
                    depth += 1;
                    bound("blocks within each other", depth as u64, DEPTH as u64)?;
                }
                Operator::End | Operator::Delegate { .. } => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number as modules have it.
    fn leb(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    fn module(section: u8, content: Vec<u8>) -> Vec<u8> {
        [b"\0asm\x01\0\0\0".to_vec(), vec![section], leb(content.len()), content].concat()
    }

    /// A module with one function, of these bytes.
    fn function(body: &[u8]) -> Vec<u8> {
        let code = [vec![1], leb(body.len()), body.to_vec()].concat();
        [module(3, vec![1, 0]), vec![10], leb(code.len()), code].concat()
    }

    /// It keeps to the bound with `most`, and with one more it is refused for that.
    fn check(what: &'static str, most: usize, check: impl Fn(usize) -> Result<(), TooMuch>) {
        assert_eq!(check(most), Ok(()), "{what}");
        let refused = TooMuch { what, found: most as u64 + 1, most: most as u64 };
        assert_eq!(check(most + 1), Err(refused), "{what}");
    }

    #[test]
    fn a_section_says_how_much_it_has_and_is_refused_at_once() {
        // What it says is enough: nothing of it is there.
        for (section, what, most) in [
            (1, "types", 100_000),
            (2, "imports", 4_096),
            (3, "functions", 500_000),
            (4, "tables", 100),
            (5, "memories", 100),
            (6, "globals", 100_000),
            (7, "exports", 200_000),
            (9, "element segments", 100_000),
            (11, "data segments", 100_000),
            (13, "tags", 100_000),
        ] {
            check(what, most, |count| check_sections(&module(section, leb(count))));
        }
        for (section, what) in [(1, "bytes of types"), (2, "bytes of imports"), (7, "bytes of exports")] {
            check(what, 8 << 20, |count| check_sections(&module(section, vec![0; count])));
        }
        check("bytes", 128 << 20, |count| check_length(count as u64));
        let long = vec![0; (128 << 20) + 1];
        assert_eq!(check_sections(&long).map_err(|error| error.what), Err("bytes"));
    }

    #[test]
    fn a_function_has_so_many_bytes_variables_and_blocks() {
        check("bytes in one function", 4 << 20, |count| check_sections(&function(&vec![0; count])));
        check("variables in one function", 20_000, |count| {
            // By two declarations, of which each keeps to it.
            let body =
                [vec![2], leb(count / 2), vec![0x7f], leb(count - count / 2), vec![0x7e, 0x0b]].concat();
            check_bodies(&function(&body))
        });
        // A block, a loop, a condition, and what may throw.
        for start in [&[0x02, 0x40][..], &[0x03, 0x40], &[0x04, 0x40], &[0x06, 0x40], &[0x1f, 0x40, 0]] {
            check("blocks within each other", 20_000, |count| {
                let body = [vec![0], start.repeat(count), vec![0x0b; count + 1]].concat();
                check_bodies(&function(&body))
            });
            // One after the other are not within each other.
            let body = [vec![0], [start, &[0x0b]].concat().repeat(20_001), vec![0x0b]].concat();
            assert_eq!(check_bodies(&function(&body)), Ok(()));
        }
    }
}
