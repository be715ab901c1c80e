//! The results of a call.

use smallvec::SmallVec;
use std::ops::Deref;

/// The raw results of a call; a 32-bit value is in the low half. Most calls have
/// one, or none, which costs no memory of its own.
///
/// ```
/// use bellglass_system::Results;
///
/// let results = Results::from([7]);
/// assert_eq!(results[0], 7);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results(SmallVec<[u64; 2]>);

impl Deref for Results {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.0
    }
}

impl<const N: usize> From<[u64; N]> for Results {
    fn from(values: [u64; N]) -> Self {
        values.into_iter().collect()
    }
}

impl From<Vec<u64>> for Results {
    fn from(values: Vec<u64>) -> Self {
        Self(SmallVec::from_vec(values))
    }
}

impl FromIterator<u64> for Results {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}
