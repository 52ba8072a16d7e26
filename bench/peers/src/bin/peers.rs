fn main() {
    peers::main();
}
