//! Random tilings in several memories: each placement of a tiled graph passes the replay of its bytes.

use super::{Draws, random_graph, random_tiling};
use crate::graph::{Pool, Pools};
use crate::support::ids::OperatorId;
use crate::support::limits::Limits;
use crate::tiling::apply::apply;
use crate::verify::verify_pools;
use crate::{Error, Planner, SharingLevel};

#[test]
fn random_tilings_are_placed_in_two_memories() {
    let (limits, mut moved) = (Limits::new().nodes(2_000), 0);
    for seed in 0..60 {
        let mut draws = Draws::new(seed);
        let graph = random_graph(&mut draws, true);
        let tiled = apply(&graph, &random_tiling(&graph, &mut draws)).unwrap().graph;
        let pools = Pools::new([Pool::on_chip("sram", 20 + draws.below(60)), Pool::off_chip("ddr")]).unwrap();
        let level = [SharingLevel::None, SharingLevel::Views, SharingLevel::All][seed as usize % 3];
        let order: Vec<OperatorId> = tiled.program_order().to_vec();
        match Planner::new()
            .alignment(1)
            .share(level)
            .limits(limits.clone())
            .place_in_order(&tiled, &order, &pools)
        {
            Err(Error::DoesNotFit(_)) => {}
            Err(error) => panic!("seed {seed}: {error}"),
            Ok(plan) => {
                assert_eq!(verify_pools(&tiled, &plan), Ok(()), "seed {seed}");
                moved += usize::from(!plan.transfers.is_empty());
            }
        }
    }
    assert!(moved > 10, "{moved} plans copy tensors");
}
