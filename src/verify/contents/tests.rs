//! The arena against lists of one origin for each byte.

use fastrand::Rng;

use super::{ArenaContents, ContentSegment, LastWrites, ValueSegment, ValueSource};
use crate::support::ids::TensorId;

const ARENA: u64 = 40;

/// The origin of a byte: the tensor of which the run computes it, and its position in the tensor.
type Origin = (TensorId, u64);

/// A value, the address at which it was written, and the origin of each of its bytes.
#[derive(Clone)]
struct Written {
    value: ValueSegment,
    address: u64,
    origins: Vec<Origin>,
}

/// The definition: the origin of each address, and a list of origins for each value.
struct Reference {
    memory: Vec<Option<Origin>>,
    values: Vec<Written>,
}

impl Reference {
    fn first_difference(&self, origins: &[Origin], address: u64) -> Option<(u64, Option<TensorId>)> {
        let addresses = address..;
        let mut pairs = addresses.zip(origins);
        let (at, _) = pairs.find(|&(at, &origin)| self.memory[at as usize] != Some(origin))?;
        Some((at, self.memory[at as usize].map(|(tensor, _)| tensor)))
    }
}

fn is_kept(tensor: TensorId) -> bool {
    tensor.index() % 8 == 3
}

fn range(draw: &mut Rng) -> (u64, u64) {
    let from = draw.u64(..ARENA);
    (from, draw.u64(from + 1..=ARENA))
}

/// A value at a drawn range: parts of values that were written there, which other writes may have replaced
/// since, and computed bytes, which are written.
fn write_value(
    draw: &mut Rng,
    arena: &mut ArenaContents<fn(TensorId) -> bool>,
    reference: &mut Reference,
    number: usize,
) {
    let ((from, end), tensor) = (range(draw), TensorId::new(number));
    let part_limit = if draw.bool() { 0 } else { draw.usize(1..6) };
    let (mut parts, mut origins, mut computed, mut at) = (Vec::new(), Vec::new(), Vec::new(), from);
    while at < end {
        let stop = if parts.len() < part_limit { draw.u64(at + 1..=end) } else { end };
        let covers = |written: &&Written| {
            written.address <= at && stop <= written.address + written.origins.len() as u64
        };
        let choice: Vec<&Written> = reference.values.iter().filter(covers).collect();
        // Newer values are more often intact.
        let newest = &choice[choice.len().saturating_sub(4)..];
        let positions = (at - from, stop - from);
        if part_limit > 0 && !newest.is_empty() && draw.u8(..4) > 0 {
            let part = draw.choice(newest).unwrap();
            let within = part.value.within(part.value.from + (at - part.address), u64::MAX).unwrap();
            parts.push(ContentSegment { from: positions.0, end: positions.1, ..within });
            let skipped = (at - part.address) as usize;
            origins.extend_from_slice(&part.origins[skipped..skipped + (stop - at) as usize]);
        } else {
            let source = ValueSource::Computed(tensor);
            parts.push(ContentSegment { from: positions.0, end: positions.1, source, at: positions.0 });
            origins.extend((positions.0..positions.1).map(|byte| (tensor, byte)));
            computed.push((at, stop));
        }
        at = stop;
    }
    let value = arena.compose(parts).unwrap();
    for (start, stop) in computed {
        arena.write(&value.moved_up(from), start, stop);
        for at in start..stop {
            reference.memory[at as usize] = Some(origins[(at - from) as usize]);
        }
    }
    reference.values.push(Written { value, address: from, origins });
}

/// Checks a drawn part of a drawn value, mostly at its address. Returns true if the part is there.
fn check_value(
    draw: &mut Rng,
    arena: &mut ArenaContents<fn(TensorId) -> bool>,
    reference: &Reference,
) -> bool {
    let newest = reference.values.len().saturating_sub(6);
    let Written { value, address, origins } = draw.choice(&reference.values[newest..]).unwrap().clone();
    let length = origins.len() as u64;
    let (from, end) = if draw.bool() { (0, length) } else { (draw.u64(..length), length) };
    let moved = if draw.u8(..8) == 0 { draw.u64(..=ARENA - length) } else { address };
    let part = value.within(from, end).unwrap();
    let expected = &origins[from as usize..];
    let difference = reference.first_difference(expected, moved + from);
    assert_eq!(arena.first_difference(&part.moved_up(moved)), difference);
    let has_kept = expected.iter().any(|&(tensor, _)| is_kept(tensor));
    assert_eq!(arena.has_kept(&part), has_kept);
    difference.is_none()
}

#[test]
fn values_are_found_exactly_if_every_byte_is_there() {
    let (mut found, mut lost) = (0, 0);
    for seed in 0..1500 {
        let draw = &mut Rng::with_seed(seed);
        let bounds = (draw.u8(..4) > 0).then(|| (0..ARENA).filter(|_| draw.bool()).collect());
        let mut arena: ArenaContents<fn(TensorId) -> bool> = ArenaContents::new(bounds, is_kept);
        let mut reference = Reference { memory: vec![None; ARENA as usize], values: Vec::new() };
        for number in 0..60 {
            if draw.u8(..12) == 0 {
                let (from, end) = range(draw);
                arena.clear(from, end);
                reference.memory[from as usize..end as usize].fill(None);
            } else {
                write_value(draw, &mut arena, &mut reference, number);
            }
            for _ in 0..draw.usize(..4) {
                if !reference.values.is_empty() {
                    let is_found = check_value(draw, &mut arena, &reference);
                    (found, lost) = (found + u32::from(is_found), lost + u32::from(!is_found));
                }
            }
        }
    }
    assert!(found > 20_000 && lost > 20_000, "{found} found, {lost} lost");
}

#[test]
fn the_last_write_to_a_range_is_the_last_of_its_addresses() {
    for seed in 0..500 {
        let draw = &mut Rng::with_seed(seed);
        let mut writes = LastWrites::new((0..=ARENA).collect());
        let mut times = vec![0; ARENA as usize];
        for time in 1..60 {
            let (from, end) = range(draw);
            writes.record(from, end, time);
            times[from as usize..end as usize].fill(time);
            let (from, end) = range(draw);
            let latest = times[from as usize..end as usize].iter().max();
            assert_eq!(Some(&writes.latest(from, end)), latest);
        }
    }
}
