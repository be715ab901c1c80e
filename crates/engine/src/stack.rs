//! The native stack that a guest runs on. It is far larger than what a thread
//! usually has, so that the guest's own recursion limits are met first.

use crate::guest::Host;
use wasmtime::{AsContextMut, Func, Instance, InstancePre, Store, TypedFunc, Val, WasmParams, WasmResults};

/// Whose stack it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// That of the thread which runs the guest, made for it by the caller: see
    /// [`NATIVE_STACK_BYTES`](crate::NATIVE_STACK_BYTES).
    Callers,
    /// One of the guest's own, on which the calling thread runs for that long. A
    /// library cannot know how much of its caller's stack is left, and a guest
    /// that met its end would take the whole process with it.
    #[cfg(feature = "fibers")]
    Own,
}

impl Stack {
    pub(crate) fn instantiate(
        self,
        instance: &InstancePre<Host>,
        store: &mut Store<Host>,
    ) -> wasmtime::Result<Instance> {
        match self {
            Self::Callers => instance.instantiate(store),
            #[cfg(feature = "fibers")]
            Self::Own => complete(instance.instantiate_async(store)),
        }
    }

    pub(crate) fn call(
        self,
        store: &mut Store<Host>,
        function: &Func,
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        match self {
            Self::Callers => function.call(store, &[], results),
            #[cfg(feature = "fibers")]
            Self::Own => complete(function.call_async(store, &[], results)),
        }
    }

    /// Calls a function of a known type, from outside of the guest or from within
    /// a call that it has made.
    pub(crate) fn call_typed<P, R>(
        self,
        store: impl AsContextMut<Data = Host>,
        function: &TypedFunc<P, R>,
        parameters: P,
    ) -> wasmtime::Result<R>
    where
        P: WasmParams + Sync,
        R: WasmResults + Sync,
    {
        match self {
            Self::Callers => function.call(store, parameters),
            #[cfg(feature = "fibers")]
            Self::Own => complete(function.call_async(store, parameters)),
        }
    }
}

/// Runs a future of the engine's to its end. None of them ever waits for anything,
/// for no stub and no hook of ours does so by the engine's means: the future is there
/// for its stack alone. One that is pending has only paused to let others run, as the
/// engine's collector does between its steps, and is to go on.
#[cfg(feature = "fibers")]
fn complete<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Poll, Waker};
    let mut future = std::pin::pin!(future);
    // BOUND: a collection has a fixed number of steps, and a guest that makes garbage
    // for ever is asked about its deadline between two of them by its own code.
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
