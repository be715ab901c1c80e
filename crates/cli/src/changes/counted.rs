//! The limit on output holds for what is told of changes as well: a program can make
//! such that to print them fills disks.

use std::io::{self, Write};

/// Counts what is printed, and refuses what is beyond the limit on output.
pub(super) struct Counted<W> {
    inner: W,
    left: Option<u64>,
}

/// What was printed would be more than the limit on output.
#[derive(Debug)]
pub(super) struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the limit on output is reached")
    }
}

impl std::error::Error for TooLong {}

impl<W: Write> Counted<W> {
    pub(super) fn new(inner: W, left: Option<u64>) -> Self {
        Self { inner, left }
    }

    /// Prints what is the command's own.
    pub(super) fn uncounted(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.inner.write_all(bytes.as_ref())
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = &mut self.left else { return self.inner.write(bytes) };
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        if most == 0 && !bytes.is_empty() {
            return Err(io::Error::other(TooLong));
        }
        let count = self.inner.write(bytes.get(..most).unwrap_or_default())?;
        *left = left.saturating_sub(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_printed_beyond_the_limit() {
        let mut printed = Vec::new();
        let error = Counted::new(&mut printed, Some(5)).write_all(b"1234567").expect_err("too much");
        assert!(error.get_ref().is_some_and(|error| error.is::<TooLong>()));
        assert_eq!(printed, b"12345");
        Counted::new(&mut printed, None).write_all(b"67").expect("no limit");
        assert_eq!(printed, b"1234567");
    }
}
