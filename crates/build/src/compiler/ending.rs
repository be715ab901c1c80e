//! How a compiler ends, and how it says so. Its exit code says it, and the last line of
//! its last words says it again: an exit code is lost on a controller that ignores the
//! end of its children, or whose application reaps whatever ends.

/// How a compiler ends that is not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ending {
    /// All of the code is written.
    Done = 0,
    /// The module has more of something than any may.
    TooLarge = 3,
    /// The module is not valid.
    Invalid = 4,
    /// It could not begin, or not end.
    Failed = 5,
    /// It had too little memory to begin.
    NoMemory = 6,
    /// A wall that it must be behind cannot be put up.
    NoWall = 7,
    /// Its processor time is used up.
    NoTime = 8,
}

/// What it says when its processor time is used up, with [`Ending::NoTime`]: a handler of
/// a signal cannot make a text.
pub(super) const NO_TIME: &[u8] = b"\n8";

/// Between a wall's name and why it is not up.
const OF_WALL: &str = ": ";

impl Ending {
    const ALL: [Self; 7] =
        [Self::Done, Self::TooLarge, Self::Invalid, Self::Failed, Self::NoMemory, Self::NoWall, Self::NoTime];

    pub fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| i32::from(*ending as u8) == code)
    }

    /// A compiler's last words, with this as their end.
    pub fn words(self, reason: &str) -> String {
        format!("{reason}\n{}", self as u8)
    }

    /// Takes last words apart: what was said, and the ending if it was said too.
    pub fn split(words: &str) -> (&str, Option<Self>) {
        let ending =
            words.rsplit_once('\n').and_then(|(said, code)| Some((said, Self::of(code.parse().ok()?)?)));
        ending.map_or((words, None), |(said, ending)| (said, Some(ending)))
    }
}

/// What is said of a wall that is not up.
pub(super) fn say_wall(name: &str, detail: &str) -> String {
    format!("{name}{OF_WALL}{detail}")
}

/// The wall's name and its detail, of what [`say_wall`] has made.
pub(super) fn split_wall(said: &str) -> (&str, &str) {
    said.split_once(OF_WALL).unwrap_or((said, "it does not say why"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_say_how_it_ended() {
        for ending in Ending::ALL {
            let words = ending.words("why\nand how\n3");
            assert_eq!(Ending::split(&words), ("why\nand how\n3", Some(ending)));
        }
        let no_time = std::str::from_utf8(NO_TIME).expect("text");
        assert_eq!(Ending::split(no_time), ("", Some(Ending::NoTime)));
        for others in ["", "0", "memory allocation of 7 bytes failed\n", "a\n9", "a\n0 "] {
            assert_eq!(Ending::split(others), (others, None));
        }
        assert_eq!(split_wall(&say_wall("one", "not: permitted")), ("one", "not: permitted"));
    }
}
