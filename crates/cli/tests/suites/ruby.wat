;; Makes a command of the module of @ruby/3.4-wasm-wasi, which is a library for
;; JavaScript: wasm-merge joins the two. It hands Ruby the program's arguments, and
;; has it load the file that the first of them names.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "ruby" "memory" (memory 1))
  (import "ruby" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (import "ruby" "_initialize" (func $initialize))
  (import "ruby" "ruby-init: func(args: list<string>) -> ()" (func $init (param i32 i32)))
  (import "ruby" "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>"
    (func $eval (param i32 i32) (result i32)))

  ;; Without a program Ruby would read one from stdin.
  (data $flag "-e_=0\00")
  (data $code "c=0;begin;load($0=ARGV.shift);rescue SystemExit=>e;c=e.status;rescue Exception=>e;$stderr.write(e.full_message(highlight: false));c=1;end;$stdout.flush;exit!(c)")

  (func $allocate (param $size i32) (result i32)
    (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (local.get $size)))

  (func $length (param $text i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (loop $more
      (if (i32.load8_u (local.get $end))
        (then (local.set $end (i32.add (local.get $end) (i32.const 1))) (br $more))))
    (i32.sub (local.get $end) (local.get $text)))

  ;; Writes one element of a list<string>: an address and a length.
  (func $put (param $list i32) (param $index i32) (param $text i32)
    (local $at i32)
    (local.set $at (i32.add (local.get $list) (i32.mul (local.get $index) (i32.const 8))))
    (i32.store (local.get $at) (local.get $text))
    (i32.store offset=4 (local.get $at) (call $length (local.get $text))))

  (func (export "_start")
    (local $count i32) (local $place i32) (local $words i32) (local $list i32) (local $i i32)
    (call $initialize)
    (local.set $place (call $allocate (i32.const 8)))
    (drop (call $sizes (local.get $place) (i32.add (local.get $place) (i32.const 4))))
    (local.set $count (i32.load (local.get $place)))
    (local.set $words (call $allocate (i32.mul (local.get $count) (i32.const 4))))
    (drop (call $get (local.get $words) (call $allocate (i32.load offset=4 (local.get $place)))))

    ;; Argument zero, the flag, and the others.
    (local.set $list (call $allocate (i32.mul (i32.add (local.get $count) (i32.const 1)) (i32.const 8))))
    (loop $next
      (call $put (local.get $list)
        (i32.add (local.get $i) (i32.ne (local.get $i) (i32.const 0)))
        (i32.load (i32.add (local.get $words) (i32.mul (local.get $i) (i32.const 4)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $count))))
    (local.set $place (call $allocate (i32.const 6)))
    (memory.init $flag (local.get $place) (i32.const 0) (i32.const 6))
    (call $put (local.get $list) (i32.const 1) (local.get $place))
    (call $init (local.get $list) (i32.add (local.get $count) (i32.const 1)))

    (local.set $place (call $allocate (i32.const 160)))
    (memory.init $code (local.get $place) (i32.const 0) (i32.const 160))
    (drop (call $eval (local.get $place) (i32.const 160)))
    ;; The code ends the program; what comes here is a fault of it.
    (call $exit (i32.const 70))))
