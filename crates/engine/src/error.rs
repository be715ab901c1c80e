//! What can go wrong before a guest runs.

/// Why a program cannot be compiled, loaded or started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine does not work on this machine.
    #[error("the engine cannot be set up on this machine: {reason}")]
    Setup {
        /// The engine's own words.
        reason: String,
    },
    /// The wasm is not a valid module.
    #[error("the module cannot be compiled: {reason}")]
    Compile {
        /// The engine's own words.
        reason: String,
    },
    /// The compiled code is not for this engine, or is damaged.
    #[error("the compiled module cannot be loaded ({reason}): build the image again")]
    Load {
        /// The engine's own words.
        reason: String,
    },
    /// The compiled code may not be what the image builder wrote.
    #[error(
        "the compiled module is not trusted ({reason}): use an image of your own, or one that root installed"
    )]
    Untrusted {
        /// Why not.
        reason: String,
    },
    /// The module imports something other than a function, or a function with
    /// values that a signature cannot name.
    #[error("the module imports {import}, which cannot be delegated: only functions of numbers can")]
    Import {
        /// What it imports.
        import: String,
    },
    /// The module has no such export, or one of another type.
    #[error("the module exports no function '{name}' of type {expected}")]
    Export {
        /// The name that was looked for.
        name: String,
        /// The type that it should have.
        expected: &'static str,
    },
    /// What the guest begins with is above its limits.
    #[error(
        "the guest begins with {memory_bytes} bytes of memory and {table_elements} table elements, which is more than it may have: raise its limits"
    )]
    BeyondLimits {
        /// Bytes of all its memories, as far as they were asked for.
        memory_bytes: u64,
        /// Elements of all its tables, as far as they were asked for.
        table_elements: u64,
    },
    /// The guest cannot be set up for another cause.
    #[error("the guest cannot be set up: {reason}")]
    Instantiate {
        /// The engine's own words.
        reason: String,
    },
}
