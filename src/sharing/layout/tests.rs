//! What is shared all at once is what is shared one after the other.

use super::*;
use crate::graph::{GraphBuilder, TensorSpec};
use crate::liveness::Liveness;
use crate::occupant::Variables;
use crate::sharing::live_ranges;

/// Concatenations of what was made before: some of it twice, of other concatenations, still
/// needed later, or needed by the caller.
fn drawn(seed: u64) -> Graph {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut below = move |count: usize| random.usize(..count);
    let mut net: GraphBuilder = Graph::builder("drawn");
    let mut made = vec![(net.input("x", TensorSpec::bytes(2)), 2)];
    for number in 0..14 {
        let is_concat = number % 3 == 2;
        let read: Vec<(TensorId, u64)> = if is_concat {
            (0..2 + below(9)).map(|_| made[made.len() - 1 - below(made.len().min(12))]).collect()
        } else {
            vec![made[below(made.len())]]
        };
        let bytes = if is_concat { read.iter().map(|one| one.1).sum() } else { 1 + below(3) as u64 };
        let output = net.tensor(format!("t{number}"), TensorSpec::bytes(bytes));
        let operator =
            net.operator(format!("op{number}")).reads(read.iter().map(|one| one.0)).writes([output]);
        if is_concat {
            let mut at = 0;
            read.iter().fold(operator, |operator, &(input, bytes)| {
                at += bytes;
                operator.piece(input, output, at - bytes)
            });
        }
        if below(8) == 0 {
            net.output(output);
        }
        made.push((output, bytes));
    }
    net.build().expect("a network")
}

#[test]
fn at_once_is_as_one_by_one() {
    let (mut all, mut some) = (0, 0);
    for seed in 0..3000 {
        let graph = drawn(seed);
        let order = graph.file_order();
        let liveness = Liveness::new(&graph, order, 1, Variables::Arena).expect("a right order");
        let live = live_ranges(&graph, &liveness);
        let contents = Contents::new(&graph, 1, Sharing::All);
        let making = || Making::new(&graph, &contents, &live, 1, Sharing::All).expect("nothing is forced");
        let (mut at_once, mut singly) = (making(), making());
        at_once.grant(order, Wish { in_place: false, ..Wish::variants(Sharing::All)[0] });
        for &relation in &contents.relations {
            singly.tie(&[relation]);
        }
        let (mut at_once, mut singly) = (at_once.finish(), singly.finish());
        for layout in [&mut at_once, &mut singly] {
            sort_by_keys(&mut layout.shares, |share| [share.of.index() as u64, share.at]);
        }
        assert_eq!(at_once.shares, singly.shares, "seed {seed}");
        assert_eq!(at_once.place, singly.place, "seed {seed}");
        let wanted = contents.relations.len();
        all += usize::from(wanted > 2 && singly.shares.len() == wanted);
        some += usize::from((1..wanted).contains(&singly.shares.len()));
    }
    assert!(all > 50 && some > 2000, "all of {all}, some of {some}");
}
