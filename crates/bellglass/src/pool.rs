//! Warm cells: started before anybody needs them.
//!
//! A cell takes milliseconds to start and to load its module. A pool does that
//! beforehand, in a thread of its own, and once for all its cells: a zygote, which
//! holds no guest, has loaded the module and forks them. A cell still serves one
//! guest and ends with it; a pool only ever hands out cells in which nothing has run.

use crate::builder::compiled;
use crate::launch::{CellProcess, Zygote, find_cell};
use crate::monitor::link::Link;
use crate::{Error, Image, Sandbox, SandboxBuilder, Start};
use bellglass_fork::FileSizeSignal;
use bellglass_wire::Interruption;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a pool waits after a cell could not be started, before it tries again.
const RETRY_TIME: Duration = Duration::from_secs(1);

/// Keeps cells of one image started. Dropping it ends those that nobody took;
/// sandboxes that have theirs go on.
///
/// ```no_run
/// use bellglass::{Pool, Store};
///
/// let pool = Pool::builder(Store::open_default()?.find("python")?).size(4).build()?;
/// let report = pool.sandbox().arguments(["-c", "print('hi')"]).build()?.run();
/// assert!(report.outcome.is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool {
    stock: Arc<Stock>,
    /// Taken when the pool is dropped.
    keeper: Option<JoinHandle<()>>,
}

/// Says what a [`Pool`] is to be.
pub struct PoolBuilder {
    image: Image,
    size: usize,
    idle_time: Duration,
    cell: Option<PathBuf>,
}

impl PoolBuilder {
    /// How many cells are kept ready; 2 by default.
    pub fn size(mut self, size: usize) -> Self {
        self.size = size;
        self
    }

    /// How long cells are kept ready while nobody takes one; ten minutes by
    /// default. Then they are ended, until the next sandbox is built.
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.idle_time = time;
        self
    }

    /// Where the program `bellglass-cell` is, if not beside the running program.
    pub fn cell(mut self, path: impl Into<PathBuf>) -> Self {
        self.cell = Some(path.into());
        self
    }

    /// Makes the pool, which starts its cells in the background.
    ///
    /// # Errors
    /// An [`Error`] if the cell's program is not found, the image is not compiled,
    /// or no thread can be had.
    pub fn build(self) -> Result<Pool, Error> {
        let program = find_cell(self.cell.as_deref())?;
        let has = |start| self.image.compiled(start, Interruption::Kill).is_some();
        let start = if has(Start::Snapshot) { Start::Snapshot } else { Start::Fresh };
        compiled(&self.image, start, Interruption::Kill)?;
        let stock = Arc::new(Stock {
            image: self.image,
            program,
            start,
            size: self.size,
            idle_time: self.idle_time,
            state: Mutex::new(Cells { ready: VecDeque::new(), last_use: Instant::now(), is_closed: false }),
            changed: Condvar::new(),
        });
        let kept = Arc::clone(&stock);
        // The keeper makes memory to share, which is a file that may not grow: it inherits
        // that it is not ended for it.
        let _kept_away = FileSizeSignal::keep_away();
        let keeper = std::thread::Builder::new()
            .name("bellglass-pool".to_owned())
            .spawn(move || kept.keep())
            .map_err(Error::Resource)?;
        Ok(Pool { stock, keeper: Some(keeper) })
    }
}

impl Pool {
    /// Begins a pool of cells of this image.
    pub fn builder(image: Image) -> PoolBuilder {
        PoolBuilder { image, size: 2, idle_time: Duration::from_secs(600), cell: None }
    }

    /// Begins a sandbox of this pool's image, in one of its cells. Where none is
    /// ready, or the run needs a cell that the pool does not keep, one is started
    /// as without a pool.
    pub fn sandbox(&self) -> SandboxBuilder {
        Sandbox::builder(self.stock.image.clone()).pool(self)
    }

    /// How many cells are ready at this moment.
    pub fn ready(&self) -> usize {
        self.stock.lock().ready.len()
    }

    pub(crate) fn stock(&self) -> Arc<Stock> {
        Arc::clone(&self.stock)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let ready = {
            let mut state = self.stock.lock();
            state.is_closed = true;
            std::mem::take(&mut state.ready)
        };
        self.stock.changed.notify_all();
        drop(ready);
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked has nothing left to keep.
            let _ = keeper.join();
        }
    }
}

/// The cells that are ready, and what they are of.
pub(crate) struct Stock {
    image: Image,
    program: PathBuf,
    start: Start,
    size: usize,
    idle_time: Duration,
    state: Mutex<Cells>,
    changed: Condvar,
}

struct Cells {
    ready: VecDeque<(CellProcess, Link)>,
    /// When a cell was last wanted.
    last_use: Instant,
    is_closed: bool,
}

impl Stock {
    /// The cell's program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// A cell for a guest of this image that begins like this, if one is ready.
    pub(crate) fn take(&self, image: &Image, start: Start) -> Option<(CellProcess, Link)> {
        if start != self.start || image.path() != self.image.path() {
            return None;
        }
        let mut state = self.lock();
        state.last_use = Instant::now();
        let found = loop {
            match state.ready.pop_front() {
                // One that somebody has killed meanwhile is of no use.
                Some((process, _)) if process.has_ended() => {}
                found => break found,
            }
        };
        drop(state);
        self.changed.notify_all();
        found
    }

    /// Starts cells as they are taken, and ends them when nobody takes any.
    fn keep(&self) {
        let mut zygote = None;
        let mut state = self.lock();
        while !state.is_closed {
            let idle = state.last_use.elapsed();
            if idle >= self.idle_time {
                let unused = std::mem::take(&mut state.ready);
                drop(state);
                drop(unused);
                zygote = None;
                state = self.lock();
                // Until one is wanted again, which may have been just now.
                if !state.is_closed && state.last_use.elapsed() >= self.idle_time {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                continue;
            }
            if state.ready.len() >= self.size {
                state = self.wait(state, self.idle_time - idle);
                continue;
            }
            drop(state);
            let cell = self.start_cell(&mut zygote);
            state = self.lock();
            match cell {
                // Dropped, and so ended, if the pool has gone meanwhile.
                Ok(cell) if !state.is_closed => state.ready.push_back(cell),
                Ok(_) => {}
                // Sandboxes are told why when they try for themselves.
                Err(_) => state = self.wait(state, RETRY_TIME),
            }
        }
    }

    /// Has the zygote fork a cell; starts one where none can be forked.
    fn start_cell(&self, zygote: &mut Option<Zygote>) -> Result<(CellProcess, Link), Error> {
        let module = || -> Result<_, Error> {
            let module = compiled(&self.image, self.start, Interruption::Kill)?;
            module.try_clone().map_err(Error::Resource)
        };
        if zygote.is_none() && cfg!(target_os = "linux") {
            *zygote = Zygote::start(&self.program, &self.image, self.start, module()?).ok();
        }
        if let Some(ready) = zygote {
            match CellProcess::fork(ready) {
                Ok(cell) => return Ok(cell),
                // Another one is started for the next cell.
                Err(_) => *zygote = None,
            }
        }
        CellProcess::start(&self.program, module()?)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, Cells>, longest: Duration) -> MutexGuard<'a, Cells> {
        self.changed.wait_timeout(state, longest).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Cells> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellglass_testkit::ToyImage;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn wait_until(what: impl Fn() -> bool) {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < PATIENCE, "it takes too long");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn image() -> ToyImage {
        ToyImage::from_wat(
            r#"(module (memory (export "memory") 1) (func (export "run") (result i32) i32.const 7))"#,
        )
    }

    #[test]
    fn a_cell_that_died_in_the_pool_is_not_handed_out() {
        let image = image();
        let pool = Pool::builder(image.open()).size(2).build().expect("a pool");
        for _ in 0..5 {
            wait_until(|| pool.ready() == 2);
            for (process, _) in &pool.stock.lock().ready {
                process.signaller().kill();
                wait_until(|| process.has_ended());
            }
            let report = pool.sandbox().build().expect("a cell").run();
            assert_eq!(report.outcome, crate::Outcome::Exited { code: 7 });
        }
    }

    #[test]
    fn cells_that_nobody_takes_are_ended_until_one_is_wanted() {
        let image = image();
        let time = Duration::from_millis(150);
        let pool = Pool::builder(image.open()).size(1).idle_time(time).build().expect("a pool");
        wait_until(|| pool.ready() == 1);
        wait_until(|| pool.ready() == 0);
        pool.sandbox().build().expect("a cold cell").run();
        wait_until(|| pool.ready() == 1);
    }

    #[test]
    fn a_dropped_pool_leaves_no_process() {
        let image = image();
        let pool = Pool::builder(image.open()).size(3).build().expect("a pool");
        wait_until(|| pool.ready() == 3);
        let processes: Vec<_> = {
            let state = pool.stock.lock();
            state.ready.iter().map(|(process, _)| process.signaller()).collect()
        };
        assert!(processes.iter().all(crate::launch::Signaller::is_alive));
        drop(pool);
        // Reaped, and not only killed: nothing can be signalled any more.
        assert!(!processes.iter().any(crate::launch::Signaller::is_alive));
    }
}
