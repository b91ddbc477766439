//! The host's side of the process that compiles.
//!
//! Nothing that the process does keeps the host waiting beyond the limit of time: its pipes are never
//! waited for alone, how much is taken from them is bounded, and it is killed and reaped however this
//! ends.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use hodhod_core::limits::{COMPILE_CPU, COMPILE_MEMORY, COMPILE_TIME, COMPILED};
use hodhod_core::text::clean;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::CompileError;
use super::child::{NOT_A_COMPONENT, OUT_OF_MEMORY};

/// Bytes of standard error that are looked at.
const WORDS: usize = 4 << 10;

/// Threads that one compilation may use.
const THREADS: usize = 4;

/// How often a process is looked after that has closed its pipes and not ended yet.
const ENDING: Duration = Duration::from_millis(1);

/// What compiling one component may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of address space of the process.
    pub memory: u64,
    /// Processor time of the process; counted in whole seconds.
    pub cpu: Duration,
    /// Time from start to end.
    pub time: Duration,
    /// Bytes of the code.
    pub code: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory: COMPILE_MEMORY,
            cpu: Duration::from_millis(COMPILE_CPU),
            time: Duration::from_millis(COMPILE_TIME),
            code: COMPILED,
        }
    }
}

/// A program that compiles components, one in each process.
#[derive(Clone, Debug)]
pub struct ChildProcess {
    program: PathBuf,
    arguments: Vec<OsString>,
    limits: CompileLimits,
}

impl ChildProcess {
    /// A program which calls [`compile_child`](super::compile_child) with what it is given as
    /// `--memory BYTES --cpu SECONDS` after these arguments. It has to be the program that runs, or one
    /// that is trusted as much: the code that it gives is run.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.into(), arguments, limits: CompileLimits::default() }
    }

    /// Other limits.
    #[must_use]
    pub fn limited(self, limits: CompileLimits) -> Self {
        Self { limits, ..self }
    }

    /// Compiles a component and waits for it.
    pub(super) fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let deadline = Instant::now() + self.limits.time;
        let mut process = Process(self.command().spawn()?);
        let mut pipes = Pipes::of(&mut process.0, component)?;
        while pipes.are_open() {
            pipes.pass(&self.limits)?;
            pipes.wait(self.left(deadline)?)?;
        }
        let status = loop {
            match process.0.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(ENDING.min(self.left(deadline)?)),
            }
        };
        self.outcome(status, pipes.code, &String::from_utf8_lossy(&pipes.words))
    }

    fn command(&self) -> Command {
        // One processor is left to turns: what they share with a compiler, such as caches, has no priority.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).clamp(1, THREADS);
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg("--memory")
            .arg(self.limits.memory.to_string())
            .arg("--cpu")
            .arg(self.limits.cpu.as_millis().div_ceil(1000).max(1).to_string())
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What interrupts the host at a terminal is not for it, and it can be ended as a whole.
            .process_group(0);
        command
    }

    fn left(&self, deadline: Instant) -> Result<Duration, CompileError> {
        deadline
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
            .ok_or(CompileError::Time(self.limits.time))
    }

    fn outcome(&self, status: ExitStatus, code: Vec<u8>, words: &str) -> Result<Vec<u8>, CompileError> {
        if status.success() {
            return Ok(code);
        }
        let words = words.trim();
        if status.code() == Some(NOT_A_COMPONENT.into()) {
            return Err(CompileError::NotAComponent(clean(words, 600)));
        }
        if status.signal() == Some(Signal::XCPU.as_raw()) {
            return Err(CompileError::Cpu(self.limits.cpu));
        }
        // In these words Rust ends a process that gets no memory.
        if status.code() == Some(OUT_OF_MEMORY.into()) || words.contains("memory allocation of ") {
            return Err(CompileError::Memory(self.limits.memory));
        }
        Err(CompileError::Crashed(clean(&format!("{status}: {}", words.replace('\n', ", ")), 600)))
    }
}

/// A process that is gone when this is.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Not reaped yet, so its number is still its own. A child that has ended cannot be killed.
        if let Ok(None) = self.0.try_wait() {
            let _ended = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _reaped = self.0.wait();
        }
    }
}

/// What goes into the process and comes out of it; none of it ever blocks.
struct Pipes<'a> {
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    rest: &'a [u8],
    code: Vec<u8>,
    words: Vec<u8>,
}

impl<'a> Pipes<'a> {
    fn of(process: &mut Child, component: &'a [u8]) -> io::Result<Self> {
        let (input, output, errors) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let all = [input.as_ref().map(AsFd::as_fd), output.as_ref().map(AsFd::as_fd), errors.as_ref().map(AsFd::as_fd)];
        for pipe in all.into_iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Self { input, output, errors, rest: component, code: Vec::new(), words: Vec::new() })
    }

    /// True until the process has said all.
    fn are_open(&self) -> bool {
        self.output.is_some() || self.errors.is_some()
    }

    /// Passes on what can be without waiting, at most one buffer in each direction.
    fn pass(&mut self, limits: &CompileLimits) -> Result<(), CompileError> {
        if let Some(input) = &mut self.input {
            match write(input, self.rest) {
                Some(written) if written < self.rest.len() => self.rest = &self.rest[written..],
                // All is said, or nobody listens: how the process ends says why.
                _ => self.input = None,
            }
        }
        if !read(&mut self.output, &mut self.code, usize::MAX)? {
            self.output = None;
        }
        if self.code.len() as u64 > limits.code {
            return Err(CompileError::Code(limits.code));
        }
        if !read(&mut self.errors, &mut self.words, WORDS)? {
            self.errors = None;
        }
        Ok(())
    }

    /// Waits until something can be passed on.
    fn wait(&self, longest: Duration) -> io::Result<()> {
        let mut pipes: Vec<_> = [
            self.input.as_ref().map(|pipe| polled(pipe.as_fd(), PollFlags::OUT)),
            self.output.as_ref().map(|pipe| polled(pipe.as_fd(), PollFlags::IN)),
            self.errors.as_ref().map(|pipe| polled(pipe.as_fd(), PollFlags::IN)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if pipes.is_empty() {
            return Ok(());
        }
        let longest = Timespec { tv_sec: longest.as_secs().cast_signed(), tv_nsec: longest.subsec_nanos().into() };
        match poll(&mut pipes, Some(&longest)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn polled(pipe: BorrowedFd<'_>, flags: PollFlags) -> PollFd<'_> {
    PollFd::from_borrowed_fd(pipe, flags)
}

/// How much was written; `None` if nobody reads.
fn write(pipe: &mut ChildStdin, bytes: &[u8]) -> Option<usize> {
    match pipe.write(bytes) {
        Ok(written) => Some(written),
        Err(error) if is_for_later(&error) => Some(0),
        Err(_) => None,
    }
}

/// Reads once; of what came, keeps so much that `kept` has at most `most` bytes. False at the end.
fn read(pipe: &mut Option<impl Read>, kept: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(false) };
    let mut buffer = [0; 64 << 10];
    match pipe.read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(count) => {
            let room = most.saturating_sub(kept.len());
            kept.extend(buffer.iter().take(count.min(room)));
            Ok(true)
        }
        Err(error) if is_for_later(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
