//! The search against all tilings of the family, on small random graphs.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Draws, random_graph};
use crate::graph::{Graph, TensorKind};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::Limits;
use crate::tiling::apply::apply;
use crate::tiling::cost::{Estimator, Most, Sample};
use crate::tiling::measure::Measure;
use crate::tiling::ordered_graph::{AxisChoice, OrderedGraph};
use crate::tiling::region::{Region, Tiling};
use crate::tiling::rows::Tiles;
use crate::tiling::search::TilingSearch;
use crate::tiling::segment::TilingSegment;
use crate::tiling::segment_cuts::{Halos, cut, stripe_counts};
use crate::tiling::tiled_graph::{OperatorOrigin, TiledGraph};
use crate::verify::verify_tiling;

/// A segment with a cut, and its memory and extra cost.
struct SegmentChoice {
    span: Range<u32>,
    region: Region,
    bytes: u64,
    extra: u64,
}

/// All segments of a graph with all cuts of the family.
fn choices(net: &OrderedGraph<'_>, measure: Measure) -> Vec<SegmentChoice> {
    let (count, between) = (net.order.len() as u32, net.loads().1);
    let mut all = Vec::new();
    for span in (0..count).flat_map(|start| (start + 1..=count).map(move |end| start..end)) {
        let Some(segment) = TilingSegment::new(net, span.clone()) else { continue };
        let before = between[span.start as usize];
        let kinds = [true, false].into_iter();
        let family =
            kinds.flat_map(|carries| stripe_counts(&segment, carries).map(move |each| (each, carries)));
        for (stripes, carries) in family {
            let cut = cut(&segment, stripes, carries);
            let most = Most { measure: Measure::LiveBytes, bytes: u64::MAX, extra: u64::MAX };
            let estimate = Estimator::default().estimate(&segment, &cut, before, most).unwrap();
            let live_bytes = estimate.bytes(Measure::LiveBytes);
            let most = Most { measure: Measure::LiveBytes, bytes: live_bytes, extra: u64::MAX };
            let sample = Estimator::default().sample(&segment, &cut, before, most);
            assert_eq!(sample, Sample::Within, "{cut:?}");
            let range = span.start as usize..span.end as usize;
            let region = Region {
                operators: net.order[range.clone()].to_vec(),
                axes: net.operators[range].iter().map(|operator| operator.axis.unwrap()).collect(),
                stripes: Tiles::new(&segment, &cut).stripes().map(<[_]>::to_vec).collect(),
            };
            all.push(SegmentChoice {
                span: span.clone(),
                region,
                bytes: estimate.bytes(measure),
                extra: estimate.cost.extra,
            });
        }
    }
    all
}

/// Memory and extra cost of all paths from a position on, of which no other path has less of both.
fn paths(steps: &[u64], choices: &[SegmentChoice], from: u32, best: &mut Vec<Option<Vec<(u64, u64)>>>) {
    let at = from as usize;
    if best[at].is_some() {
        return;
    }
    let mut all = Vec::new();
    if at == steps.len() {
        all.push((0, 0));
    } else {
        let edges = choices.iter().filter(|choice| choice.span.start == from);
        let edges = edges.map(|choice| (choice.span.end, choice.bytes, choice.extra));
        for (end, bytes, extra) in edges.chain([(from + 1, steps[at], 0)]) {
            paths(steps, choices, end, best);
            let rest = best[end as usize].as_ref().unwrap();
            all.extend(rest.iter().map(|&(most, cost)| (bytes.max(most), extra + cost)));
        }
        all.sort_unstable();
        let mut least = u64::MAX;
        all.retain(|&(_, cost)| {
            let is_cheaper = cost < least;
            least = least.min(cost);
            is_cheaper
        });
    }
    best[at] = Some(all);
}

/// The maximum number of live bytes over the operators of a graph, bytes at fixed distances counted once.
fn live_bytes(graph: &Graph) -> u64 {
    let mut place: BTreeMap<TensorId, (TensorId, i128)> = BTreeMap::new();
    for id in graph.tensor_ids() {
        let root = graph.tensor_ids().find_map(|root| Some((root, graph.distance(id, root)?)));
        place.insert(id, root.unwrap_or((id, 0)));
    }
    let position: BTreeMap<OperatorId, usize> = graph.program_order().iter().copied().zip(0..).collect();
    let live = |id: TensorId| {
        let tensor = graph.tensor(id);
        let born = tensor.producer().map_or(0, |producer| position[&producer]);
        let last = tensor.readers().iter().map(|reader| position[reader]).max().unwrap_or(born);
        born..=if tensor.is_output() { usize::MAX } else { last }
    };
    let activations = || graph.tensor_ids().filter(|id| graph.tensor(*id).kind() != TensorKind::Constant);
    let at_step = |step: usize| {
        let mut ranges: Vec<(TensorId, i128, i128)> = activations()
            .filter(|&id| live(id).contains(&step))
            .map(|id| (place[&id].0, place[&id].1, place[&id].1 + i128::from(graph.tensor(id).bytes())))
            .collect();
        ranges.sort_unstable();
        let (mut sum, mut end) = (0i128, (None, 0));
        for (root, from, to) in ranges {
            let from = if end.0 == Some(root) { from.max(end.1) } else { from };
            sum += (to - from).max(0);
            end = (Some(root), if end.0 == Some(root) { end.1.max(to) } else { to });
        }
        u64::try_from(sum).unwrap()
    };
    (0..position.len()).map(at_step).max().unwrap_or(0)
}

/// Cost of rows that tiles compute again.
fn extra_cost(net: &OrderedGraph<'_>, tiled: &TiledGraph) -> u64 {
    let mut rows_of: BTreeMap<OperatorId, Vec<u64>> = BTreeMap::new();
    for origin in &tiled.operators {
        if let OperatorOrigin::Tile { operator, rows, .. } = origin {
            rows_of.entry(*operator).or_default().extend(rows.clone());
        }
    }
    let again = |(id, mut rows): (OperatorId, Vec<u64>)| {
        let all = rows.len();
        rows.sort_unstable();
        rows.dedup();
        let at = net.order.iter().position(|&other| other == id).unwrap();
        (all - rows.len()) as u64 * net.operators[at].row_cost
    };
    rows_of.into_iter().map(again).sum()
}

/// Checks that a tiling of one segment is right, and needs and costs what the estimate says.
fn check_choice(graph: &Graph, net: &OrderedGraph<'_>, choice: &SegmentChoice, seed: u64) -> bool {
    let tiling = Tiling { order: net.order.clone(), regions: vec![choice.region.clone()] };
    let tiled = apply(graph, &tiling).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    verify_tiling(graph, &tiled).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    // The estimate counts rows behind the last computed one as new. A stripe that goes back to rows that were left out
    // before costs less than estimated.
    assert!(extra_cost(net, &tiled) <= choice.extra, "seed {seed}: {tiling:?}");
    let steps = net.loads().0;
    let outside = steps[..choice.span.start as usize].iter().chain(&steps[choice.span.end as usize..]);
    let expected = outside.copied().max().unwrap_or(0).max(choice.bytes);
    let live = live_bytes(&tiled.graph);
    // A part of an entry may die before the last operator of the stripe that reads the entry.
    assert!(live <= expected, "seed {seed}: {live} live, {expected} expected: {tiling:?}");
    live == expected
}

fn check(seed: u64, counts: &mut [u64; 3]) {
    let graph = random_graph(&mut Draws::new(seed), false);
    if graph.operators().len() > 6 {
        return;
    }
    let net = OrderedGraph::new(&graph, graph.program_order(), AxisChoice::Agreeing);
    let steps = net.loads().0;
    for measure in [Measure::LiveBytes, Measure::FixedPlaces, Measure::WholeEnds] {
        let choices = choices(&net, measure);
        if measure == Measure::LiveBytes {
            for choice in choices.iter().step_by(7) {
                counts[1] += 1;
                counts[2] += u64::from(check_choice(&graph, &net, choice, seed));
            }
        }
        let mut best = vec![None; steps.len() + 1];
        paths(&steps, &choices, 0, &mut best);
        let all = best[0].take().unwrap();
        let untiled = steps.iter().copied().max().unwrap_or(0);
        for percent in [0, 10, 50, 1_000_000] {
            let budget = net.total_cost() * percent / 100;
            let least = all.iter().filter(|path| path.1 <= budget).map(|path| path.0).min().unwrap();
            let limits = Limits::new();
            let mut search = TilingSearch::new(&net, &limits);
            let found = search
                .least_bytes((measure, Halos::All), budget, u64::MAX)
                .unwrap()
                .map_or(untiled, |path| path.bytes);
            assert_eq!(found, least.min(untiled), "seed {seed}, {measure:?}, {percent} percent");
            counts[0] += u64::from(found < untiled);
        }
        for capacity in [untiled / 2, untiled * 3 / 4, untiled.saturating_sub(1)] {
            let least = all.iter().filter(|path| path.0 <= capacity).map(|path| path.1).min();
            let limits = Limits::new();
            let mut search = TilingSearch::new(&net, &limits);
            let found = search
                .cheapest_path((measure, Halos::All), capacity, u64::MAX)
                .unwrap()
                .map(|path| path.cost.extra);
            assert_eq!(found, least, "seed {seed}, {measure:?}, capacity {capacity}");
        }
    }
}

/// `PLIMSOLL_TILING_GRAPHS` sets the number of graphs.
#[test]
fn the_search_finds_the_least_of_all_tilings_of_the_family() {
    let count = std::env::var("PLIMSOLL_TILING_GRAPHS").ok().and_then(|count| count.parse().ok());
    let count: u64 = count.unwrap_or(60);
    let mut counts = [0; 3];
    for seed in 0..count {
        check(seed, &mut counts);
    }
    let [smaller, checked, equal] = counts;
    assert!(smaller > count && 4 * equal > 3 * checked && checked > count, "{counts:?} of {count}");
}
