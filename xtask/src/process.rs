//! Child processes, each in a process group of its own, so that ending one ends everything that it
//! started.
//!
//! Owns signals: Ctrl-C, SIGTERM and SIGHUP set a flag. Functions that wait poll it, end their
//! child process and return [`Interrupted`]. A second signal ends this process at once.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const POLL: Duration = Duration::from_millis(20);
/// Time limit for a program to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(4);
/// Time limit for the rest of its group after it.
const GROUP_GRACE: Duration = Duration::from_millis(150);

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The error of a command that a signal ended.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Interrupted {}

/// Installs the signal handlers.
///
/// # Errors
/// A refusal of the system.
pub fn listen_for_signals() -> Result<()> {
    let stop = STOP.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}

/// Checks the flag that signals set.
///
/// # Errors
/// [`Interrupted`] once a signal has arrived.
pub fn check_interrupted() -> Result<()> {
    if STOP.get().is_some_and(|stop| stop.load(Ordering::SeqCst)) {
        bail!(Interrupted);
    }
    Ok(())
}

/// Waits a moment, in a loop that polls.
///
/// # Errors
/// [`Interrupted`] once a signal has arrived.
pub fn pause() -> Result<()> {
    thread::sleep(POLL);
    check_interrupted()
}

/// Waits for a time.
///
/// # Errors
/// [`Interrupted`] once a signal has arrived.
pub fn wait(duration: Duration) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < duration {
        pause()?;
    }
    Ok(())
}

/// A running program and everything it starts; ended when dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: std::process::Child,
    ended: bool,
}

impl Running {
    /// Starts a program in a process group of its own.
    ///
    /// # Errors
    /// A program that cannot be started, and [`Interrupted`] once a signal has arrived: nothing new
    /// starts then.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        check_interrupted()?;
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, ended: false })
    }

    /// Takes its standard output, if it was piped.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Takes its standard input, if it was piped.
    pub fn take_stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Returns its exit status, `None` while it runs.
    ///
    /// # Errors
    /// A failure of the system call.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// [`Interrupted`]; the program is then ended too.
    pub fn wait(mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            pause()?;
        }
    }

    /// Sends SIGTERM to its group.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The only error is that the group is gone already.
            let _ = kill_process_group(group, signal);
        }
    }

    fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.terminate();
        let terminated = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && terminated.elapsed() < GRACE {
            thread::sleep(POLL);
        }
        if terminated.elapsed() >= GRACE {
            crate::progress::note(&format!("{} did not end in time; killing it", self.name));
        } else {
            thread::sleep(GROUP_GRACE);
        }
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The destination of a program's output.
#[derive(Debug, Clone, Copy)]
pub enum Output<'a> {
    /// A file, whose end is printed if the program fails.
    Log(&'a Path),
    /// Standard output as it comes, and a file.
    Tee(&'a Path),
    /// The output of this process.
    Inherit,
}

/// Runs a program to its end.
///
/// # Errors
/// A program that cannot be started, one that fails (the message has the end of its log), and
/// [`Interrupted`].
pub fn run(name: &str, command: &mut Command, output: Output<'_>) -> Result<()> {
    command.stdin(Stdio::null());
    let status = match output {
        Output::Inherit => Running::start(name, command)?.wait()?,
        Output::Log(path) => {
            let file = create_log(path)?;
            command.stdout(file.try_clone()?).stderr(file);
            Running::start(name, command)?.wait()?
        }
        Output::Tee(path) => run_tee(name, command, path)?,
    };
    if status.success() {
        return Ok(());
    }
    match output {
        Output::Log(path) => {
            bail!("{name} failed ({status}); the end of {}:\n{}", path.display(), tail(path, 40))
        }
        Output::Tee(path) => {
            bail!("{name} failed ({status}); all of its output is in {}", path.display())
        }
        Output::Inherit => bail!("{name} failed ({status})"),
    }
}

fn run_tee(name: &str, command: &mut Command, path: &Path) -> Result<ExitStatus> {
    let mut file = create_log(path)?;
    let (mut reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let running = Running::start(name, command)?;
    // The command still holds the pipe's writing end, without whose closing the reader never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let copy = thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            let Some(bytes) = buffer.get(..read) else { break };
            let _ = std::io::stdout().write_all(bytes);
            let _ = std::io::stdout().flush();
            let _ = file.write_all(bytes);
        }
    });
    let status = running.wait()?;
    let _ = copy.join();
    Ok(status)
}

/// Runs a program to its end; returns its standard output.
///
/// # Errors
/// A program that cannot be started or fails; the message has its output.
pub fn run_for_output(name: &str, command: &mut Command) -> Result<String> {
    run_with_input(name, command, None)
}

/// Runs a program with a text on its standard input; returns its standard output. Arguments would
/// show the text to everybody on the machine.
///
/// # Errors
/// A program that cannot be started or fails; the message has its output.
pub fn run_with_input(name: &str, command: &mut Command, input: Option<&str>) -> Result<String> {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(name, command)?;
    let stderr = running.child.stderr.take().map(read_in_background);
    let stdout = running.take_stdout().map(read_in_background);
    if let (Some(mut stdin), Some(input)) = (running.take_stdin(), input) {
        // A failed program's status tells more than the broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let status = running.wait()?;
    let text = |thread: Option<thread::JoinHandle<Vec<u8>>>| {
        let bytes = thread.and_then(|thread| thread.join().ok());
        let bytes = bytes.with_context(|| format!("the output of {name} is lost"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (stdout, stderr): (Result<String>, Result<String>) = (text(stdout), text(stderr));
    let (stdout, stderr) = (stdout?, stderr?);
    if !status.success() {
        bail!("{name} failed ({status}): {}{}", stderr.trim(), stdout.trim());
    }
    Ok(stdout)
}

/// Returns the value of a result, `None` for an error, so that the caller can try another way.
///
/// # Errors
/// [`Interrupted`] only: an interrupted program proves nothing about what is installed.
pub fn ok_unless_interrupted<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(_) => Ok(None),
    }
}

fn read_in_background(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// Finds a program on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Returns PATH with a folder before the others.
///
/// # Errors
/// A folder whose name cannot be part of PATH.
pub fn path_with(first: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH");
    let rest = path.iter().flat_map(std::env::split_paths);
    std::env::join_paths(std::iter::once(first.to_owned()).chain(rest)).context("PATH")
}

/// Reads the last lines of a log file, for the message of another error.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return format!("(cannot read {}: {error})", path.display()),
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut last: Vec<&str> = text.lines().rev().take(lines).collect();
    last.reverse();
    last.join("\n")
}

/// Prepares a command that runs in the checkout.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::files::root());
    command
}

fn create_log(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}
