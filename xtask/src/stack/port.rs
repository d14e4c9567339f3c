//! The port that the portal listens on.
//!
//! Seconds pass between the choice of a free port and wrangler listening on it. Another stack that
//! chose the same port would talk to the wrong portal, so a lock reserves a port while the stack
//! runs.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::files;
use crate::lock::Lock;
use crate::progress;

/// Number of free ports that are tried.
const MAX_ATTEMPTS: usize = 20;

/// The wanted port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Any free one.
    Free,
    /// This one, or any free one if it is taken.
    Preferred(u16),
    /// This one.
    Fixed(u16),
}

/// A port that nothing listens on and no other stack takes; released on drop.
#[derive(Debug)]
pub struct ReservedPort {
    /// Its number.
    pub number: u16,
    _lock: Lock,
}

impl ReservedPort {
    /// The address of what listens on it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.number)
    }

    /// Reserves a port.
    ///
    /// # Errors
    /// A fixed port that is taken or not allowed, and a machine without free ports.
    pub fn take(wish: Port) -> Result<Self> {
        let folder = files::cache()?.join("ports");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Self::take_in(&folder, wish)
    }

    fn take_in(folder: &Path, wish: Port) -> Result<Self> {
        match wish {
            Port::Fixed(port) => match Self::try_reserve(folder, port)? {
                Some(reserved) => Ok(reserved),
                None => bail!(
                    "port {port} is taken: choose another with --port N, or any free one with \
                     --port 0"
                ),
            },
            Port::Preferred(port) => {
                if let Some(reserved) = Self::try_reserve(folder, port)? {
                    return Ok(reserved);
                }
                progress::note(&format!("port {port} is taken; taking a free one"));
                Self::take_in(folder, Port::Free)
            }
            Port::Free => {
                for _ in 0..MAX_ATTEMPTS {
                    if let Some(reserved) = Self::try_reserve(folder, 0)? {
                        return Ok(reserved);
                    }
                }
                bail!("no port is free on 127.0.0.1")
            }
        }
    }

    /// Reserves a port, 0 for any free one; `None` if it is taken.
    fn try_reserve(folder: &Path, port: u16) -> Result<Option<Self>> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                bail!("port {port} is not allowed: choose one from 1024 on with --port N")
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot listen on port {port}"));
            }
        };
        let number = listener.local_addr()?.port();
        let lock = Lock::try_take(&folder.join(format!("{number}.lock")))?;
        Ok(lock.map(|lock| Self { number, _lock: lock }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::TemporaryFolder;

    #[test]
    fn ok_a_reserved_port_is_taken_before_anything_listens() -> Result<()> {
        let folder = TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let take = |wish| ReservedPort::take_in(folder.path(), wish);
        let first = take(Port::Free)?;
        let error = take(Port::Fixed(first.number)).expect_err("reserved").to_string();
        assert!(error.contains("is taken: choose another"), "{error}");
        assert_ne!(take(Port::Preferred(first.number))?.number, first.number);
        Ok(())
    }

    #[test]
    fn err_something_listens() -> Result<()> {
        let folder = TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        assert!(
            ReservedPort::take_in(folder.path(), Port::Fixed(listener.local_addr()?.port()))
                .is_err()
        );
        Ok(())
    }
}
