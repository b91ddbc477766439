//! The program as the process that compiles, within its limits.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hodhod_core::limits::{COMPILE_CPU, COMPILE_MEMORY, COMPILE_TIME, COMPILED, COMPONENT};
use hodhod_core::runtime::Setup;
use hodhod_engine::{
    Cache, ChildProcess, CompileError, CompileLimits, Compiler, Component, Engine, LoadError, PoolSize,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hodhod");

fn child(limits: CompileLimits) -> ChildProcess {
    ChildProcess::new(PROGRAM, ["compile-component"]).limited(limits)
}

fn engine(child: ChildProcess) -> Engine {
    Engine::new(PoolSize { turns: 1, memory: 64 << 20 }).unwrap().with_compiler(Compiler::Child(child))
}

fn load(engine: &Engine, bytes: &[u8]) -> LoadError {
    Component::load(engine, bytes, Setup::default()).map(|_| ()).unwrap_err()
}

fn compile(child: ChildProcess, bytes: &[u8]) -> CompileError {
    match load(&engine(child), bytes) {
        LoadError::Compile(error) => error,
        other => panic!("{other}"),
    }
}

/// A component that is valid and does nothing.
fn small() -> Vec<u8> {
    wat::parse_str("(component (core module (func (export \"run\"))))").unwrap()
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], leb(content.len()).as_slice(), content].concat()
}

/// A component that is valid and takes minutes to compile: so many functions, each with so many nested
/// blocks, in each of which values depend on all that came before.
fn endless(functions: usize, blocks: usize) -> Vec<u8> {
    // block; local.get 0; local.get 1; i64.mul; local.set 0; local.get 0; local.get 1; i64.div_u;
    // local.set 1; local.get 0; i32.wrap_i64; br_if 0
    let open = [0x02, 0x40, 0x20, 0, 0x20, 1, 0x7e, 0x21, 0, 0x20, 0, 0x20, 1, 0x80, 0x21, 1, 0x20, 0, 0xa7, 0x0d, 0];
    let body = [&[0][..], &open.repeat(blocks), &vec![0x0b; blocks], &[0x0b]].concat();
    let body = [leb(body.len()), body].concat();
    let types = section(1, &[1, 0x60, 2, 0x7e, 0x7e, 0]);
    let list = section(3, &[leb(functions), vec![0; functions]].concat());
    let code = section(10, &[leb(functions), body.repeat(functions)].concat());
    let module = [b"\0asm\x01\0\0\0".as_slice(), &types, &list, &code].concat();
    [b"\0asm\x0d\0\x01\0".as_slice(), &section(1, &module)].concat()
}

/// Waits until no process is left that was given this number.
fn gone(memory: u64) {
    let began = Instant::now();
    // The process itself is, at once; what it started is reaped by another.
    while !processes(memory).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", processes(memory));
        std::thread::yield_now();
    }
}

/// Processes of this test, which are known by the number that they were given.
fn processes(memory: u64) -> Vec<String> {
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).ok()?;
        line.contains(&memory.to_string()).then_some(line)
    });
    lines.collect()
}

#[test]
fn what_the_program_compiles_runs_in_the_engine_of_the_host_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || Cache::new(folder.path().join("cache"), [7; 32]);
    let host = engine(child(CompileLimits::default())).with_cache(cache());
    // It is loaded, and then found to have no handler.
    assert!(matches!(load(&host, &small()), LoadError::Contract(_)));
    assert_eq!(host.compiled(), 1);

    // A program that can do nothing is never asked.
    let next = engine(ChildProcess::new("/bin/false", [""; 0])).with_cache(cache());
    assert!(matches!(load(&next, &small()), LoadError::Contract(_)));
    assert_eq!(next.compiled(), 0);
    assert!(matches!(load(&next, &endless(1, 1)), LoadError::Compile(CompileError::Crashed(_))), "this one is new");
}

#[test]
fn what_is_no_component_is_told_as_such() {
    let host = engine(child(CompileLimits::default()));
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0\xff", &[0xff; 100]] {
        assert!(matches!(load(&host, bytes), LoadError::NotAComponent(_)));
    }
}

#[test]
fn compiled_code_from_outside_is_refused_also_if_this_program_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let host = engine(child(CompileLimits::default())).with_cache(Cache::new(folder.path().into(), [7; 32]));
    load(&host, &small());
    let of_engine = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read(fs::read_dir(of_engine).unwrap().next().unwrap().unwrap().path()).unwrap();
    assert!(matches!(load(&host, &kept), LoadError::NotAComponent(_)), "sealed as it is kept");
    let code = kept.windows(4).position(|window| window == b"\x7fELF").unwrap();
    assert!(matches!(load(&host, &kept[code..]), LoadError::Compiled), "without the seal");
    assert_eq!(host.compiled(), 1);
}

#[test]
fn limit_component_a_larger_file_is_not_even_looked_at() {
    assert_eq!(COMPONENT, 64 << 20);
    let host = engine(ChildProcess::new("/does/not/exist", [""; 0]));
    let mut large = begun(usize::try_from(COMPONENT).unwrap() + 1);
    assert!(matches!(load(&host, &large), LoadError::TooLarge { bytes } if bytes == large.len()));
    large.pop();
    assert!(matches!(load(&host, &large), LoadError::Compile(CompileError::Process(_))), "one byte less is");
}

/// So many bytes that begin like a component.
fn begun(bytes: usize) -> Vec<u8> {
    let mut begun = b"\0asm\x0d\0\x01\0".to_vec();
    begun.resize(bytes, 0);
    begun
}

#[test]
fn no_process_begins_for_what_begins_unlike_a_component() {
    let host = engine(ChildProcess::new("/does/not/exist", [""; 0]));
    let why = |bytes: &[u8]| match load(&host, bytes) {
        LoadError::NotAComponent(why) => why,
        error => panic!("{error}"),
    };
    for bytes in [&b""[..], b"\0asm", b"#!/bin/sh", b"(component)", b"\0asm\x0d\0\x02\0"] {
        assert_eq!(why(bytes), "it begins with other bytes than one", "{bytes:?}");
    }
    let module = why(b"\0asm\x01\0\0\0");
    assert!(module.contains("wasm-tools component new"), "{module}");
}

#[test]
fn limit_component_holds_in_the_process_that_compiles_too() {
    let mut process = Command::new(PROGRAM)
        .args(["compile-component", "--memory", &COMPILE_MEMORY.to_string(), "--cpu", "60"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    let piece = vec![0; 1 << 20];
    for _ in 0..64 {
        input.write_all(&piece).unwrap();
    }
    // The last byte that it takes, and more than the pipe holds.
    let more = (0..4).map(|_| input.write_all(&piece)).collect::<Result<Vec<_>, _>>();
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert!(more.is_err(), "it reads on");
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is too large"), "{output:?}");
}

#[test]
fn limit_compile_time_ends_the_process_and_says_so() {
    let limits =
        CompileLimits { time: Duration::from_millis(300), memory: COMPILE_MEMORY + 1, ..CompileLimits::default() };
    let bytes = endless(2000, 300);
    let began = Instant::now();
    let error = compile(child(limits), &bytes);
    assert!(matches!(error, CompileError::Time(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(processes(limits.memory), [""; 0], "it is gone");
    assert_eq!(error.to_string(), "compiling it takes longer than 300 ms: make it smaller, or the machine less busy");
}

#[test]
fn limit_compile_time_does_not_depend_on_what_the_process_does() {
    let limits =
        CompileLimits { time: Duration::from_millis(200), memory: COMPILE_MEMORY + 2, ..CompileLimits::default() };
    // It neither reads nor ends; says without end; closes everything and stays; has a child that gets away
    // with its pipes. What is slept is the number by which it is found.
    let scripts = ["sleep $2; :", "yes $2 >&2", "exec <&- >&- 2>&-; sleep $2; :", "setsid sleep 60 & sleep $2; :"];
    for script in scripts {
        let shell = ChildProcess::new("/bin/sh", ["-c", script, "sh"]).limited(limits);
        let began = Instant::now();
        let error = compile(shell, &begun(1 << 20));
        assert!(matches!(error, CompileError::Time(_)), "{script}: {error}");
        assert!(began.elapsed() < Duration::from_secs(20), "{script}: {:?}", began.elapsed());
        gone(limits.memory);
    }
}

#[test]
fn limit_compile_time_is_five_minutes_unless_a_test_says_otherwise() {
    let limits = CompileLimits::default();
    assert_eq!(
        (limits.time, limits.cpu, limits.memory, limits.code),
        (Duration::from_millis(COMPILE_TIME), Duration::from_millis(COMPILE_CPU), COMPILE_MEMORY, COMPILED)
    );
}

#[test]
fn limit_compile_cpu_ends_the_process_and_says_so() {
    let limits = CompileLimits { cpu: Duration::from_secs(1), memory: COMPILE_MEMORY + 3, ..CompileLimits::default() };
    let error = compile(child(limits), &endless(2000, 300));
    assert!(matches!(error, CompileError::Cpu(_)), "{error}");
    assert_eq!(processes(limits.memory), [""; 0], "it is gone");
}

#[test]
fn limit_compile_memory_ends_the_process_and_says_so() {
    // The program's allocator reserves 1 GiB of addresses before it is asked for anything.
    let limits = CompileLimits { memory: 1200 << 20, ..CompileLimits::default() };
    let error = compile(child(limits), &endless(1, 100_000));
    assert!(matches!(error, CompileError::Memory(_)), "{error}");
    assert!(error.to_string().starts_with("compiling it takes more than 1200 MiB of memory"), "{error}");
}

#[test]
fn limit_compiled_more_code_is_not_taken() {
    let limits = CompileLimits { code: 1000, ..CompileLimits::default() };
    let error = compile(child(limits), &small());
    assert!(matches!(error, CompileError::Code(1000)), "{error}");
    let endless = ChildProcess::new("/bin/sh", ["-c", "exec yes"]);
    let error = compile(endless.limited(CompileLimits { code: 1 << 20, ..limits }), &small());
    assert!(matches!(error, CompileError::Code(_)), "{error}");
}

#[test]
fn a_compiler_that_crashes_is_told_in_one_bounded_line() {
    let script = "head -c 5000 /dev/zero | tr '\\0' x >&2; printf '\\033[2J\\n' >&2; kill -SEGV $$";
    let error = compile(ChildProcess::new("/bin/sh", ["-c", script]), &small());
    let CompileError::Crashed(text) = error else { panic!("{error}") };
    assert!(text.contains("signal: 11") && text.len() < 700 && !text.contains(char::is_control), "{text:?}");
}

#[test]
fn the_process_gets_no_variable_and_no_file_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let _open = fs::File::create(folder.path().join("open-in-the-host")).unwrap();
    let script = "pwd >&2; env | cut -d= -f1 | sort >&2; ls -l /proc/self/fd | grep -c open-in-the-host >&2; exit 9";
    let error = compile(ChildProcess::new("/bin/sh", ["-c", script]), &small());
    let CompileError::Crashed(text) = error else { panic!("{error}") };
    // Those that the shell sets by itself are not of the host.
    let words: Vec<_> =
        text.split([',', ' ', ':']).filter(|word| !["", "PWD", "SHLVL", "_", "OLDPWD"].contains(word)).collect();
    assert_eq!(words, ["exit", "status", "9", "/", "RAYON_NUM_THREADS", "0"], "{text}");
}

#[test]
fn the_process_has_its_limits_before_it_reads() {
    let mut process = Command::new(PROGRAM)
        .args(["compile-component", "--memory", "1000000000", "--cpu", "7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // It waits for its input, with the limits set.
    let path = format!("/proc/{}/limits", process.id());
    let limits = loop {
        let limits = fs::read_to_string(&path).unwrap();
        if limits.contains("1000000000") {
            break limits;
        }
        assert!(process.try_wait().unwrap().is_none(), "it ended: {limits}");
        std::thread::yield_now();
    };
    for (name, soft) in [
        ("address space", "1000000000"),
        ("cpu time", "7"),
        ("file size", "0"),
        ("core file size", "0"),
        ("open files", "16"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(&format!("Max {name}"))).unwrap();
        assert_eq!(line.trim_start_matches(&format!("Max {name}")).split_whitespace().next(), Some(soft), "{line}");
    }
    drop(process.stdin.take());
    assert_eq!(process.wait().unwrap().code(), Some(3), "nothing is no component");
}
