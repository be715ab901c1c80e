//! The sandbox: what the user of this library builds and runs.

use crate::launch::{CellProcess, CellUsage, Signaller, find_cell};
use crate::monitor::link::Link;
use crate::monitor::{
    Answers, Ending, Handle, Monitor, Next, Observation, Observe, Orders, Routes, Unsupported,
};
use crate::pool::{Pool, Stock};
use crate::shared;
use crate::thread::{Ended, Ringer, ThreadGuest, ThreadTime};
use crate::watchdog::Watched;
use crate::{
    Answer, Call, Error, Fault, Identity, Image, Input, Isolation, Limits, Mount, Outcome, Output, Report,
    Signal, Start, Stop, Wall, walls,
};
use bellglass_fork::FileSizeSignal;
use bellglass_system::{System, SystemBuilder, Waiter};
use bellglass_wire::{Interruption, Signature};
use rustix::process::Signal as HostSignal;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least time between two looks at a guest's processor time.
const LEAST_LOOK: Duration = Duration::from_millis(2);

/// How often a guest in a thread is asked about its processor time once that may be
/// used up, in parts of the limit.
const LOOKS: u32 = 20;

/// What a process gets that has used more processor time than it may.
const CPU_TIME_SIGNAL: i32 = HostSignal::XCPU.as_raw();

/// One guest, ready to run. Dropping it ends it.
pub struct Sandbox {
    guest: Guest,
    waiter: Waiter,
    image: Image,
    start: Start,
    limits: Limits,
    time_from: Option<Instant>,
    /// What it took to look through what is mounted: of the time that the run may take.
    set_up: Duration,
}

/// Where the guest is; see [`Isolation`].
enum Guest {
    Process { monitor: Box<Monitor>, process: CellProcess },
    Thread(Box<ThreadGuest>),
}

/// What is known of a run beside what its calls tell.
#[derive(Default)]
struct Run {
    wall_time: Duration,
    used: CellUsage,
    round_trips: u64,
    walls: Vec<Wall>,
}

/// Says what a [`Sandbox`] is to be.
pub struct SandboxBuilder {
    image: Image,
    system: SystemBuilder,
    argument_zero: Option<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    limits: Limits,
    handlers: Vec<(String, Handle)>,
    observers: Vec<Observe>,
    unsupported: Unsupported,
    cell: Option<PathBuf>,
    fresh: bool,
    required_walls: Vec<String>,
    isolation: Isolation,
    pool: Option<Arc<Stock>>,
    time_from: Option<Instant>,
}

impl Sandbox {
    /// Begins a sandbox with this image. Nothing is allowed to it yet, and the
    /// default [`Limits`] hold.
    pub fn builder(image: Image) -> SandboxBuilder {
        // The image's own variables first: what the user sets comes over them.
        let variables = image.manifest().environment.iter();
        let system = variables.fold(System::builder(), |system, (name, value)| {
            system.environment(name.as_str(), value.as_str())
        });
        SandboxBuilder {
            image,
            system,
            argument_zero: None,
            arguments: Vec::new(),
            limits: Limits::default(),
            handlers: Vec::new(),
            observers: Vec::new(),
            unsupported: Unsupported::default(),
            cell: None,
            fresh: false,
            required_walls: Vec::new(),
            isolation: Isolation::default(),
            pool: None,
            time_from: None,
        }
    }

    /// What interrupts or ends the run from another thread.
    pub fn controls(&self) -> Controls {
        let holder = match &self.guest {
            Guest::Process { process, .. } => Holder::Process(process.signaller()),
            Guest::Thread(guest) => Holder::Thread(guest.ringer()),
        };
        Controls { waiter: self.waiter.clone(), holder }
    }

    /// What the operating system adds to the isolation of this guest, and what not;
    /// see [`walls`].
    pub fn walls(&self) -> Vec<Wall> {
        match &self.guest {
            Guest::Process { monitor, .. } => monitor.walls.clone(),
            Guest::Thread(_) => vec![no_process()],
        }
    }

    /// Runs the program to its end. Whatever it does, this returns: at the
    /// deadline at the latest, if there is one.
    pub fn run(self) -> Report {
        let begun = Instant::now();
        // What is written for the guest, by this thread or those that it starts, may
        // meet `ulimit -f`: that is for the guest to hear of.
        let _kept = FileSizeSignal::keep_away();
        let Self { guest, waiter, image, start, limits, time_from, set_up } = self;
        let time_from = time_from.or_else(|| begun.checked_sub(set_up)).unwrap_or(begun);
        let warning = limits.timeout.and_then(|timeout| time_from.checked_add(timeout));
        let deadline = warning.and_then(|warning| warning.checked_add(limits.grace));
        let waiter = waiter.with_deadline(deadline);
        let _watched = watch(&guest, &waiter, &limits, begun, warning);
        let manifest = image.manifest();
        let orders =
            Orders { hooks: manifest.hooks.clone().into(), exports: manifest.exports(start).to_vec() };
        match guest {
            Guest::Process { mut monitor, mut process } => {
                monitor.answers.waiter = waiter;
                let ending = monitor.converse(orders, deadline);
                let wall_time = begun.elapsed();
                let used = match ending.outcome {
                    Outcome::Exited { .. } | Outcome::Crashed { .. } => process.leave(),
                    _ => end(&mut monitor.link, &mut process),
                };
                let Monitor { link, answers, walls, .. } = *monitor;
                let run = Run { wall_time, used, round_trips: link.round_trips, walls };
                report(&image, start, &answers, ending, run)
            }
            Guest::Thread(mut guest) => {
                guest.answers.waiter = waiter.clone();
                let Ended { ending, answering, cpu } = guest.run(orders, deadline);
                waiter.disconnect();
                let wall_time = begun.elapsed();
                let used = CellUsage { cpu, ..CellUsage::default() };
                let run = Run { wall_time, used, round_trips: 0, walls: vec![no_process()] };
                answering.with(|answers| report(&image, start, answers, ending, run))
            }
        }
    }
}

/// Sees to what becomes due while the guest computes, until it is dropped.
fn watch(
    guest: &Guest,
    waiter: &Waiter,
    limits: &Limits,
    begun: Instant,
    warning: Option<Instant>,
) -> Watched {
    let ticking = waiter.clone();
    let limit = limits.processor_time;
    let watched = match guest {
        Guest::Process { process, .. } => {
            let (signaller, used) = (process.signaller(), process.processor_time());
            process.limit_processor_time(limit);
            Watched::new(move || {
                ticking.tick();
                let limit = limit?;
                let left = limit.saturating_sub(used());
                if left.is_zero() {
                    ticking.stop(Stop::ProcessorTime { limit });
                    signaller.kill();
                    return None;
                }
                // One thread of a cell computes, so this is the earliest.
                Instant::now().checked_add(left.max(LEAST_LOOK))
            })
        }
        Guest::Thread(guest) => {
            let ringer = guest.ringer();
            Watched::new(move || {
                ticking.tick();
                // Only the guest's own thread knows how much it has used.
                ringer.look();
                Instant::now().checked_add((limit? / LOOKS).max(LEAST_LOOK))
            })
        }
    };
    // Without a thread alarm clocks ring only while the guest waits, and only the
    // second wall holds its processor time.
    let reminder = watched.reminder();
    let remind = move |at| drop(reminder.remind(at));
    waiter.remind_by(Box::new(remind));
    if let Some(warning) = warning
        && !limits.grace.is_zero()
    {
        waiter.warn(warning, limits.grace_signal);
    }
    if let Some(look) = limit.and_then(|limit| begun.checked_add(limit)) {
        remind(look);
    }
    watched
}

fn report(image: &Image, start: Start, answers: &Answers, ending: Ending, run: Run) -> Report {
    let used = &run.used;
    let beyond = beyond(answers.limits.processor_time, used);
    let outcome = match ending.outcome {
        Outcome::Breach { reason } => match (ended_by_signal(used), beyond) {
            // Signals are sent to it only by this controller, and a cell that lies
            // about one ends nothing but its own run.
            (Some(signal), _) if answers.waiter.has_signalled() => Outcome::Exited { code: 128 + signal },
            (_, Some(limit)) => Outcome::ProcessorTime { limit },
            _ => Outcome::Breach { reason: with_last_words(reason, used) },
        },
        // It had said its last, and was told that its time was over before it had left.
        Outcome::Exited { .. } | Outcome::Crashed { .. } if used.signal == Some(CPU_TIME_SIGNAL) => {
            match beyond {
                Some(limit) => Outcome::ProcessorTime { limit },
                None => ending.outcome,
            }
        }
        // A cell that has said its last has nothing more to do but to leave. That
        // somebody else killed it on the way changes nothing.
        Outcome::Exited { .. } | Outcome::Crashed { .. }
            if used.signal.is_some_and(|signal| signal != HostSignal::KILL.as_raw()) =>
        {
            let reason = "the cell did not leave after its last frame".to_owned();
            Outcome::Breach { reason: with_last_words(reason, used) }
        }
        outcome => outcome,
    };
    let exit_code = match outcome {
        Outcome::Exited { code } => Some(code),
        _ => None,
    };
    // A program that was warned has met its deadline, however it then ended.
    let outcome = match outcome {
        Outcome::Exited { .. } if answers.waiter.has_warned() => answers.deadline(),
        outcome => outcome.printable(),
    };
    Report {
        exit_code,
        limits: answers.limits.clone(),
        limits_met: answers.limits_met(&outcome, ending.usage),
        refused: answers.routes.refused(),
        outcome,
        image: image.manifest().full_name(),
        start,
        calls: answers.routes.counts(),
        unsupported: answers.routes.unsupported(),
        wall_time: run.wall_time,
        cpu_time: run.used.cpu,
        peak_memory_bytes: ending.usage.peak_memory_bytes,
        peak_resident_bytes: run.used.peak_resident_bytes,
        peak_controller_bytes: answers.system.meter().peak(),
        output_bytes: answers.system.output_bytes(),
        round_trips: run.round_trips,
        walls: run.walls,
    }
}

/// The limit of processor time for which the operating system ended it, by the signal for
/// that, or, if it kept that one off, by the one that nobody can. It may be less than the
/// run's own: what the controller's whole process is held to.
fn beyond(limit: Option<Duration>, used: &CellUsage) -> Option<Duration> {
    match used.signal {
        Some(CPU_TIME_SIGNAL) => {
            let seconds = Duration::from_secs(used.cpu.as_millis().div_ceil(1000).max(1) as u64);
            Some(limit.map_or(seconds, |limit| limit.min(seconds)))
        }
        Some(signal) if signal == HostSignal::KILL.as_raw() => limit.filter(|limit| used.cpu >= *limit),
        _ => None,
    }
}

/// The signal that ended the guest by its default action, as the cell tells: it
/// leaves with 64 and its number.
fn ended_by_signal(used: &CellUsage) -> Option<i32> {
    used.code.map(|code| code - 64).filter(|signal| (1..64).contains(signal))
}

/// The wall that a guest in a thread does not have.
fn no_process() -> Wall {
    let detail = "the guest runs in a thread of the controller, as asked for".to_owned();
    Wall { name: "process".to_owned(), active: false, detail }
}

fn with_last_words(reason: String, used: &CellUsage) -> String {
    let ended = match used.signal {
        None if used.is_lost => {
            ", and nobody knows how: this process ignores the end of its children, or something in it reaps them"
                .to_owned()
        }
        None => String::new(),
        Some(signal) if signal == HostSignal::KILL.as_raw() => {
            ", killed by somebody else, perhaps because the machine has no memory left".to_owned()
        }
        Some(signal) if signal == HostSignal::SYS.as_raw() => {
            ", ended by the system call filter: it asked the kernel for what no guest needs".to_owned()
        }
        Some(signal) => format!(", ended by signal {signal}"),
    };
    let words = if used.last_words.is_empty() { String::new() } else { format!(" ({})", used.last_words) };
    format!("{reason}{ended}{words}")
}

/// Interrupts or ends a run from another thread. It may outlive the run, and does
/// nothing then.
#[derive(Clone, Debug)]
pub struct Controls {
    waiter: Waiter,
    holder: Holder,
}

/// What holds the guest.
#[derive(Clone, Debug)]
enum Holder {
    Process(Signaller),
    Thread(Ringer),
}

impl Controls {
    /// What Ctrl-C does at a terminal: in Python, KeyboardInterrupt is raised at
    /// the next safe point, and a call that waits returns at once.
    pub fn interrupt(&self) {
        self.signal(Signal::INTERRUPT);
    }

    /// Sends the program a signal. What it does is the program's affair, as on any
    /// POSIX system: its handler runs at the next safe point, or else the default
    /// action is taken, which for most signals is the end, with 128 and the
    /// signal's number as the exit code.
    pub fn signal(&self, signal: Signal) {
        if signal == Signal::KILL {
            return self.kill();
        }
        self.waiter.signal(signal);
    }

    /// Ends the run now; its outcome is [`Outcome::Killed`].
    pub fn kill(&self) {
        self.waiter.kill();
        match &self.holder {
            Holder::Process(signaller) => signaller.kill(),
            Holder::Thread(ringer) => ringer.kill(),
        }
    }
}

impl SandboxBuilder {
    /// The arguments after the interpreter's own name, e.g. `["-c", "print(1)"]`.
    pub fn arguments<I: IntoIterator<Item: Into<Vec<u8>>>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// What the program finds as its own name, in place of the image's.
    pub fn argument_zero(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.argument_zero = Some(name.into());
        self
    }

    /// Sets an environment variable of the guest. It starts with those that the
    /// image names, and none of the host's.
    pub fn environment(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.system = self.system.environment(name, value);
        self
    }

    /// The directory, in the guest's tree, in which the program starts.
    pub fn working_directory(mut self, path: impl Into<Vec<u8>>) -> Self {
        self.system = self.system.working_directory(path);
        self
    }

    /// What the program reads from stdin; nothing by default.
    pub fn stdin(mut self, input: Input) -> Self {
        self.system = self.system.stdin(input);
        self
    }

    /// Where stdout goes; discarded by default.
    pub fn stdout(mut self, output: Output) -> Self {
        self.system = self.system.stdout(output);
        self
    }

    /// Where stderr goes; discarded by default.
    pub fn stderr(mut self, output: Output) -> Self {
        self.system = self.system.stderr(output);
        self
    }

    /// Shows a part of the host's file tree, or another tree, to the guest.
    pub fn mount(mut self, mount: Mount) -> Self {
        self.system = self.system.mount(mount);
        self
    }

    /// Who the program believes to be: its user, its group, its machine.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.system = self.system.identity(identity);
        self
    }

    /// What the run may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Puts `handler` before whatever answers calls of `signature`
    /// (`module.name(params)results`) until now. It answers itself, hands on with
    /// [`Next::answer`], or does both to watch or change.
    ///
    /// ```no_run
    /// # use bellglass::{Answer, Sandbox, Store};
    /// # let image = Store::open_default()?.find("python")?;
    /// let sandbox = Sandbox::builder(image)
    ///     .on("env.getpid()i", |_call, _next| Ok(Answer::i32(42)))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on(
        mut self,
        signature: impl Into<String>,
        handler: impl FnMut(&mut Call<'_>, Next<'_>) -> Result<Answer, Fault> + Send + 'static,
    ) -> Self {
        self.handlers.push((signature.into(), Box::new(handler)));
        self
    }

    /// Shows every call to `observer` once it is answered.
    pub fn observe(mut self, observer: impl FnMut(&mut Observation<'_, '_>) + Send + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// What happens to a call that nothing answers; ENOSYS by default.
    pub fn unsupported(mut self, unsupported: Unsupported) -> Self {
        self.unsupported = unsupported;
        self
    }

    /// The virtual machine's finer settings: clock, randomness.
    pub fn system(mut self, change: impl FnOnce(SystemBuilder) -> SystemBuilder) -> Self {
        self.system = change(self.system);
        self
    }

    /// Counts [`Limits::timeout`] from this moment on. Without this it holds what it takes
    /// to look through what is mounted and the program from its start on, together. With it
    /// also what was done for this run before, such as compiling its module.
    pub fn time_from(mut self, moment: Instant) -> Self {
        self.time_from = Some(moment);
        self
    }

    /// Where the program `bellglass-cell` is, if not beside the running program.
    pub fn cell(mut self, path: impl Into<PathBuf>) -> Self {
        self.cell = Some(path.into());
        self
    }

    /// Starts the interpreter from nothing, even where the image's snapshot of a
    /// started one would serve: to compare the two.
    pub fn fresh_start(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Refuses to build the sandbox unless these walls are up: names of
    /// [`walls::ALL`](crate::walls::ALL), which itself may be given. Without this
    /// each wall is used where the system offers it, and [`Sandbox::walls`] and
    /// [`Report::walls`] say which are missing. Whoever runs programs of strangers
    /// wants [`walls::FILTER`](crate::walls::FILTER) at least.
    ///
    /// ```no_run
    /// # use bellglass::{Sandbox, Store, walls};
    /// # let image = Store::open_default()?.find("python")?;
    /// let sandbox = Sandbox::builder(image).require_walls(walls::ALL).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn require_walls<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.required_walls.extend(names.into_iter().map(Into::into));
        self
    }

    /// Takes a cell of this pool, which need not be started any more, if the pool
    /// is of the same image and has one ready; otherwise one is started as without
    /// a pool.
    ///
    /// A cell of a pool is like any other: behind the same walls, for one guest
    /// only.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.pool = Some(pool.stock());
        self
    }

    /// Where the guest runs: in a process of its own, unless this says otherwise.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Gets the sandbox ready: starts the cell, if there is to be one. The program
    /// does not run yet.
    ///
    /// # Errors
    /// An [`Error`] if the image, the cell or the virtual system is not as it
    /// should be.
    pub fn build(self) -> Result<Sandbox, Error> {
        // Memory to share and archives that are unpacked are files too: see `run`.
        let _kept = FileSizeSignal::keep_away();
        match self.isolation {
            Isolation::Process => self.build_process(),
            Isolation::Thread => self.build_thread(),
        }
    }

    fn build_process(self) -> Result<Sandbox, Error> {
        let Self {
            image,
            system,
            argument_zero,
            arguments,
            limits,
            handlers,
            observers,
            unsupported,
            cell,
            fresh,
            required_walls,
            pool,
            time_from,
            ..
        } = self;
        let handlers = parse(handlers)?;
        // The cell loads its module while this thread sets up the rest.
        let start = choose_start(fresh, &image, &arguments, &system, &limits);
        let warm = match (&cell, &pool) {
            (None, Some(stock)) => stock.take(&image, start),
            // A cell's program that was named must be that of the run.
            _ => None,
        };
        let (mut process, link) = match warm {
            Some(cell) => cell,
            None => {
                let program = match (cell, pool) {
                    (None, Some(stock)) => stock.program().to_owned(),
                    (told, _) => find_cell(told.as_deref())?,
                };
                let compiled = compiled(&image, start, Interruption::Kill)?;
                CellProcess::start(&program, compiled.try_clone().map_err(Error::Resource)?)?
            }
        };
        let waiter = Waiter::new(None).map_err(Error::Resource)?;
        let signaller = process.signaller();
        waiter.connect(Box::new(move |signal| signaller.interrupt(signal.number())));
        let system = build_system(
            system,
            &image,
            argument_zero,
            arguments,
            &limits,
            set_up(&waiter, &limits, time_from),
        )?
        .processor_time(process.processor_time());
        let begun = Instant::now();
        let system = system.build()?;
        let set_up = begun.elapsed();
        let mut monitor = Monitor::new(link, system, waiter.clone(), limits.clone());
        let greeted = monitor.greet();
        let signatures = greeted.map_err(|error| explain(error, &mut monitor.link, &mut process))?;
        monitor.walls.push(process.bound_memory(&limits));
        walls::require(&required_walls, &monitor.walls)?;
        monitor.answers.routes = route(&image, signatures.into(), handlers, observers, unsupported)?;
        Ok(Sandbox {
            guest: Guest::Process { monitor: Box::new(monitor), process },
            waiter,
            image,
            start,
            limits,
            time_from,
            set_up,
        })
    }

    fn build_thread(self) -> Result<Sandbox, Error> {
        let Self {
            image,
            system,
            argument_zero,
            arguments,
            limits,
            handlers,
            observers,
            unsupported,
            fresh,
            required_walls,
            time_from,
            ..
        } = self;
        walls::require(&required_walls, &[no_process()])?;
        let start = choose_start(fresh, &image, &arguments, &system, &limits);
        let program = shared::program_of(compiled(&image, start, Interruption::Epoch)?)?;
        let waiter = Waiter::new(None).map_err(Error::Resource)?;
        let time = ThreadTime::default();
        let clock = time.clone();
        let system = build_system(
            system,
            &image,
            argument_zero,
            arguments,
            &limits,
            set_up(&waiter, &limits, time_from),
        )?
        .processor_time(move || clock.used());
        let routes =
            route(&image, Arc::clone(program.signatures()), parse(handlers)?, observers, unsupported)?;
        let begun = Instant::now();
        let system = system.build()?;
        let set_up = begun.elapsed();
        let mut answers = Answers::new(system, waiter.clone(), limits.clone());
        answers.routes = routes;
        let guest = ThreadGuest::new(program, answers, time);
        let ringer = guest.ringer();
        waiter.connect(Box::new(move |signal| {
            ringer.interrupt(signal.number());
            true
        }));
        Ok(Sandbox { guest: Guest::Thread(Box::new(guest)), waiter, image, start, limits, time_from, set_up })
    }
}

/// What the guest begins with.
fn choose_start(
    fresh: bool,
    image: &Image,
    arguments: &[Vec<u8>],
    system: &SystemBuilder,
    limits: &Limits,
) -> Start {
    if fresh {
        return Start::Fresh;
    }
    image.manifest().start_for(arguments, system.variables(), limits.memory_bytes)
}

/// The compiled module that a cell or a thread begins with.
pub(crate) fn compiled(image: &Image, start: Start, interruption: Interruption) -> Result<&File, Error> {
    image.compiled(start, interruption).ok_or_else(|| Error::NotCompiled {
        image: image.manifest().full_name(),
        part: start.compiled_file(interruption),
    })
}

/// What holds the setting up of a run to the time that the run may take.
fn set_up(waiter: &Waiter, limits: &Limits, time_from: Option<Instant>) -> Waiter {
    let from = time_from.unwrap_or_else(Instant::now);
    waiter.clone().with_deadline(limits.timeout.and_then(|timeout| from.checked_add(timeout)))
}

/// The virtual system as the image and the limits want it.
fn build_system(
    system: SystemBuilder,
    image: &Image,
    argument_zero: Option<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    limits: &Limits,
    set_up_for: Waiter,
) -> Result<SystemBuilder, Error> {
    let files = shared::pack_of(image.files())
        .map_err(|source| Error::Files { image: image.path().to_owned(), source })?;
    let zero = argument_zero.unwrap_or_else(|| image.manifest().argument_zero.clone().into_bytes());
    let system = system
        .set_up_for(set_up_for)
        .base(files)
        .arguments(std::iter::once(zero).chain(arguments))
        .file_bytes(limits.file_bytes)
        .file_count(limits.file_count)
        .controller_bytes(limits.controller_bytes)
        .open_files(limits.open_files)
        .memory_limit(limits.memory_bytes)
        .sleep_limits(limits.sleep_time, limits.longest_sleep);
    Ok(match limits.output_bytes {
        Some(limit) => system.output_limit(limit),
        None => system,
    })
}

/// What answers each signature of the guest.
fn route(
    image: &Image,
    signatures: Arc<[Signature]>,
    handlers: BTreeMap<Signature, Vec<Handle>>,
    observers: Vec<Observe>,
    unsupported: Unsupported,
) -> Result<Routes, Error> {
    if let Some(unknown) = handlers.keys().find(|signature| !signatures.contains(signature)) {
        return Err(Error::UnknownSignature {
            image: image.manifest().full_name(),
            signature: unknown.to_string(),
        });
    }
    Ok(Routes::new(signatures, handlers, observers, unsupported))
}

fn parse(handlers: Vec<(String, Handle)>) -> Result<BTreeMap<Signature, Vec<Handle>>, Error> {
    let mut parsed: BTreeMap<Signature, Vec<Handle>> = BTreeMap::new();
    for (signature, handler) in handlers {
        parsed.entry(signature.parse()?).or_default().push(handler);
    }
    Ok(parsed)
}

/// Ends a cell that has not said its last; one that closed its stream is given a
/// moment to show what it died of.
fn end(link: &mut Link, process: &mut CellProcess) -> CellUsage {
    if link.is_closed() {
        link.close();
        return process.expire();
    }
    process.end()
}

/// Adds what the operating system knows of a cell that did not start.
pub(crate) fn explain(error: Error, link: &mut Link, process: &mut CellProcess) -> Error {
    match error {
        Error::Start { reason } => Error::Start { reason: with_last_words(reason, &end(link, process)) },
        error => error,
    }
}
