//! What an isolate remembers of its origins between requests: plain data with an age. No future, lock or promise is in it, so that
//! no request ever waits for another one's input or output.

use std::cell::RefCell;
use std::rc::Rc;

use crate::origin::Tokens;

/// A handle on what the isolate remembers; cloning it is cheap and gives the same memory.
#[derive(Clone, Default)]
pub struct Memory(Rc<State>);

#[derive(Default)]
struct State {
    _origins: RefCell<()>,
    tokens: Tokens,
}

impl Memory {
    /// The tokens that origins' token endpoints gave.
    pub(super) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }
}
