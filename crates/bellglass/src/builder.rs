//! What a sandbox is to be, and how it is made ready.

use crate::ending::{explain, no_process};
use crate::holder::CellGuest;
use crate::launch::{CellProcess, find_cell};
use crate::monitor::{Answers, Handle, Monitor, Next, Observation, Observe, Routes};
use crate::pool::{Pool, Stock};
use crate::sandbox::Sandbox;
use crate::thread::{ThreadGuest, ThreadTime};
use crate::{
    Answer, Call, Error, Fault, Identity, Image, Input, Isolation, Limits, Mount, Output,
    ParseSignatureError, Policy, Start, Unsupported, plain, shared, walls,
};
use bellglass_fork::FileSizeSignal;
use bellglass_system::{System, SystemBuilder, Waiter};
use bellglass_wire::{Interruption, Signature};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Says what a [`Sandbox`] is to be.
pub struct SandboxBuilder {
    image: Image,
    system: SystemBuilder,
    argument_zero: Option<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    limits: Limits,
    handlers: BTreeMap<Signature, Vec<Handle>>,
    /// The first handler's signature that is none, for `build` to tell.
    no_signature: Option<ParseSignatureError>,
    observers: Vec<Observe>,
    cell: Option<PathBuf>,
    fresh: bool,
    isolation: Isolation,
    pool: Option<Arc<Stock>>,
    time_from: Option<Instant>,
}

impl SandboxBuilder {
    pub(crate) fn new(image: Image) -> Self {
        // The image's own variables first: what the user sets comes over them.
        let variables = image.manifest().environment.iter();
        let system = variables.fold(System::builder(), |system, (name, value)| {
            system.environment(name.as_str(), value.as_str())
        });
        Self {
            image,
            system,
            argument_zero: None,
            arguments: Vec::new(),
            limits: Limits::default(),
            handlers: BTreeMap::new(),
            no_signature: None,
            observers: Vec::new(),
            cell: None,
            fresh: false,
            isolation: Isolation::default(),
            pool: None,
            time_from: None,
        }
    }

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
        match signature.into().parse::<Signature>() {
            Ok(signature) => {
                self.system = self.system.host_function(signature.clone());
                self.handlers.entry(signature).or_default().push(Box::new(handler));
            }
            Err(error) => drop(self.no_signature.get_or_insert(error)),
        }
        self
    }

    /// Shows every call to `observer` once it is answered.
    pub fn observe(mut self, observer: impl FnMut(&mut Observation<'_, '_>) + Send + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// What happens to a call that nothing answers; ENOSYS by default.
    pub fn unsupported(mut self, unsupported: Unsupported) -> Self {
        self.system = self.system.unsupported(unsupported);
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
        self.system = self.system.require_walls(names);
        self
    }

    /// Builds the sandbox also where these walls are not up: an exception to those that
    /// are required, such as all but one.
    pub fn waive_walls<I: IntoIterator<Item: Into<String>>>(mut self, names: I) -> Self {
        self.system = self.system.waive_walls(names);
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

    /// What the run may do, as it was said until now.
    pub fn policy(&self) -> Policy {
        self.system.policy()
    }

    /// What the run may do and use, for people: where it runs, its policy, its limits.
    ///
    /// ```no_run
    /// # use bellglass::{Sandbox, Store};
    /// # let image = Store::open_default()?.find("python")?;
    /// for line in Sandbox::builder(image).explain() {
    ///     println!("{line}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(&self) -> Vec<String> {
        let image = plain(&self.image.manifest().full_name());
        let mut lines = vec![format!("image: {image}"), format!("isolation: {}", self.isolation)];
        lines.extend(self.policy().lines());
        lines.extend(self.limits.lines());
        lines
    }

    /// Gets the sandbox ready: starts the cell, if there is to be one. The program
    /// does not run yet.
    ///
    /// # Errors
    /// An [`Error`] if the image, the cell or the virtual system is not as it
    /// should be.
    pub fn build(mut self) -> Result<Sandbox, Error> {
        if let Some(error) = self.no_signature.take() {
            return Err(error.into());
        }
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
            cell,
            fresh,
            pool,
            time_from,
            ..
        } = self;
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
        let policy = Arc::clone(monitor.answers.system.policy());
        walls::require(&policy.walls, &monitor.walls)?;
        monitor.answers.routes = route(&image, signatures.into(), handlers, observers)?;
        Ok(Sandbox {
            policy,
            guest: Box::new(CellGuest { monitor, process }),
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
            fresh,
            time_from,
            ..
        } = self;
        walls::require(&system.policy().walls, &[no_process()])?;
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
        let routes = route(&image, Arc::clone(program.signatures()), handlers, observers)?;
        let begun = Instant::now();
        let system = system.build()?;
        let set_up = begun.elapsed();
        let policy = Arc::clone(system.policy());
        let mut answers = Answers::new(system, waiter.clone(), limits.clone());
        answers.routes = routes;
        let guest = ThreadGuest::new(program, answers, time);
        let ringer = guest.ringer();
        waiter.connect(Box::new(move |signal| {
            ringer.interrupt(signal.number());
            true
        }));
        Ok(Sandbox { policy, guest: Box::new(guest), waiter, image, start, limits, time_from, set_up })
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
) -> Result<Routes, Error> {
    if let Some(unknown) = handlers.keys().find(|signature| !signatures.contains(signature)) {
        return Err(Error::UnknownSignature {
            image: image.manifest().full_name(),
            signature: unknown.to_string(),
        });
    }
    Ok(Routes::new(signatures, handlers, observers))
}
