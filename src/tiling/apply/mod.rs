//! Makes the graph of a tiling: an ordinary graph, and the origin of each of its tensors and operators.
//!
//! | part of the tiling | in the graph |
//! | --- | --- |
//! | operator of a region, in one stripe | an operator that reads and writes parts of tensors |
//! | exit: a tensor that is read after its region | one part for each stripe, each at its place in the tensor, and a `Join` that does nothing |
//! | entry that dies in the region | a `Split` that does nothing, and parts that die one after the other |
//! | carried rows | a `Carry` that moves the last rows of a tile to its start; the next stripe's rows follow them. Nothing moves while all rows are needed |
//!
//! Parts lie where the tensor has these rows ([`RelativePlacement`](crate::RelativePlacement)), so joins and
//! splits cost nothing at any level of sharing.

mod graph_maker;
mod region_maker;
mod region_reads;

use graph_maker::{TiledGraphMaker, invalid};
use region_maker::RegionMaker;

use super::region::Tiling;
use super::tiled_graph::TiledGraph;
use crate::error::Result;
use crate::graph::Graph;

/// Makes the graph of a tiling. O(stripes x (operators + edges)).
///
/// # Errors
/// [`Error::Tiling`](crate::Error::Tiling) if the tiling does not belong to the graph, or if a tile reads rows that do not
/// exist when it runs; errors of [`GraphBuilder::build`](crate::GraphBuilder::build).
pub fn apply(graph: &Graph, tiling: &Tiling) -> Result<TiledGraph> {
    graph.check_order(&tiling.order)?;
    let mut maker = TiledGraphMaker::new(graph, tiling)?;
    let mut position = 0;
    let mut regions = tiling.regions.iter().enumerate().peekable();
    while position < tiling.order.len() {
        let id = tiling.order[position];
        let next = regions.next_if(|(_, region)| region.operators.first() == Some(&id));
        match next {
            None => {
                maker.whole_operator(id)?;
                position += 1;
            }
            Some((number, region)) => {
                let end = position + region.operators.len();
                if tiling.order.get(position..end) != Some(region.operators.as_slice()) {
                    return Err(invalid(format!(
                        "the operators of region {number} are not consecutive in the order"
                    )));
                }
                RegionMaker::new(&mut maker, number, region)?.run()?;
                position = end;
            }
        }
    }
    if let Some((number, _)) = regions.next() {
        return Err(invalid(format!(
            "region {number} does not start where it is in the order, or overlaps another"
        )));
    }
    maker.finish()
}
