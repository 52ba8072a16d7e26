#[global_allocator]
static ALLOCATOR: harness::allocations::Counting = harness::allocations::Counting;

fn main() {
    ours::main();
}
