//! Random sequences of calls, checked against a map of records in which each commit is
//! [`Record::apply`](sessions_store::Record::apply).

mod sequence;
mod world;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::subject::Subject;
use sequence::Step;
use world::World;

/// Number of sequences, each of up to [`sequence::LONGEST`] steps.
///
/// A store that waits for its disk runs these in a second or two.
const SEQUENCES: usize = 32;

/// Maximum number of smaller sequences to try after a failure.
const MOST_TRIES: usize = 2000;

/// Checks sequences of calls on a few sessions against a model.
///
/// A failing sequence is reduced to the steps that are needed to fail. The sequences are the same
/// in every run.
pub async fn any_sequence_of_calls_matches_the_model(subject: &Subject) {
    let mut runner = TestRunner::deterministic();
    let strategy = sequence::sequence();
    for _ in 0..SEQUENCES {
        let mut tree = strategy.new_tree(&mut runner).expect("no sequence is filtered out");
        if let Err(why) = World::play(subject, &tree.current()).await {
            let (steps, why) = smallest(subject, &mut tree, why).await;
            panic!("{why}\nin this sequence, the shortest of those that were tried:\n{}", listed(&steps));
        }
    }
}

/// Reduces a failing sequence. Returns the smallest that still fails, and why.
async fn smallest(subject: &Subject, tree: &mut impl ValueTree<Value = Vec<Step>>, why: String) -> (Vec<Step>, String) {
    let mut smallest = (tree.current(), why);
    let mut goes_on = tree.simplify();
    for _ in 0..MOST_TRIES {
        if !goes_on {
            break;
        }
        let steps = tree.current();
        goes_on = match World::play(subject, &steps).await {
            Err(why) => {
                smallest = (steps, why);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
    }
    smallest
}

fn listed(steps: &[Step]) -> String {
    let lines = steps.iter().enumerate().map(|(number, step)| format!("{number:>4}  {step:?}\n"));
    lines.collect()
}
