//! How a guest that only computes is ended.

/// How a guest that computes is stopped or interrupted. It decides what the
/// compiled code looks like: code for the one cannot be loaded for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interruption {
    /// By a signal to the process that it has for itself. The code pays nothing.
    Kill,
    /// By a look at a counter in every loop and at every function's start: for
    /// guests in threads, which nothing else can stop. It costs an eighth of the
    /// speed or more.
    Epoch,
}

impl Interruption {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kill, Self::Epoch];

    /// Its name in manifests and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Epoch => "epoch",
        }
    }
}

/// The numbers of the bits that are set, the lowest first: sets of interrupts are told a
/// bit a number, and nearly always nothing is set.
///
/// ```
/// use bellglass_wire::numbers_of;
///
/// assert_eq!(numbers_of(1 << 63 | 0b101).collect::<Vec<_>>(), [0, 2, 63]);
/// assert_eq!(numbers_of(0).next(), None);
/// ```
#[inline]
pub fn numbers_of(mut bits: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let number = bits.trailing_zeros();
        // Without its lowest bit; of nothing nothing is left.
        bits &= bits.wrapping_sub(1);
        (number < u64::BITS).then_some(number as u8)
    })
}
