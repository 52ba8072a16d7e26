//! What one session may hold, however many requests write to it at once.

use sessions_tests::scenarios::limits;
use sessions_tests::{Framework, Server, in_every_framework};

in_every_framework! {
    parallel_large_writes_stay_within_the_bytes,
    parallel_small_writes_stay_within_the_keys,
    a_flood_of_large_writes_costs_others_nothing,
    a_long_principal_is_refused,
}

fn parallel_large_writes_stay_within_the_bytes(framework: Framework) {
    limits::parallel_large_writes_stay_within_the_bytes(&Server::start(framework));
}

fn parallel_small_writes_stay_within_the_keys(framework: Framework) {
    limits::parallel_small_writes_stay_within_the_keys(&Server::start(framework));
}

fn a_flood_of_large_writes_costs_others_nothing(framework: Framework) {
    limits::a_flood_of_large_writes_costs_others_nothing(&Server::start(framework), 600);
}

fn a_long_principal_is_refused(framework: Framework) {
    limits::a_long_principal_is_refused(&Server::start(framework));
}
