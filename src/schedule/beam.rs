//! Many orders side by side, of which the best go on.

use super::network::Network;
use super::spend;
use super::walk::{Walk, marks};
use crate::limits::{Meter, Stop};
use crate::random::Keys;
use crate::sorting::{Keyed, sort_keyed};

/// A set of operators that have run, somewhere on the way.
struct Point {
    parent: u32,
    /// What ran since the parent: a range of all that ran.
    ran: (u32, u32),
}

/// A point to go on from.
#[derive(Clone, Copy)]
struct Tip {
    point: u32,
    peak: u64,
    key: u128,
}

/// One more step from a tip.
struct Choice {
    peak: u64,
    tip: u32,
    operator: u32,
    key: u128,
}

/// Looks for an order with a peak below `above`: of all that can run next after `width`
/// sets of operators, those that lead to the least peaks and then the least live bytes go on;
/// other seeds than 0 draw among equals. Gives up early where the nodes are not enough for all
/// operators at the pace so far.
///
/// O(n w r (d + log)) for n operators, w the width, r that are ready at once.
///
/// # Errors
/// Why it must stop.
pub(super) fn beam(
    network: &Network,
    width: usize,
    above: u64,
    seed: u64,
    meter: &mut Meter<'_>,
) -> Result<Option<(u64, Vec<u32>)>, Stop> {
    let marks = marks(network.operator_count());
    let mut walk = Walk::new(network);
    let (mut points, mut ran): (Vec<Point>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut best: Option<(u64, u32)> = None;
    let mut tips: Vec<Tip> = Vec::new();
    let mut sets: Vec<u64> = Vec::new();
    let words = walk.cursor.done.as_raw_slice().len();
    let mut known = Keys::default();
    let mut choices = vec![Choice { peak: 0, tip: u32::MAX, operator: u32::MAX, key: 0 }];
    // By peak, live bytes, and what is drawn between equals, with the place of the choice.
    let mut ranks: Vec<Keyed> = vec![([0, 0], 0)];
    let pace = Pace { from: meter.nodes(), most: meter.remaining() };
    loop {
        pace.check(&walk, meter.nodes())?;
        let (mut next_tips, mut next_sets) = (Vec::new(), Vec::new());
        for &(_, rank) in &ranks {
            let choice = &choices[(rank & u64::from(u32::MAX)) as usize];
            let below = best.map_or(above, |best| best.0);
            if next_tips.len() == width || choice.peak >= below {
                break;
            }
            let mut tip = Tip { point: points.len() as u32, peak: choice.peak, key: choice.key };
            let (parent, from) = (choice.tip, ran.len() as u32);
            if parent < u32::MAX {
                let first = parent as usize * words;
                let work = walk.go_to(&sets[first..first + words]);
                walk.flip(choice.operator);
                ran.push(choice.operator);
                spend(meter, 1, work)?;
            }
            walk.run_free(below - 1, meter, |operator, bytes| {
                ran.push(operator);
                tip.peak = tip.peak.max(bytes);
                tip.key ^= marks[operator as usize];
            })?;
            if !known.insert(tip.key) {
                ran.truncate(from as usize);
                continue;
            }
            let parent = tips.get(parent as usize).map_or(u32::MAX, |tip: &Tip| tip.point);
            points.push(Point { parent, ran: (from, ran.len() as u32) });
            if walk.is_at_end() {
                best = Some((tip.peak, tip.point));
                continue;
            }
            next_tips.push(tip);
            next_sets.extend_from_slice(walk.cursor.done.as_raw_slice());
        }
        if next_tips.is_empty() {
            break;
        }
        (tips, sets) = (next_tips, next_sets);
        choices.clear();
        ranks.clear();
        for (number, tip) in tips.iter().enumerate() {
            let first = number * words;
            let work = walk.go_to(&sets[first..first + words]);
            for &operator in walk.ready() {
                let step = walk.cursor.step(operator);
                let key = tip.key ^ marks[operator as usize];
                let peak = tip.peak.max(step.bytes);
                let draw = if seed == 0 { 0 } else { (key as u64).wrapping_mul(2 * seed + 1) >> 32 };
                ranks.push(([peak, step.after], (draw << 32) | choices.len() as u64));
                choices.push(Choice { peak, tip: number as u32, operator, key });
            }
            // They are sorted, too.
            spend(meter, 0, work + 4 * walk.ready_work)?;
        }
        sort_keyed(&mut ranks);
    }
    Ok(best.map(|(peak, end)| (peak, way(&points, &ran, end))))
}

/// Nodes before the beam, and at most for it.
struct Pace {
    from: u64,
    most: u64,
}

impl Pace {
    /// The first operators may take twice as many nodes as the others do: where the ready ones become
    /// fewer at a steady pace, they do.
    ///
    /// # Errors
    /// [`Stop::Nodes`] if an eighth of the nodes is spent and the rest is not enough.
    fn check(&self, walk: &Walk<'_>, nodes: u64) -> Result<(), Stop> {
        let spent = nodes - self.from;
        let (done, all) = (walk.cursor.done_count, walk.cursor.network.operator_count());
        let needed = u128::from(spent) * u128::from(all);
        let is_hopeless = spent > self.most / 8 && needed > 2 * u128::from(self.most) * u128::from(done);
        if is_hopeless { Err(Stop::Nodes) } else { Ok(()) }
    }
}

fn way(points: &[Point], ran: &[u32], end: u32) -> Vec<u32> {
    let mut path = Vec::new();
    let mut point = end;
    while point < u32::MAX {
        path.push(point);
        point = points[point as usize].parent;
    }
    let steps = path.iter().rev().flat_map(|&point| {
        let (from, to) = points[point as usize].ran;
        &ran[from as usize..to as usize]
    });
    steps.copied().collect()
}
