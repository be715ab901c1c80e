//! The list of a file's locks on ranges.
//!
//! It is in Linux's order, for a program is told of the first lock that is in its way: those
//! of one owner stand together, by where they begin, and the owners in the order of their
//! first locks.

use super::{Mode, Owner, Span};

/// A lock on a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub owner: Owner,
    /// Whether the owner is an open file, and not a process.
    pub of_description: bool,
    pub mode: Mode,
    pub span: Span,
}

/// All of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Records(
    // BOUND: each is one of the locks that its run may have.
    Vec<Record>,
);

/// A stretch of a file, and the strongest lock that anybody has on all of it.
pub(super) type Stretch = (Span, Option<Mode>);

impl Records {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many an owner has.
    pub(super) fn count(&self, owner: Owner) -> usize {
        self.0.iter().filter(|record| record.owner == owner).count()
    }

    /// The first lock of another owner that does not let this one be taken.
    pub(super) fn conflict(&self, owner: Owner, mode: Mode, span: Span) -> Option<&Record> {
        self.0.iter().find(|record| {
            record.owner != owner
                && record.span.overlaps(span)
                && (mode == Mode::Exclusive || record.mode == Mode::Exclusive)
        })
    }

    /// The first lock that an owner has itself in a span.
    pub(super) fn own(&self, owner: Owner, span: Span) -> Option<&Record> {
        self.0.iter().find(|record| record.owner == owner && record.span.overlaps(span))
    }

    /// Where those of an owner stand: at the end, if there are none.
    fn group(&self, owner: Owner) -> std::ops::Range<usize> {
        let start = self.0.iter().position(|record| record.owner == owner).unwrap_or(self.0.len());
        let rest = self.0.get(start..).unwrap_or_default();
        start..start + rest.iter().take_while(|record| record.owner == owner).count()
    }

    /// Gives an owner this lock on a span, in place of what it has there, or none. Locks of
    /// one mode that touch become one.
    pub(super) fn set(&mut self, owner: Owner, of_description: bool, mode: Option<Mode>, span: Span) {
        let group = self.group(owner);
        let mut merged = span;
        // What stays of the others, of which a span cuts one in two at most.
        let mut kept = Vec::with_capacity(group.len() + 2);
        for record in self.0.get(group.clone()).unwrap_or_default() {
            if mode == Some(record.mode) && record.span.touches(span) {
                merged = merged.with(record.span);
            } else if record.span.overlaps(span) {
                if let Some(last) = span.first.checked_sub(1).filter(|last| *last >= record.span.first) {
                    kept.push(Record { span: Span { last, ..record.span }, ..*record });
                }
                if record.span.last > span.last {
                    kept.push(Record { span: Span { first: span.last + 1, ..record.span }, ..*record });
                }
            } else {
                kept.push(*record);
            }
        }
        if let Some(mode) = mode {
            let at = kept.partition_point(|record| record.span.first < merged.first);
            kept.insert(at, Record { owner, of_description, mode, span: merged });
        }
        self.0.splice(group, kept);
    }

    /// Takes all from an owner.
    pub(super) fn release(&mut self, owner: Owner) {
        self.0.retain(|record| record.owner != owner);
    }

    /// The spans that an owner has locked, as one that holds them all.
    pub(super) fn extent(&self, owner: Owner) -> Option<Span> {
        let own = self.0.iter().filter(|record| record.owner == owner);
        own.map(|record| record.span).reduce(Span::with)
    }

    /// What anybody has locked of a span: stretches from its first byte to its last.
    pub(super) fn strongest(&self, span: Span) -> Vec<Stretch> {
        // Where a lock begins and where it no longer is, and what it is.
        let mut turns: Vec<(u64, Mode, bool)> = Vec::new();
        for record in self.0.iter().filter(|record| record.span.overlaps(span)) {
            let inside = record.span.within(span);
            turns.push((inside.first, record.mode, true));
            if inside.last < span.last {
                turns.push((inside.last + 1, record.mode, false));
            }
        }
        turns.sort_unstable_by_key(|(at, ..)| *at);
        let (mut shared, mut exclusive) = (0usize, 0usize);
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut from = span.first;
        let mut turns = turns.into_iter().peekable();
        loop {
            while let Some((_, mode, begins)) = turns.next_if(|(at, ..)| *at <= from) {
                let count = if mode == Mode::Shared { &mut shared } else { &mut exclusive };
                *count = if begins { *count + 1 } else { count.saturating_sub(1) };
            }
            let mode = match (shared, exclusive) {
                (0, 0) => None,
                (_, 0) => Some(Mode::Shared),
                _ => Some(Mode::Exclusive),
            };
            let last = turns.peek().map_or(span.last, |(at, ..)| at - 1);
            match stretches.last_mut() {
                Some((before, same)) if *same == mode => before.last = last,
                _ => stretches.push((Span { first: from, last }, mode)),
            }
            if last >= span.last {
                return stretches;
            }
            from = last + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Exclusive, Shared};
    use proptest::prelude::*;

    fn span(first: u64, last: u64) -> Span {
        Span { first, last }
    }

    fn told(records: &Records) -> Vec<(Mode, u64, u64)> {
        records.0.iter().map(|record| (record.mode, record.span.first, record.span.last)).collect()
    }

    #[test]
    fn a_lock_within_another_cuts_it_in_two_and_the_same_makes_it_whole_again() {
        let (mut records, own) = (Records::default(), Owner::new());
        records.set(own, false, Some(Shared), Span::WHOLE);
        records.set(own, false, Some(Exclusive), span(10, 19));
        let cut = [(Shared, 0, 9), (Exclusive, 10, 19), (Shared, 20, Span::END)];
        assert_eq!(told(&records), cut);
        records.set(own, false, None, span(0, 14));
        assert_eq!(told(&records), [(Exclusive, 15, 19), (Shared, 20, Span::END)]);
        records.set(own, false, Some(Shared), span(5, 19));
        assert_eq!(told(&records), [(Shared, 5, Span::END)]);
        records.set(own, false, None, Span::WHOLE);
        assert!(records.is_empty());
    }

    #[test]
    fn an_owner_stands_where_its_first_lock_was_taken() {
        let mut records = Records::default();
        let (one, other) = (Owner::new(), Owner::new());
        records.set(other, true, Some(Shared), span(50, 59));
        records.set(one, false, Some(Shared), span(0, 9));
        records.set(other, true, Some(Shared), span(0, 9));
        assert_eq!(told(&records), [(Shared, 0, 9), (Shared, 50, 59), (Shared, 0, 9)]);
        let found = records.conflict(Owner::new(), Exclusive, Span::WHOLE).expect("one is in the way");
        assert_eq!((found.owner, found.of_description), (other, true));
    }

    /// What each byte is locked with by each owner, told the plain way.
    #[derive(Default)]
    struct Plain([[Option<Mode>; 3]; 24]);

    impl Plain {
        fn strongest(&self, byte: u64) -> Option<Mode> {
            self.0[byte as usize].iter().copied().max().flatten()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_list_says_of_each_byte_what_was_locked_last(
            changes in prop::collection::vec((0usize..3, 0u8..3, 0u64..24, 0u64..24), 1..60)
        ) {
            let owners = [Owner::new(), Owner::new(), Owner::new()];
            let (mut records, mut plain) = (Records::default(), Plain::default());
            for (who, mode, one, other) in changes {
                let mode = [None, Some(Shared), Some(Exclusive)][usize::from(mode)];
                let span = span(one.min(other), one.max(other));
                records.set(owners[who], false, mode, span);
                for byte in span.first..=span.last {
                    plain.0[byte as usize][who] = mode;
                }
                for byte in 0..24 {
                    for (who, owner) in owners.iter().enumerate() {
                        let found = records.own(*owner, Span { first: byte, last: byte });
                        prop_assert_eq!(found.map(|record| record.mode), plain.0[byte as usize][who]);
                    }
                }
                // The stretches are whole, and no two that touch are the same.
                let stretches = records.strongest(Span { first: 3, last: 20 });
                prop_assert_eq!((stretches[0].0.first, stretches[stretches.len() - 1].0.last), (3, 20));
                for pair in stretches.windows(2) {
                    prop_assert!(pair[0].0.last + 1 == pair[1].0.first && pair[0].1 != pair[1].1);
                }
                for (span, mode) in stretches {
                    for byte in span.first..=span.last {
                        prop_assert_eq!(mode, plain.strongest(byte));
                    }
                }
                for (who, owner) in owners.iter().enumerate() {
                    let own: Vec<_> = records.0.iter().filter(|record| record.owner == *owner).collect();
                    prop_assert_eq!(own.len(), records.count(*owner));
                    for pair in own.windows(2) {
                        // Apart, or of different modes.
                        prop_assert!(pair[0].span.last < pair[1].span.first);
                        prop_assert!(pair[0].mode != pair[1].mode || pair[0].span.last + 1 < pair[1].span.first);
                    }
                    let locked: Vec<u64> =
                        (0..24).filter(|byte| plain.0[*byte as usize][who].is_some()).collect();
                    let extent = records.extent(*owner).map(|span| (span.first, span.last));
                    prop_assert_eq!(extent, locked.first().copied().zip(locked.last().copied()));
                }
            }
        }
    }
}
