//! Threads of the controller's process.

/// Does `work` on a thread of this name, which nobody waits for.
///
/// # Errors
/// When the host gives no thread.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}
