//! The table of calls: one row a call, from which come the dispatch, the views,
//! what a trace prints and the documentation.

pub(crate) use crate::kind::Kind;
use crate::{Answer, Call, Errno, Fault, MemoryError, Permission, Stop, System};
use bellglass_wire::{Signature, ValueType, View};
use std::collections::HashMap;
use std::sync::LazyLock;

/// How a call tells a failure to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The result is the errno, negated.
    Linux,
    /// The result is the errno.
    Wasi,
}

/// How much of a call there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// All that a guest can ask for.
    Full,
    /// Some of it; the row's note says what not.
    Partial,
    /// It fails whatever is allowed, as on a machine that has no such thing; the row's
    /// note says why.
    Refused(Errno),
    /// It fails in this way unless the policy grants the permission. The row's note
    /// says what is not there without it.
    Needs(Permission, Errno),
}

/// One parameter of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in the call's document.
    pub name: &'static str,
    /// What it means.
    pub kind: Kind,
}

/// A handler of this crate.
pub type SystemHandler = fn(&mut System, &mut Call<'_>) -> Result<Answer, Fault>;

/// One call.
#[derive(Debug)]
pub struct Row {
    /// The signature, as text.
    pub signature: &'static str,
    /// How it fails.
    pub family: Family,
    /// What of guest memory should come along with the call.
    pub views: &'static [View],
    /// Its parameters, in order.
    pub parameters: &'static [Parameter],
    /// How much of it there is.
    pub support: Support,
    /// What is left out, or why it is refused; empty if all is there.
    pub note: &'static str,
    pub(crate) handler: SystemHandler,
}

impl Row {
    /// The name of the function.
    pub fn name(&self) -> &'static str {
        let path = self.signature.split_once('(').map_or(self.signature, |(path, _)| path);
        path.rsplit_once('.').map_or(path, |(_, name)| name)
    }
}

/// The rows of the second face.
static WASI: [(&str, &[Row]); 1] = [("WASI preview 1", crate::wasi::ROWS)];

/// The bytes at one argument, as many as the next says.
pub(crate) const fn bytes(pointer: u8) -> View {
    View::Bytes { pointer, length: pointer + 1, scale: 1 }
}

/// The array of buffers at one argument, without what the buffers hold.
pub(crate) const fn pairs(pointer: u8) -> View {
    View::Bytes { pointer, length: pointer + 1, scale: 8 }
}

/// The array of buffers at one argument, and what the buffers hold.
pub(crate) const fn buffers(pointer: u8) -> View {
    View::Iovec { pointer, count: pointer + 1 }
}

/// All rows, by their subjects: the calls of Linux first.
pub fn subjects() -> impl Iterator<Item = (&'static str, &'static [Row])> {
    crate::linux::SUBJECTS.iter().chain(&WASI).copied()
}

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    subjects().flat_map(|(_, rows)| rows)
}

/// The row of a call, if the system has one. Not only the name but the types
/// must be the row's.
pub fn lookup(signature: &Signature) -> Option<&'static Row> {
    static BY_SIGNATURE: LazyLock<HashMap<Signature, &'static Row>> = LazyLock::new(|| {
        // A test sees that every row's signature is one.
        rows().filter_map(|row| Some((row.signature.parse().ok()?, row))).collect()
    });
    BY_SIGNATURE.get(signature).copied()
}

/// The answer of a call that has no row, or that the policy refuses: `errno` in
/// the manner of the call's family. A function of no family fails as most of C's do, with
/// -1, and errno is set. A call that returns nothing cannot be told.
pub fn refuse(signature: &Signature, errno: Errno) -> Answer {
    let family = match lookup(signature) {
        Some(row) => Some(row.family),
        None if signature.module == "linux" => Some(Family::Linux),
        None if signature.module.starts_with("wasi_") => Some(Family::Wasi),
        None => None,
    };
    let result = |value: &ValueType| match (family, value) {
        (Some(Family::Linux), _) => u64::from(0u32.wrapping_sub(u32::from(errno.number()))),
        (Some(Family::Wasi), _) => u64::from(errno.wasi()),
        (None, ValueType::I32) => u64::from(u32::MAX),
        (None, ValueType::I64) => u64::MAX,
        (None, ValueType::F32) => u64::from((-1f32).to_bits()),
        (None, ValueType::F64) => (-1f64).to_bits(),
    };
    Answer::Return {
        results: signature.results.iter().map(result).collect(),
        errno: family.is_none().then_some(errno),
    }
}

/// Why a call has no answer: the run is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// The run must end here.
    #[error("{0}")]
    Stop(#[from] Stop),
    /// The cell is gone or broke the protocol, which its owner knows more of.
    #[error("the cell no longer answers")]
    Lost,
}

/// Makes an answer of what a handler returned: the one place where failures are
/// told to the guest. Handlers of the controller's user go through it too.
///
/// # Errors
/// [`Ending`] if the run must end.
pub fn settle(signature: &Signature, result: Result<Answer, Fault>) -> Result<Answer, Ending> {
    let errno = match result {
        Ok(answer) => return Ok(answer),
        Err(Fault::Errno(errno)) => errno,
        Err(Fault::Memory(MemoryError::OutOfBounds { .. })) => Errno::FAULT,
        Err(Fault::Memory(MemoryError::Exhausted { .. })) => Errno::NOMEM,
        Err(Fault::Memory(MemoryError::Unsupported)) => Errno::NOSYS,
        Err(Fault::Memory(MemoryError::Lost)) => return Err(Ending::Lost),
        Err(Fault::Stop(stop)) => return Err(stop.into()),
    };
    Ok(refuse(signature, errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(text: &str) -> Signature {
        text.parse().expect("a signature")
    }

    #[test]
    fn every_row_is_well_formed_and_found() {
        let mut seen = std::collections::HashSet::new();
        for row in rows() {
            let signature = signature(row.signature);
            assert!(seen.insert(row.signature), "twice: {}", row.signature);
            assert_eq!(signature.name, row.name());
            assert_eq!(signature.parameters.len(), row.parameters.len(), "{}", row.signature);
            assert!(std::ptr::eq(lookup(&signature).expect("it is in the table"), row));
            assert_eq!(row.support == Support::Full, row.note.is_empty(), "{}", row.signature);
            assert!(row.views.len() <= bellglass_wire::caps::VIEWS);
            for (index, parameter) in row.parameters.iter().enumerate() {
                let needs_size = matches!(parameter.kind, Kind::Path | Kind::Buffer | Kind::Buffers);
                let next = row.parameters.get(index + 1).map(|next| next.kind);
                assert!(!needs_size || next == Some(Kind::Size), "{} {}", row.signature, parameter.name);
            }
        }
    }

    #[test]
    fn other_types_are_another_call() {
        assert!(lookup(&signature("wasi_snapshot_preview1.fd_close(i)i")).is_some());
        assert!(lookup(&signature("wasi_snapshot_preview1.fd_close(I)i")).is_none());
        assert!(lookup(&signature("wasi_unstable.fd_close(i)i")).is_none());
    }

    #[test]
    fn a_refusal_speaks_as_the_family_does() {
        let answer = |text| refuse(&signature(text), Errno::NOSYS);
        assert_eq!(answer("linux.new_call(i)i"), Answer::i32(-38));
        assert_eq!(answer("wasi_snapshot_preview1.new_call(i)i"), Answer::i32(52));
        let failed = Answer::Return { results: [0xffff_ffff].into(), errno: Some(Errno::NOSYS) };
        assert_eq!(answer("env.epoll_create1(i)i"), failed);
        let long = Answer::Return { results: [u64::MAX].into(), errno: Some(Errno::NOSYS) };
        assert_eq!(answer("env.lseek64(iIi)I"), long);
        let nothing = Answer::Return { results: [].into(), errno: Some(Errno::NOSYS) };
        assert_eq!(answer("env.closelog()"), nothing);
    }
}
