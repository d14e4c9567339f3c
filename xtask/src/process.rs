//! Other programs: started in process groups of their own, so that ending one ends everything that
//! it started.
//!
//! Owns signals: Ctrl-C, SIGTERM and SIGHUP set a flag; whatever waits here notices it within
//! moments, ends what it started and returns [`Interrupted`]. A second signal ends this process at
//! once.

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
/// How long a program may take to end by itself.
const GRACE: Duration = Duration::from_secs(4);
/// How long the rest of its group may take after it.
const GROUP_GRACE: Duration = Duration::from_millis(150);

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The person asked to stop.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Interrupted {}

/// Starts listening for signals.
///
/// # Errors
/// Where the system does not let us.
pub fn listen_for_signals() -> Result<()> {
    let stop = STOP.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}

/// # Errors
/// [`Interrupted`] once a signal has arrived.
pub fn check_interrupted() -> Result<()> {
    if STOP.get().is_some_and(|stop| stop.load(Ordering::SeqCst)) {
        bail!(Interrupted);
    }
    Ok(())
}

/// Waits a moment, for loops that watch something.
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
    /// Where it cannot be started, and [`Interrupted`] once a signal has arrived: nothing new
    /// starts then.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        check_interrupted()?;
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, ended: false })
    }

    /// Its standard output, where it was piped.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard input, where it was piped.
    pub fn take_stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// Where the system cannot tell.
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

    /// Asks it to end, so that several can do so at the same time.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // An error means that the group is gone, which is what we want.
            let _ = kill_process_group(group, signal);
        }
    }

    fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.ask_to_end();
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < GRACE {
            thread::sleep(POLL);
        }
        if asked.elapsed() >= GRACE {
            crate::progress::note(&format!("{} did not end when asked; ending it", self.name));
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

/// Where a program's output goes.
#[derive(Debug, Clone, Copy)]
pub enum Output<'a> {
    /// To a file; its end is shown where the program fails.
    Log(&'a Path),
    /// To standard output as it comes, and to a file.
    Tee(&'a Path),
    /// To wherever ours goes.
    Inherit,
}

/// Runs a program to its end.
///
/// # Errors
/// Where it cannot be started or fails (the message then has the end of its log, or
/// [`Interrupted`].
pub fn run(name: &str, command: &mut Command, output: Output<'_>) -> Result<()> {
    command.stdin(Stdio::null());
    let status = match output {
        Output::Inherit => Running::start(name, command)?.wait()?,
        Output::Log(path) => {
            let file = create(path)?;
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
    let mut file = create(path)?;
    let (mut reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let running = Running::start(name, command)?;
    // The command still holds our ends of the pipe; without this the reader would never see its
    // end.
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

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// Where it cannot be started or fails; the message then has what it said.
pub fn run_for_output(name: &str, command: &mut Command) -> Result<String> {
    run_with_input(name, command, None)
}

/// The same with a text on its standard input: what arguments would show to everybody on the
/// machine.
///
/// # Errors
/// Where it cannot be started or fails; the message then has what it said.
pub fn run_with_input(name: &str, command: &mut Command, input: Option<&str>) -> Result<String> {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(name, command)?;
    let stderr = running.child.stderr.take().map(drain);
    let stdout = running.take_stdout().map(drain);
    if let (Some(mut stdin), Some(input)) = (running.take_stdin(), input) {
        // Where it has ended already its status says why, and not the broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let status = running.wait()?;
    let text = |thread: Option<thread::JoinHandle<Vec<u8>>>| {
        let bytes = thread.and_then(|thread| thread.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
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

fn drain(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// The program of that name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// PATH with a folder before the others.
///
/// # Errors
/// Where the folder's name cannot be part of PATH.
pub fn path_with(first: &Path) -> Result<std::ffi::OsString> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_owned()).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).context("PATH")
}

/// The last lines of a file.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

/// A command that runs in the checkout.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::files::root());
    command
}

fn create(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}
