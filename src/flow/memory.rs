//! What an isolate remembers of its origins between requests: plain data with an age. No future, lock or promise is in it, so that
//! no request ever waits for another one's input or output.

use std::cell::RefCell;
use std::rc::Rc;

/// A handle on what the isolate remembers; cloning it is cheap and gives the same memory.
#[derive(Clone, Default)]
pub struct Memory(#[expect(dead_code, reason = "filled by the next change")] Rc<State>);

#[derive(Default)]
struct State {
    _origins: RefCell<()>,
}
