//! The order of a conversation: which frame may come when, in each direction. It is
//! one table, by which both sides go, and all that is not in it breaks the protocol.
//!
//! A frame that a state does not permit and one of a kind that nobody knows are two
//! different faults, and both name the frame.

use crate::WireError;

/// How far a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConversationState {
    /// The process has started, and has said nothing yet.
    Started,
    /// The cell has said hello.
    Greeted,
    /// The cell has been welcomed, and is not told yet what to run.
    Welcomed,
    /// The guest runs, and no call of it is open.
    Running,
    /// Calls are open, and none of them waits for the answer to a question.
    Called,
    /// Calls are open, and the controller waits for what it has read.
    Reading,
    /// Calls are open, and the controller waits for what it has allocated.
    Allocating,
    /// The guest was told to end.
    Ending,
    /// The last frame has come.
    Over,
    /// The process is a zygote.
    Zygote,
    /// The process is a zygote that was told to fork.
    Forking,
}

/// What a state permits.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The state.
    pub state: ConversationState,
    /// The frames that may come from the cell.
    pub from_cell: &'static [CellFrame],
    /// The frames that may come from the controller.
    pub to_cell: &'static [ControllerFrame],
}

use CellFrame as C;
use ControllerFrame as T;

/// The frames by which a guest's run may end at any time: another thread of the guest
/// may come to its end while a call is open.
macro_rules! or_the_end {
    ($($frame:expr),*) => { &[$($frame,)* C::Returned, C::Trapped, C::Failed] };
}

/// The table.
pub const STATES: [Row; 11] = [
    Row {
        state: ConversationState::Started,
        from_cell: &[C::Hello, C::Failed],
        to_cell: &[T::Offer, T::Zygote],
    },
    // An offer that was not there in time is without meaning.
    Row { state: ConversationState::Greeted, from_cell: &[C::Failed], to_cell: &[T::Offer, T::Welcome] },
    Row { state: ConversationState::Welcomed, from_cell: &[C::Failed], to_cell: &[T::Run] },
    Row { state: ConversationState::Running, from_cell: or_the_end![C::Call, C::NoRoom], to_cell: &[] },
    Row {
        state: ConversationState::Called,
        from_cell: or_the_end![C::Call],
        to_cell: &[T::Read, T::Write, T::Allocate, T::Free, T::Return, T::End],
    },
    Row { state: ConversationState::Reading, from_cell: or_the_end![C::Data, C::Call], to_cell: &[] },
    Row { state: ConversationState::Allocating, from_cell: or_the_end![C::Allocated, C::Call], to_cell: &[] },
    // What was on its way may still come.
    Row { state: ConversationState::Ending, from_cell: or_the_end![C::Ended, C::Call], to_cell: &[] },
    Row { state: ConversationState::Over, from_cell: &[], to_cell: &[] },
    Row { state: ConversationState::Zygote, from_cell: &[C::Failed], to_cell: &[T::Fork] },
    Row { state: ConversationState::Forking, from_cell: &[C::Forked, C::Failed], to_cell: &[] },
];

impl ConversationState {
    #[inline]
    fn row(self) -> &'static Row {
        // Each call looks twice. A state's number is the place of its row, as a test holds.
        &STATES[self as usize]
    }

    /// Holds a frame of the cell, given without its length field, to the table, by its
    /// kind alone.
    ///
    /// # Errors
    /// [`WireError::Unknown`] or [`WireError::Unpermitted`].
    #[inline]
    pub fn check_cell(self, frame: &[u8]) -> Result<CellFrame, WireError> {
        CellFrame::check(frame, self.row().from_cell, self)
    }

    /// The same for a frame of the controller.
    ///
    /// # Errors
    /// As [`check_cell`](Self::check_cell).
    #[inline]
    pub fn check_controller(self, frame: &[u8]) -> Result<ControllerFrame, WireError> {
        ControllerFrame::check(frame, self.row().to_cell, self)
    }

    /// What it is called in messages, after "while".
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "the cell has not said hello",
            Self::Greeted => "the cell has not been welcomed",
            Self::Welcomed => "the cell has not been told what to run",
            Self::Running => "no call is open",
            Self::Called => "calls are open and nothing was asked",
            Self::Reading => "memory was asked for",
            Self::Allocating => "an allocation was asked for",
            Self::Ending => "the guest is to end",
            Self::Over => "the conversation is over",
            Self::Zygote => "nothing is to be forked",
            Self::Forking => "a cell is to be forked",
        }
    }
}

/// Declares the kinds of one direction's frames.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident, $count:literal: $($kind:ident = $number:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each is described where its frame is")]
        pub enum $name { $($kind = $number,)* }

        impl $name {
            /// All of them.
            pub const ALL: [Self; $count] = [$(Self::$kind,)*];

            /// The one of this number. They are numbered from one on, as a test holds.
            #[inline]
            fn of(kind: u8) -> Option<Self> {
                Self::ALL.get(usize::from(kind).checked_sub(1)?).copied()
            }

            #[inline]
            fn check(frame: &[u8], permitted: &[Self], state: ConversationState) -> Result<Self, WireError> {
                let kind = *frame.first().ok_or(WireError::Truncated { field: "kind" })?;
                let frame = Self::of(kind).ok_or(WireError::Unknown { kind })?;
                match permitted.contains(&frame) {
                    true => Ok(frame),
                    false => Err(WireError::Unpermitted { frame: frame.name(), state: state.name() }),
                }
            }

            /// Its name, as docs/protocol.md has it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }
        }
    };
}

kinds! {
    /// The kinds of frames that a cell sends: see [`FromCell`](crate::FromCell).
    CellFrame, 10:
    Hello = 1, Call = 2, Data = 3, Allocated = 4, Returned = 5, Trapped = 6, Ended = 7, Failed = 8,
    Forked = 9, NoRoom = 10,
}

kinds! {
    /// The kinds of frames that a controller sends: see [`ToCell`](crate::ToCell).
    ControllerFrame, 11:
    Welcome = 1, Run = 2, Read = 3, Write = 4, Allocate = 5, Free = 6, Return = 7, End = 8, Offer = 9,
    Zygote = 10, Fork = 11,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_kinds_are_found_by_their_numbers() {
        for (place, row) in STATES.iter().enumerate() {
            assert_eq!(row.state as usize, place, "{:?}", row.state);
        }
        for kind in 0..=u8::MAX {
            let known = |number: u8| number == kind;
            let cell = CellFrame::ALL.into_iter().find(|frame| known(*frame as u8));
            let controller = ControllerFrame::ALL.into_iter().find(|frame| known(*frame as u8));
            assert_eq!((CellFrame::of(kind), ControllerFrame::of(kind)), (cell, controller));
        }
    }
}
