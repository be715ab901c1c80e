//! Makes a process do what code would that has taken it over: system calls, with any
//! arguments, from inside. It must be root, for a cell lets nobody else look into it.
//!
//! ```text
//! puppeteer PROCESS
//! ```
//!
//! Each line that it then reads is one thing to do, and is answered by one line: what
//! the kernel answered (minus the error number if it refuses), or `ended by N` if a
//! signal ended the process.
//!
//! ```text
//! NUMBER ARGUMENTS...        that system call
//! touch ADDRESS COUNT STEP   writes a byte at so many places, so far apart; answered
//!                            by at how many that could be done
//! ```
//!
//! An argument may be hexadecimal (0x), a sum (with +), or `memory`, which is what the
//! last mmap answered.
//!
//! At the end of its input it lets go.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod strings {
    use std::fs::File;
    use std::io::{BufRead, Error};
    use std::os::unix::fs::FileExt;

    /// Bytes of the instruction that makes a system call.
    const INSTRUCTION_BYTES: u64 = 2;

    pub(super) fn main() {
        let process: i32 = std::env::args().nth(1).and_then(|word| word.parse().ok()).expect("a process");
        trace(libc::PTRACE_ATTACH, process, 0);
        assert_eq!(wait(process), None, "it stops");
        let before = registers(process);
        // It stands in a system call, right behind the instruction.
        let instruction = before.rip - INSTRUCTION_BYTES;
        let memory = File::options().read(true).write(true).open(format!("/proc/{process}/mem"));
        let memory = memory.expect("its memory");
        let mut code = [0; INSTRUCTION_BYTES as usize];
        memory.read_exact_at(&mut code, instruction).expect("its code");
        assert_eq!(code, [0x0f, 0x05], "it waits in a system call");
        let mut mapped = 0;
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("a line");
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["touch", address, count, step] = *words {
                let (address, step) = (value(address, mapped), value(step, mapped));
                let touched = (0..value(count, mapped))
                    .take_while(|index| touch(process, address + index * step))
                    .count();
                println!("{touched}");
                continue;
            }
            let values: Vec<u64> = words.iter().map(|word| value(word, mapped)).collect();
            let at = |index: usize| values.get(index).copied().unwrap_or_default();
            let registers = libc::user_regs_struct {
                rip: instruction,
                rax: at(0),
                // Not one that the kernel would make again.
                orig_rax: u64::MAX,
                rdi: at(1),
                rsi: at(2),
                rdx: at(3),
                r10: at(4),
                r8: at(5),
                r9: at(6),
                ..before
            };
            trace(libc::PTRACE_SETREGS, process, &raw const registers as usize);
            trace(libc::PTRACE_SINGLESTEP, process, 0);
            if let Some(signal) = wait(process) {
                println!("ended by {signal}");
                return;
            }
            let answer = self::registers(process).rax;
            if at(0) == libc::SYS_mmap as u64 {
                mapped = answer;
            }
            println!("{}", answer.cast_signed());
        }
        trace(libc::PTRACE_SETREGS, process, &raw const before as usize);
        trace(libc::PTRACE_DETACH, process, 0);
    }

    /// Writes a byte as the process itself could, whatever a debugger may.
    fn touch(process: i32, address: u64) -> bool {
        let mut byte = 1_u8;
        let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let remote =
            libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(address as usize), iov_len: 1 };
        // SAFETY: one byte of ours is read; what the other process's is, is its own
        // affair.
        unsafe { libc::process_vm_writev(process, &local, 1, &remote, 1, 0) == 1 }
    }

    fn value(word: &str, mapped: u64) -> u64 {
        let number = match word.split_once('+') {
            Some((one, other)) => return value(one, mapped) + value(other, mapped),
            None if word == "memory" => return mapped,
            None => {
                word.strip_prefix("0x").map_or_else(|| word.parse(), |digits| u64::from_str_radix(digits, 16))
            }
        };
        number.expect("a number")
    }

    fn registers(process: i32) -> libc::user_regs_struct {
        let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::zeroed();
        trace(libc::PTRACE_GETREGS, process, registers.as_mut_ptr() as usize);
        // SAFETY: the call has filled in this struct of numbers.
        unsafe { registers.assume_init() }
    }

    fn trace(request: libc::c_uint, process: i32, data: usize) {
        // SAFETY: `data` is a number, or the address of a place of ours of the type that
        // the request reads or writes.
        let done = unsafe { libc::ptrace(request, process, 0_usize, data) };
        assert!(done != -1, "request {request}: {}", Error::last_os_error());
    }

    /// Waits until it stops. Gives the signal if it ended instead.
    fn wait(process: i32) -> Option<i32> {
        let mut status = 0;
        // SAFETY: the pointer is to a number of ours.
        let waited = unsafe { libc::waitpid(process, &mut status, libc::__WALL) };
        assert_eq!(waited, process, "{}", Error::last_os_error());
        libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status))
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    strings::main();
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {
    // Other processors have other registers.
    std::process::exit(1);
}
