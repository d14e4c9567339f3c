//! The session keys in the isolate's memory.

use std::cell::RefCell;
use std::rc::Rc;

use super::session_keys::{SessionKeys, SessionKeysError};
use crate::ports::Ports;

/// The isolate's memory of session keys. Sessions themselves are never remembered.
#[derive(Default)]
pub struct SessionMemory(RefCell<Option<Rc<SessionKeys>>>);

impl SessionMemory {
    /// The session keys, read from the secrets once: secrets change with a deployment only.
    ///
    /// # Errors
    /// [`SessionKeysError`] where a secret is missing or malformed.
    pub fn keys(&self, ports: &Ports) -> Result<Rc<SessionKeys>, SessionKeysError> {
        if let Some(keys) = self.0.borrow().as_ref() {
            return Ok(Rc::clone(keys));
        }
        let keys = Rc::new(SessionKeys::parse(ports.secrets.as_ref())?);
        *self.0.borrow_mut() = Some(Rc::clone(&keys));
        Ok(keys)
    }
}
