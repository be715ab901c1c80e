//! A module of WASI that does what it is told: it reads orders from its stdin, makes the
//! calls that they name with the numbers that they give, and says on its stdout what came of
//! them. So a test makes any call that there is, through the built command.

use crate::harness::{Scratch, process};
use bellglass::calls::{Family, rows};
use bellglass::{Signature, ValueType};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// The most arguments that a call has.
const ARGUMENTS: usize = 9;

/// Bytes of an order: what to do, and the arguments.
const ORDER_BYTES: usize = 8 + 8 * ARGUMENTS;

/// Orders that are no calls.
const PUT: u64 = 0;
const GET: u64 = 1;
const CALLS: u64 = 2;

/// Where a test has room in the module's memory; below it is the module's own.
pub const ROOM: u32 = 4096;

/// Where [`Module::call`] has results put.
pub const RESULT: u32 = 1024;

/// Where the paths of a call stand.
const PATHS: u32 = 2 << 16;

/// Bytes of memory.
pub const MEMORY: u32 = 64 << 16;

/// The calls of WASI, as the virtual machine has them.
fn calls() -> Vec<Signature> {
    let of_wasi = rows().filter(|row| row.family == Family::Wasi);
    of_wasi.map(|row| row.signature.parse().expect("a signature")).collect()
}

/// The module's text.
fn text() -> String {
    let calls = calls();
    let mut text = String::from("(module\n");
    let number = |value: &ValueType| match value {
        ValueType::I64 => "i64",
        _ => "i32",
    };
    for (at, call) in calls.iter().enumerate() {
        let types = |values: &[ValueType]| values.iter().map(number).collect::<Vec<_>>().join(" ");
        let (parameters, results) = (types(&call.parameters), types(&call.results));
        let _ = writeln!(
            text,
            "(import \"{}\" \"{}\" (func $call{at} (param {parameters}) (result {results})))",
            call.module, call.name
        );
    }
    let place = |name: &str| calls.iter().position(|call| call.name == *name).expect("a call of WASI");
    let _ = write!(
        text,
        r#"(memory (export "memory") {pages})
        ;; All of so many bytes, by one of fd_read and fd_write; whether there was an end.
        (func $all (param $write i32) (param $at i32) (param $left i32) (result i32)
          (local $errno i32)
          (loop $more
            (if (i32.eqz (local.get $left)) (then (return (i32.const 0))))
            (i32.store (i32.const 256) (local.get $at))
            (i32.store (i32.const 260) (local.get $left))
            (i32.store (i32.const 264) (i32.const 0))
            (if (local.get $write)
              (then (local.set $errno (call $call{write}
                (i32.const 1) (i32.const 256) (i32.const 1) (i32.const 264))))
              (else (local.set $errno (call $call{read}
                (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 264)))))
            (if (i32.or (local.get $errno) (i32.eqz (i32.load (i32.const 264))))
              (then (return (i32.const 1))))
            (local.set $at (i32.add (local.get $at) (i32.load (i32.const 264))))
            (local.set $left (i32.sub (local.get $left) (i32.load (i32.const 264))))
            (br $more))
          (unreachable))
        (func $argument (param $number i32) (result i64)
          (i64.load offset=8 (i32.shl (local.get $number) (i32.const 3))))
        (func $pair (param $write i32) (result i32)
          (call $all (local.get $write) (i32.wrap_i64 (call $argument (i32.const 0)))
            (i32.wrap_i64 (call $argument (i32.const 1)))))
        (func (export "_start") (local $order i32)
          (loop $next
            (if (call $all (i32.const 0) (i32.const 0) (i32.const {ORDER_BYTES})) (then (return)))
            (local.set $order (i32.load (i32.const 0)))
            (if (i32.eq (local.get $order) (i32.const {PUT})) (then (drop (call $pair (i32.const 0)))))
            (if (i32.eq (local.get $order) (i32.const {GET})) (then (drop (call $pair (i32.const 1)))))
"#,
        pages = MEMORY >> 16,
        read = place("fd_read"),
        write = place("fd_write"),
    );
    for (at, call) in calls.iter().enumerate() {
        let mut made = format!("(call $call{at}");
        for (number, kind) in call.parameters.iter().enumerate() {
            let argument = format!("(call $argument (i32.const {number}))");
            let _ = match kind {
                ValueType::I64 => write!(made, " {argument}"),
                _ => write!(made, " (i32.wrap_i64 {argument})"),
            };
        }
        made.push(')');
        if !call.results.is_empty() {
            made = format!(
                "(i32.store (i32.const 272) {made}) (drop (call $all (i32.const 1) (i32.const 272) (i32.const 4)))"
            );
        }
        let order = CALLS + at as u64;
        let _ = writeln!(text, "(if (i32.eq (local.get $order) (i32.const {order})) (then {made}))");
    }
    text.push_str("(br $next))))\n");
    text
}

/// The module at work.
pub struct Module {
    child: Child,
    orders: ChildStdin,
    answers: ChildStdout,
    calls: Vec<Signature>,
}

impl Module {
    /// Starts it in this place, with these options and arguments.
    pub fn start(place: &Scratch, options: &[&str], arguments: &[&str]) -> Self {
        let module = wat::parse_str(text()).expect("a module");
        place.write("module.wasm", module);
        let words = [&["run"][..], options, &["--wasm", "module.wasm"], arguments].concat();
        let mut command = place.bellglass(words);
        // Whatever the tests' own stderr is, the module's is a stream.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the command starts");
        let orders = child.stdin.take().expect("a pipe");
        let answers = child.stdout.take().expect("a pipe");
        Self { child, orders, answers, calls: calls() }
    }

    fn order(&mut self, order: u64, arguments: &[u64]) {
        let mut bytes = order.to_le_bytes().to_vec();
        bytes.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
        bytes.resize(ORDER_BYTES, 0);
        self.orders.write_all(&bytes).expect("it reads its orders");
    }

    /// Puts bytes into its memory.
    pub fn put(&mut self, address: u32, bytes: &[u8]) {
        self.order(PUT, &[address.into(), bytes.len() as u64]);
        self.orders.write_all(bytes).expect("it reads its orders");
    }

    /// Bytes of its memory.
    pub fn get(&mut self, address: u32, length: usize) -> Vec<u8> {
        self.order(GET, &[address.into(), length as u64]);
        let mut bytes = vec![0; length];
        self.answers.read_exact(&mut bytes).expect("it answers");
        bytes
    }

    pub fn get_u32(&mut self, address: u32) -> u32 {
        u32::from_le_bytes(self.get(address, 4).try_into().expect("four bytes"))
    }

    pub fn get_u64(&mut self, address: u32) -> u64 {
        u64::from_le_bytes(self.get(address, 8).try_into().expect("eight bytes"))
    }

    fn place(&self, name: &str) -> u64 {
        let found = self.calls.iter().position(|call| call.name == *name);
        CALLS + found.unwrap_or_else(|| panic!("no call of WASI is {name}")) as u64
    }

    /// Makes a call, and gives its errno.
    #[must_use]
    pub fn call(&mut self, name: &str, arguments: &[u64]) -> u16 {
        let place = self.place(name);
        self.order(place, arguments);
        let mut bytes = [0; 4];
        self.answers.read_exact(&mut bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        u32::from_le_bytes(bytes).try_into().expect("an errno of 16 bits")
    }

    /// Makes a call that must succeed.
    #[track_caller]
    pub fn does(&mut self, name: &str, arguments: &[u64]) {
        let errno = self.call(name, arguments);
        assert_eq!(errno, 0, "{name}{arguments:?} failed");
    }

    /// Makes a call that does not return, and gives the command's exit code.
    pub fn leaves(mut self, name: &str, arguments: &[u64]) -> i32 {
        let place = self.place(name);
        self.order(place, arguments);
        self.ends()
    }

    /// Has it end, and gives the command's exit code.
    pub fn ends(self) -> i32 {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        process::eventually("the module ends", || child.try_wait().expect("its state").is_some());
        process::code(child.wait().expect("its state"))
    }

    /// Puts a path where the calls of paths find it, and gives its address and length.
    /// There is room for two.
    pub fn path(&mut self, which: u32, path: &str) -> [u64; 2] {
        let address = PATHS + (which << 13);
        self.put(address, path.as_bytes());
        [address.into(), path.len() as u64]
    }

    /// Makes a call with a descriptor and a path, and what follows.
    #[must_use]
    pub fn on_path(&mut self, name: &str, descriptor: u32, path: &str, rest: &[u64]) -> u16 {
        let path = self.path(0, path);
        self.call(name, &[&[descriptor.into()], &path[..], rest].concat())
    }
}
