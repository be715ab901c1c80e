//! From the engine's errors to the protocol's kinds of fault.

use bellglass_wire::{TrapKind, caps};
use wasmtime::{GcHeapOutOfMemory, ThrownException, Trap, WasmBacktrace};

/// The kind, a sentence, and the guest's functions, innermost first.
pub(crate) fn describe(error: &wasmtime::Error) -> (TrapKind, String, Vec<String>) {
    let kind = match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => TrapKind::Unreachable,
        Some(Trap::MemoryOutOfBounds | Trap::HeapMisaligned) => TrapKind::MemoryOutOfBounds,
        Some(Trap::StackOverflow) => TrapKind::StackOverflow,
        Some(Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature) => {
            TrapKind::BadFunctionPointer
        }
        Some(Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger) => {
            TrapKind::Arithmetic
        }
        // As an interpreter that gets no memory aborts.
        _ if is_short_of_memory(error) => TrapKind::Unreachable,
        _ => TrapKind::Other,
    };
    let message = match kind {
        _ if is_short_of_memory(error) => "the guest had no memory left for an exception".to_owned(),
        TrapKind::Unreachable => "the guest aborted".to_owned(),
        TrapKind::MemoryOutOfBounds => "the guest used memory that it does not have".to_owned(),
        TrapKind::StackOverflow => "the guest used up its stack".to_owned(),
        TrapKind::BadFunctionPointer => "the guest called through a wrong function pointer".to_owned(),
        TrapKind::Arithmetic => "the guest divided by zero or overflowed a conversion".to_owned(),
        _ if error.is::<ThrownException>() => {
            "the guest threw an exception that nothing catches (a longjmp to a function that has returned?)"
                .to_owned()
        }
        _ => cut(&error.root_cause().to_string(), caps::TEXT_BYTES),
    };
    let backtrace = error.downcast_ref::<WasmBacktrace>().map_or_else(Vec::new, |trace| {
        let frames = trace.frames().iter().take(caps::BACKTRACE_LINES);
        let line = |frame: &wasmtime::FrameInfo| match frame.func_name() {
            Some(name) => cut(name, caps::NAME_BYTES),
            None => format!("function {}", frame.func_index()),
        };
        frames.map(line).collect()
    });
    (kind, message, backtrace)
}

/// Whether the guest could not have the exception that it wanted to throw.
fn is_short_of_memory(error: &wasmtime::Error) -> bool {
    error.is::<GcHeapOutOfMemory<()>>()
}

fn cut(text: &str, cap: usize) -> String {
    text[..text.floor_char_boundary(cap)].to_owned()
}
