//! How much room a coroutine has.

/// Size of a coroutine's stack, in words of the machine: 256 KiB where a word is 8 bytes.
const STACK_WORDS: usize = 0x8000;

/// Gives coroutines a stack that stores can work on, unless it is that large already.
///
/// may's own default is 32 KiB, and a coroutine that needs more ends or hangs its process. In a
/// debug build, a request takes 31 KiB with the memory store, and more with one that talks to a
/// server; in a release build, 8 to 15. A handler's own needs come on top. The larger stack costs
/// address space, not memory: pages that are never touched are never there.
///
/// [`WithSessions::start`](crate::WithSessions::start) calls this. A program that begins coroutines
/// before that calls it first of all, since those that may has pooled by then keep the stack they
/// have.
pub fn raise_stack_size() {
    let config = may::config();
    if config.get_stack_size() < STACK_WORDS {
        config.set_stack_size(STACK_WORDS);
    }
}
