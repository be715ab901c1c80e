//! A process that has loaded the module and forks a cell of itself each time the
//! controller asks. It holds no guest, and so nothing hostile ever runs in it.

use crate::link::{Link, LinkError};
use bellglass_channel::wait_for_descriptors;
use bellglass_engine::Program;
use bellglass_fork::{Side, fork};
use bellglass_wire::{ConversationState, FrameBuffer, FromCell, ToCell, caps};
use rustix::process::{getpid, setpgid};
use rustix::stdio::{dup2_stderr, dup2_stdin};
use std::os::fd::OwnedFd;

/// Bytes that a message to a zygote may have.
const MESSAGE_BYTES: usize = 64;

/// Serves the controller of `link` until it is gone. Returns in each cell that is
/// forked, with descriptors 0 and 2 its own, and nothing of this link's left.
///
/// # Safety
/// The process must have one thread.
pub(crate) unsafe fn serve(mut link: Link, program: &Program) -> Result<(), LinkError> {
    // What each cell would else do for itself.
    if let Err(error) = program.prepare() {
        return link.fail(error.to_string());
    }
    loop {
        let (stream, words) = wait(&mut link)?;
        // SAFETY: the caller vouches for the one thread, and nothing here starts
        // another.
        match unsafe { fork() } {
            Ok(Side::Old(_)) => {}
            Ok(Side::New) => {
                // A Ctrl-C at the terminal is for the controller, which decides.
                setpgid(None, None).map_err(std::io::Error::from)?;
                // It is for the new process to say this: the controller believes only
                // what the kernel says of who has sent it.
                let process = getpid().as_raw_nonzero().get().cast_unsigned();
                link.send(&FromCell::Forked { process })?;
                dup2_stdin(&stream).map_err(std::io::Error::from)?;
                dup2_stderr(&words).map_err(std::io::Error::from)?;
                return Ok(());
            }
            Err(error) => return link.fail(format!("cannot fork a process: {error}")),
        }
    }
}

/// Waits until a cell is wanted. Gives its stream and its pipe.
fn wait(link: &mut Link) -> Result<(OwnedFd, OwnedFd), LinkError> {
    let mut message = [0; MESSAGE_BYTES];
    let (count, mut taken) = wait_for_descriptors(link.socket(), &mut message)?;
    if count == 0 {
        // Nobody wants one any more.
        crate::leave(0);
    }
    let mut frames = FrameBuffer::new(caps::FRAME_BYTES);
    frames.extend(&message[..count]);
    let wanted = match frames.next_frame()? {
        Some(frame) => {
            ConversationState::Zygote.check_controller(frame)?;
            ToCell::decode(frame)?
        }
        None => return Err(LinkError::Refused("a message to a zygote came in parts")),
    };
    match (wanted, taken.pop(), taken.pop()) {
        (ToCell::Fork, Some(words), Some(stream)) => Ok((stream, words)),
        _ => Err(LinkError::Refused("a zygote was told something other than to fork")),
    }
}
