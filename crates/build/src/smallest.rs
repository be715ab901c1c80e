//! The smallest guest, to try a cell with.

use bellglass_engine::{EngineError, Interruption, compatibility_key, compile};
use bellglass_image::Image;
use std::fs::File;
use std::io::{self, Seek, Write};

/// The smallest guest: one page of memory, and `run`, which returns 0.
const MODULE: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x05\x01\x60\0\x01\x7f\
    \x03\x02\x01\0\
    \x05\x03\x01\0\x01\
    \x07\x10\x02\x06memory\x02\0\x03run\0\0\
    \x0a\x06\x01\x04\0\x41\0\x0b";

/// Why the smallest guest is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmallestError {
    /// The engine does not compile it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It cannot be written.
    #[error("cannot write a module to try a cell with to the folder for temporary files: {0}")]
    Write(#[from] io::Error),
}

/// The compiled module of the smallest guest, in a file without a name: a cell can be
/// tried with it where there is no image.
///
/// # Errors
/// [`SmallestError`].
pub fn smallest_module() -> Result<File, SmallestError> {
    let mut file = tempfile::tempfile()?;
    file.write_all(&compile(MODULE, Interruption::Kill)?)?;
    file.rewind()?;
    Ok(file)
}

/// Whether an image was compiled for the engine of this version, and runs as it is.
pub fn is_compiled_for_this(image: &Image) -> bool {
    image.is_for_engine(compatibility_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_guest_is_a_right_module() {
        let file = smallest_module().expect("it compiles");
        assert!(file.metadata().expect("there").len() > 0);
    }
}
