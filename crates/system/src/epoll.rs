//! What watches many open files: epoll.
//!
//! A watcher is asked anew each time, for it keeps no list of those that are ready: a guest
//! has as many open files as its limit lets it. What keeps edges from being told twice is
//! how often a thing changed, or, of what does not know that, how often the guest has read
//! or written it since.

use crate::descriptors::Description;
use crate::files::FileType;
use crate::meter::{Charge, Meter};
use crate::object::{Interest, Object, Position, Transfer};
use crate::poll::{Look, Polled, Watched, events};
use crate::wait::Readiness;
use crate::{Errno, Fault, pieces};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Flags beside the events that are wanted, in Linux's numbers (`linux/eventpoll.h`).
pub(crate) mod flags {
    /// One for all that wait, which changes nothing for one that does.
    pub(crate) const EXCLUSIVE: u32 = 1 << 28;
    /// It keeps the machine awake, which takes a permission that no program has.
    pub(crate) const WAKEUP: u32 = 1 << 29;
    pub(crate) const ONE_SHOT: u32 = 1 << 30;
    pub(crate) const EDGE: u32 = 1 << 31;
    pub(super) const ALL: u32 = EXCLUSIVE | WAKEUP | ONE_SHOT | EDGE;
}

/// What one watcher may watch.
// BOUND: each is charged, and looked at in each wait.
const MOST: usize = 1 << 16;

/// Bytes of one that is watched, the tables included; and of a watcher.
const WATCH_BYTES: u64 = 256;
const EPOLL_BYTES: u64 = 512;

/// How many watchers may stand above each other, beyond the first: Linux's EP_MAX_NESTS.
const NESTED: usize = 4;

/// An open file, by the number under which it was added.
type Key = (u32, usize);

/// A watcher.
pub struct Epoll {
    serial: u64,
    state: Mutex<State>,
}

struct State {
    watches: BTreeMap<Key, Watch>,
    /// Those that watch this one.
    // BOUND: one for each time that it is watched, which is charged there.
    above: Vec<Weak<Description>>,
    /// After whom the next wait begins to tell: who was told last, where not all could be.
    last: Option<Key>,
    charge: Charge,
}

struct Watch {
    file: Weak<Description>,
    /// The events that are wanted, and flags.
    wanted: u32,
    data: u64,
    /// Whether it is new, or changed, so that all that holds is told.
    is_fresh: bool,
    /// How often it had changed, and the guest had read or written it, when it was told.
    edges: Option<u64>,
    turns: Option<u64>,
}

/// What is told of one that is watched: the events, and the program's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub events: u32,
    pub data: u64,
}

fn key(number: u32, file: &Arc<Description>) -> Key {
    (number, Arc::as_ptr(file).addr())
}

impl Watch {
    fn new(file: &Arc<Description>, wanted: u32, data: u64) -> Self {
        let wanted = wanted & !flags::WAKEUP | events::ALWAYS;
        Self { file: Arc::downgrade(file), wanted, data, is_fresh: true, edges: None, turns: None }
    }

    fn events(&self) -> u32 {
        self.wanted & !flags::ALL
    }

    /// Whether it tells nothing until it is changed.
    fn is_spent(&self) -> bool {
        self.events() == 0
    }

    fn tells_edges(&self) -> bool {
        self.wanted & flags::EDGE != 0
    }

    /// What is asked of it now.
    fn look(&self, file: &Description, look: &mut Look) -> Watched {
        let wanted = self.events();
        let nothing = Watched { wanted, polled: Polled::with_edges(0, 0) };
        if self.is_spent() {
            return nothing;
        }
        // What does not know how often it changed is asked once it may have: a watcher of
        // others always.
        let has_turned = self.turns != Some(file.turns()) || file.object.epoll().is_ok();
        let may_have_changed = self.is_fresh || has_turned;
        if self.tells_edges() && self.edges.is_none() && !may_have_changed {
            return nothing;
        }
        let mut polled = look_at(file, wanted, look);
        let is_edge = self.is_fresh || polled.edges.is_none() || polled.edges != self.edges;
        if self.tells_edges() && !is_edge {
            polled.events = 0;
        }
        Watched { wanted, polled }
    }

    /// It was told, or looked at and nothing was to tell.
    fn looked(&mut self, file: &Description, edges: Option<u64>, is_told: bool) {
        self.edges = edges;
        if is_told {
            self.turns = Some(file.turns());
        }
        if is_told || edges.is_some() {
            self.is_fresh = false;
        }
    }
}

/// What polling an open file finds.
pub(crate) fn look_at(file: &Description, wanted: u32, look: &mut Look) -> Polled {
    // What it was not opened for never comes.
    let mut asked = wanted;
    if !file.readable {
        asked &= !events::READING;
    }
    if !file.writable {
        asked &= !events::WRITING;
    }
    let position = if file.position == Some(Position::Kept) { file.state().position } else { 0 };
    file.object.poll(asked, position, look)
}

impl Epoll {
    /// One that watches nothing yet; ENOMEM if the guest may have no more kept for it.
    pub(crate) fn new(meter: &Arc<Meter>, serial: u64) -> Result<Self, Errno> {
        let charge = meter.hold(EPOLL_BYTES)?;
        let state = State { watches: BTreeMap::new(), above: Vec::new(), last: None, charge };
        Ok(Self { serial, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches an open file; `own` is the one that this watcher is.
    ///
    /// # Errors
    /// ELOOP if it watches this one in its turn or too many stand above each other, EEXIST,
    /// ENOSPC, ENOMEM.
    pub(crate) fn add(
        &self,
        own: &Arc<Description>,
        number: u32,
        file: &Arc<Description>,
        wanted: u32,
        data: u64,
    ) -> Result<(), Errno> {
        let below = file.object.epoll().ok();
        if let Some(below) = below {
            let depth = below.depth(self.serial, &mut HashMap::new())?;
            if depth + 1 + self.height(&mut HashMap::new())? > NESTED {
                return Err(Errno::LOOP);
            }
        }
        let mut state = self.lock();
        state.forget_closed();
        if state.watches.contains_key(&key(number, file)) {
            return Err(Errno::EXIST);
        }
        if state.watches.len() >= MOST {
            return Err(Errno::NOSPC);
        }
        state.charge.grow(WATCH_BYTES)?;
        state.watches.insert(key(number, file), Watch::new(file, wanted, data));
        drop(state);
        if let Some(below) = below {
            let mut below = below.lock();
            below.above.retain(|above| above.strong_count() > 0);
            below.above.push(Arc::downgrade(own));
        }
        Ok(())
    }

    /// Changes what is wanted of one that is watched; ENOENT, EINVAL for an exclusive one.
    pub(crate) fn change(
        &self,
        number: u32,
        file: &Arc<Description>,
        wanted: u32,
        data: u64,
    ) -> Result<(), Errno> {
        let mut state = self.lock();
        let watch = state.watches.get_mut(&key(number, file)).ok_or(Errno::NOENT)?;
        if watch.wanted & flags::EXCLUSIVE != 0 {
            return Err(Errno::INVAL);
        }
        *watch = Watch::new(file, wanted, data);
        Ok(())
    }

    /// Watches it no more; ENOENT.
    pub(crate) fn remove(
        &self,
        own: &Arc<Description>,
        number: u32,
        file: &Arc<Description>,
    ) -> Result<(), Errno> {
        let mut state = self.lock();
        state.watches.remove(&key(number, file)).ok_or(Errno::NOENT)?;
        state.charge.shrink(WATCH_BYTES);
        drop(state);
        if let Ok(below) = file.object.epoll() {
            let mut below = below.lock();
            if let Some(at) =
                below.above.iter().position(|above| std::ptr::eq(above.as_ptr(), Arc::as_ptr(own)))
            {
                below.above.swap_remove(at);
            }
        }
        Ok(())
    }

    /// How many watchers stand below this one; ELOOP if `searched` is one of them, or they
    /// are too many.
    fn depth(&self, searched: u64, known: &mut HashMap<u64, usize>) -> Result<usize, Errno> {
        if self.serial == searched {
            return Err(Errno::LOOP);
        }
        if let Some(depth) = known.get(&self.serial) {
            return Ok(*depth);
        }
        let watched: Vec<Arc<Description>> =
            self.lock().watches.values().filter_map(|watch| watch.file.upgrade()).collect();
        let mut depth = 0;
        for file in &watched {
            if let Ok(below) = file.object.epoll() {
                depth = depth.max(below.depth(searched, known)? + 1);
            }
        }
        known.insert(self.serial, depth);
        if depth > NESTED { Err(Errno::LOOP) } else { Ok(depth) }
    }

    /// How many watchers stand above this one.
    fn height(&self, known: &mut HashMap<u64, usize>) -> Result<usize, Errno> {
        if let Some(height) = known.get(&self.serial) {
            return Ok(*height);
        }
        let above: Vec<Arc<Description>> = self.lock().above.iter().filter_map(Weak::upgrade).collect();
        let mut height = 0;
        for file in &above {
            height = height.max(file.object.epoll()?.height(known)? + 1);
        }
        known.insert(self.serial, height);
        Ok(height)
    }

    /// What a wait asks of all that are watched, with the key of each.
    ///
    /// # Errors
    /// Why the run must end.
    pub(crate) fn look(&self, look: &mut Look) -> Result<(Vec<Key>, Vec<Watched>), Errno> {
        let mut steps = pieces::Steps::default();
        let mut state = self.lock();
        state.forget_closed();
        // From behind the last that was told on, and then from the first to that one.
        let after = state.last.map_or(Bound::Unbounded, Bound::Excluded);
        let until = state.last.map_or(Bound::Excluded((0, 0)), Bound::Included);
        let order = state.watches.range((after, Bound::Unbounded));
        let order = order.chain(state.watches.range((Bound::Unbounded, until)));
        let mut found = (Vec::with_capacity(state.watches.len()), Vec::with_capacity(state.watches.len()));
        for (key, watch) in order {
            steps.step()?;
            if let Some(file) = watch.file.upgrade() {
                found.0.push(*key);
                found.1.push(watch.look(&file, look));
            }
        }
        Ok(found)
    }

    /// What is told of those that a wait has found: `most` at most, and of the rest later.
    pub(crate) fn take(
        &self,
        keys: &[Key],
        watched: &[Option<u64>],
        found: &[u32],
        most: usize,
    ) -> Vec<Told> {
        let mut state = self.lock();
        // BOUND: those that are watched.
        let mut told = Vec::with_capacity(most.min(keys.len()));
        let mut last = None;
        for ((key, edges), events) in keys.iter().zip(watched).zip(found) {
            let Some(watch) = state.watches.get_mut(key) else { continue };
            let Some(file) = watch.file.upgrade() else { continue };
            if *events == 0 {
                watch.looked(&file, *edges, false);
                continue;
            }
            if told.len() == most {
                break;
            }
            told.push(Told { events: *events, data: watch.data });
            watch.looked(&file, *edges, true);
            if watch.wanted & flags::ONE_SHOT != 0 {
                watch.wanted &= flags::ALL;
            }
            last = Some(*key);
        }
        if told.len() == most && last.is_some() {
            state.last = last;
        }
        told
    }
}

impl State {
    /// Forgets what is closed.
    fn forget_closed(&mut self) {
        let before = self.watches.len();
        self.watches.retain(|_, watch| watch.file.strong_count() > 0);
        self.charge.shrink((before - self.watches.len()) as u64 * WATCH_BYTES);
    }
}

impl Object for Epoll {
    fn takes_write_flags(&self) -> bool {
        false
    }

    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::Unknown)
    }

    fn serial(&self) -> Option<u64> {
        Some(self.serial)
    }

    fn label(&self, _number: u32) -> Result<String, Errno> {
        Ok("anon_inode:[eventpoll]".to_owned())
    }

    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Nowhere)
    }

    fn read(&self, _into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::INVAL.into())
    }

    fn write(&self, _from: &[u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::INVAL.into())
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(Readiness::Never)
    }

    /// It can be read once one of those that it watches has something to tell.
    fn poll(&self, _wanted: u32, _position: u64, look: &mut Look) -> Polled {
        if let Some(known) = look.watcher(self.serial) {
            return known.clone();
        }
        let mut whole = Polled::with_edges(0, 0);
        // Where the run must end nothing is found, and the wait hears of it.
        for watched in self.look(look).map(|(_, watched)| watched).unwrap_or_default() {
            whole.add(watched.polled.as_part(watched.wanted, events::READABLE));
        }
        look.note_watcher(self.serial, &whole);
        whole
    }

    fn epoll(&self) -> Result<&Epoll, Errno> {
        Ok(self)
    }
}
