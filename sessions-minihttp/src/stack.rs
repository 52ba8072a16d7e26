//! The stack size of coroutines.

/// Stack size of a coroutine in machine words: 256 KiB with 8-byte words.
const STACK_WORDS: usize = 0x8000;

/// Raises the stack size of coroutines to what stores need, unless it is already larger.
///
/// may's default is 32 KiB, and a coroutine that needs more crashes or hangs the process. In a
/// debug build, a request takes 31 KiB with the memory store and more with a store that talks to a
/// server; in a release build, 8 to 15 KiB. The handler's own needs come on top. The larger stack
/// costs address space, not memory: untouched pages are never allocated.
///
/// [`WithSessions::start`](crate::WithSessions::start) calls this. A program that starts coroutines
/// earlier must call it first, because may pools coroutines and those keep the stack they have.
pub fn raise_stack_size() {
    let config = may::config();
    if config.get_stack_size() < STACK_WORDS {
        config.set_stack_size(STACK_WORDS);
    }
}
