//! Limits of a session, also with many concurrent writes.

use sessions_tests::scenarios::limits;
use sessions_tests::{Framework, Server, in_every_framework};

in_every_framework! {
    parallel_large_writes_respect_the_size_limit,
    parallel_small_writes_respect_the_key_limit,
    a_flood_of_large_writes_blocks_nobody_else,
    a_long_principal_is_refused,
}

fn parallel_large_writes_respect_the_size_limit(framework: Framework) {
    limits::parallel_large_writes_respect_the_size_limit(&Server::start(framework));
}

fn parallel_small_writes_respect_the_key_limit(framework: Framework) {
    limits::parallel_small_writes_respect_the_key_limit(&Server::start(framework));
}

fn a_flood_of_large_writes_blocks_nobody_else(framework: Framework) {
    limits::a_flood_of_large_writes_blocks_nobody_else(&Server::start(framework), 600);
}

fn a_long_principal_is_refused(framework: Framework) {
    limits::a_long_principal_is_refused(&Server::start(framework));
}
