//! How Wasmtime is set up. The image builder and the cell must agree on it, for
//! it decides what the compiled code looks like.

use crate::EngineError;
use bellglass_wire::{Interruption, caps};
use wasmtime::{Collector, Config, Engine};

/// The engine and its version, as images record it.
pub const ENGINE: &str = "wasmtime 48 with exceptions, without inlining";

/// Bytes of native stack that a guest may use. C code compiled to wasm keeps its
/// arrays in linear memory, so this holds return addresses and registers only;
/// it is large so that the guest's own recursion limits are met first.
pub const NATIVE_STACK_BYTES: usize = 64 << 20;

/// Bytes of address space that each memory of a guest has: what 32 bits can address,
/// so that bounds checks are page faults and the memory never moves.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;

/// Bytes that cannot be touched before each memory, and behind it.
const GUARD_BYTES: u64 = 32 << 20;

/// Bytes of address space that each memory of a guest takes.
pub(crate) const MEMORY_ADDRESS_BYTES: u64 = MEMORY_RESERVATION_BYTES + 2 * GUARD_BYTES;

/// What must be alike for compiled code to be loaded: the engine, the processor
/// family, the operating system, and how guests are interrupted. An image that
/// was built under another key is compiled again from its wasm.
pub fn compatibility_key(interruption: Interruption) -> String {
    let (machine, system) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("{ENGINE}, {machine} {system}, {}", interruption.name())
}

/// Native stack beyond the guest's share, for the functions that answer a guest
/// which has a stack of its own.
const ANSWERING_STACK_BYTES: usize = 4 << 20;

pub(crate) fn engine(interruption: Interruption) -> Result<Engine, EngineError> {
    let config = config(interruption);
    Engine::new(&config).map_err(|error| EngineError::Setup { reason: format!("{error:#}") })
}

pub(crate) fn config(interruption: Interruption) -> Config {
    let mut config = Config::new();
    config
        .max_wasm_stack(NATIVE_STACK_BYTES)
        // For guests in threads only, but the engine insists that it is no
        // smaller. What the guest never touches costs nothing.
        .async_stack_size(NATIVE_STACK_BYTES + ANSWERING_STACK_BYTES)
        // A guest's memory never moves: an interrupt can then be set from a signal
        // handler.
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(GUARD_BYTES)
        .memory_may_move(false)
        .memory_init_cow(true)
        .consume_fuel(false)
        .epoch_interruption(interruption == Interruption::Epoch)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(caps::BACKTRACE_LINES))
        .generate_address_map(false)
        .native_unwind_info(false)
        // What setjmp and longjmp are made of. An exception is the one kind of
        // object that a guest has; counting references to it frees it at once.
        .wasm_exceptions(true)
        .wasm_gc(false)
        .collector(Collector::DeferredReferenceCounting)
        // The guest's own compiler has inlined what is worth it. Once more makes
        // CPython 3% faster, its code twice as large, and its compilation take 5.7
        // GB of memory instead of a quarter of one.
        .compiler_inlining(wasmtime::Inlining::No);
    #[cfg(feature = "compiler")]
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    config
}
