//! What a sandbox is to be, and how it is made ready.

use crate::ending::{explain, no_process};
use crate::handler::{Handler, Handlers};
use crate::holder::CellGuest;
use crate::launch::{CellProcess, find_cell};
use crate::monitor::{Answers, Monitor, Next, Observation, Observe, Routes};
use crate::pool::{Pool, Stock};
use crate::sandbox::Sandbox;
use crate::thread::{ThreadGuest, ThreadTime};
use crate::{
    Answer, Call, Clock, Error, Fault, Identity, Image, Input, Isolation, Limits, Mount, Output, Policy,
    Random, Start, Unsupported, plain, shared, walls,
};
use bellglass_fork::FileSizeSignal;
use bellglass_system::{Family, System, SystemBuilder, Waiter, lookup};
use bellglass_wire::Interruption;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Says what a [`Sandbox`] is to be.
pub struct SandboxBuilder {
    image: Image,
    system: SystemBuilder,
    argument_zero: Option<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    limits: Limits,
    handlers: Handlers,
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
            handlers: Handlers::default(),
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
    ///     .on("linux.getpid()i", |_call, _next| Ok(Answer::i32(42)))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The image must import the signature, so that a slip is told; see
    /// [`Handler::optional`] for handlers that serve several images.
    pub fn on(
        self,
        signature: impl Into<String>,
        handler: impl FnMut(&mut Call<'_>, Next<'_>) -> Result<Answer, Fault> + Send + 'static,
    ) -> Self {
        self.handlers([Handler::new(signature, handler)])
    }

    /// Puts these handlers before whatever answers their calls until now, each before
    /// those that come earlier.
    pub fn handlers(mut self, handlers: impl IntoIterator<Item = Handler>) -> Self {
        for handler in handlers {
            if let Some(signature) = self.handlers.add(handler) {
                self.system = self.system.host_function(signature);
            }
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

    /// Where the time comes from that the program sees; the host's clock by default. What
    /// limits the run is real time in any case.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.system = self.system.clock(clock);
        self
    }

    /// Where random bytes come from; the host by default.
    pub fn random(mut self, random: Box<dyn Random>) -> Self {
        self.system = self.system.random(random);
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
    /// [`Report::walls`](crate::Report::walls) say which are missing. Whoever runs programs of strangers
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
        self.handlers.check()?;
        // Memory to share and archives that are unpacked are files too: see `run`.
        let _kept = FileSizeSignal::keep_away();
        match self.isolation {
            Isolation::Process => self.build_process(),
            Isolation::Thread => self.build_thread(),
        }
    }

    fn build_process(mut self) -> Result<Sandbox, Error> {
        // The cell loads its module while this thread sets up the rest.
        let start = self.start();
        let warm = match (&self.cell, &self.pool) {
            (None, Some(stock)) => stock.take(&self.image, start),
            // A cell's program that was named must be that of the run.
            _ => None,
        };
        let (mut process, link) = match warm {
            Some(cell) => cell,
            None => {
                let program = match (&self.cell, &self.pool) {
                    (None, Some(stock)) => stock.program().to_owned(),
                    (told, _) => find_cell(told.as_deref())?,
                };
                let compiled = compiled(&self.image, start, Interruption::Kill)?;
                CellProcess::start(&program, compiled.try_clone().map_err(Error::Resource)?)?
            }
        };
        let waiter = Waiter::new(None).map_err(Error::Resource)?;
        let signaller = process.signaller();
        waiter.connect(Box::new(move |signal| signaller.interrupt(signal.number())));
        let (system, set_up) = self.set_up(&waiter, process.processor_time())?;
        let policy = Arc::clone(system.policy());
        let Self { image, limits, handlers, observers, time_from, .. } = self;
        let mut monitor = Monitor::new(link, system, waiter.clone(), limits.clone());
        let greeted = monitor.greet();
        let signatures = greeted.map_err(|error| explain(error, &mut monitor.link, &mut process))?;
        monitor.walls.push(process.bound_memory(&limits));
        walls::require(&policy.walls, &monitor.walls)?;
        let handlers = handlers.of(&image, &signatures)?;
        monitor.answers.routes = Routes::new(signatures.into(), handlers, observers);
        let guest = Box::new(CellGuest { monitor, process });
        Ok(Sandbox { policy, guest, waiter, image, start, limits, time_from, set_up })
    }

    fn build_thread(mut self) -> Result<Sandbox, Error> {
        walls::require(&self.policy().walls, &[no_process()])?;
        let start = self.start();
        let program = shared::program_of(compiled(&self.image, start, Interruption::Epoch)?)?;
        let waiter = Waiter::new(None).map_err(Error::Resource)?;
        let time = ThreadTime::default();
        let clock = time.clone();
        let (system, set_up) = self.set_up(&waiter, move || clock.used())?;
        let policy = Arc::clone(system.policy());
        let Self { image, limits, handlers, observers, time_from, .. } = self;
        let signatures = Arc::clone(program.signatures());
        let handlers = handlers.of(&image, &signatures)?;
        let mut answers = Answers::new(system, waiter.clone(), limits.clone());
        answers.routes = Routes::new(signatures, handlers, observers);
        let guest = ThreadGuest::new(program, answers, time);
        let thread_control = guest.thread_control();
        waiter.connect(Box::new(move |signal| {
            thread_control.interrupt(signal.interrupt());
            true
        }));
        Ok(Sandbox { policy, guest: Box::new(guest), waiter, image, start, limits, time_from, set_up })
    }

    /// What the guest begins with.
    fn start(&self) -> Start {
        if self.fresh {
            return Start::Fresh;
        }
        let variables = self.system.variables();
        self.image.manifest().start_for(&self.arguments, variables, self.limits.memory_bytes)
    }

    /// Makes the virtual system as the image and the limits want it, within the time that
    /// the run may take, and tells how long that took.
    fn set_up(
        &mut self,
        waiter: &Waiter,
        processor_time: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Result<(System, Duration), Error> {
        let Self { image, limits, system, argument_zero, arguments, time_from, .. } = self;
        let files = shared::pack_of(image.files())
            .map_err(|source| Error::Files { image: image.path().to_owned(), source })?;
        let zero = argument_zero.take();
        let zero = zero.unwrap_or_else(|| image.manifest().argument_zero.clone().into_bytes());
        let from = time_from.unwrap_or_else(Instant::now);
        let deadline = limits.timeout.and_then(|timeout| from.checked_add(timeout));
        let is_of_wasi = |signature| lookup(signature).is_none_or(|row| row.family == Family::Wasi);
        let system = std::mem::replace(system, System::builder())
            .confined_paths(image.manifest().imports.iter().all(is_of_wasi))
            .set_up_for(waiter.clone().with_deadline(deadline))
            .base(files)
            .arguments(std::iter::once(zero).chain(std::mem::take(arguments)))
            .file_bytes(limits.file_bytes)
            .file_count(limits.file_count)
            .controller_bytes(limits.controller_bytes)
            .open_files(limits.open_files)
            .memory_limit(limits.memory_bytes)
            .sleep_limits(limits.sleep_time, limits.longest_sleep)
            .processor_time(processor_time);
        let system = match limits.output_bytes {
            Some(limit) => system.output_limit(limit),
            None => system,
        };
        let system = match limits.processor_time {
            Some(limit) => system.processor_limit(limit),
            None => system,
        };
        let begun = Instant::now();
        let system = system.build()?;
        Ok((system, begun.elapsed()))
    }
}

/// The compiled module that a cell or a thread begins with.
pub(crate) fn compiled(image: &Image, start: Start, interruption: Interruption) -> Result<&File, Error> {
    image.compiled(start, interruption).ok_or_else(|| Error::NotCompiled {
        image: image.manifest().full_name(),
        part: start.compiled_file(interruption),
    })
}
