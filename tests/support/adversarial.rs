//! Packing problems that are hard for simple heuristics.

use plimsoll::{Buffer, Problem};

/// A rectangle of `height` bytes and `steps` steps, cut recursively into pinwheels: four pieces around
/// a fifth, so that no straight cut goes through. The number of pieces is about `count`.
pub fn pinwheels(count: usize, height: u64, steps: u32, seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pieces = vec![(0..height, 0..steps)];
    let mut tries = 0;
    while pieces.len() < count && tries < 20 * count {
        tries += 1;
        let chosen = random.usize(..pieces.len());
        let (rows, columns) = pieces[chosen].clone();
        if rows.end - rows.start < 3 || columns.end - columns.start < 3 {
            continue;
        }
        let low = random.u64(rows.start + 1..rows.end - 1);
        let high = random.u64(low + 1..rows.end);
        let left = random.u32(columns.start + 1..columns.end - 1);
        let right = random.u32(left + 1..columns.end);
        pieces.swap_remove(chosen);
        pieces.push((rows.start..low, columns.start..right));
        pieces.push((rows.start..high, right..columns.end));
        pieces.push((high..rows.end, left..columns.end));
        pieces.push((low..rows.end, columns.start..left));
        pieces.push((low..high, left..right));
    }
    let mut buffers: Vec<Buffer> =
        pieces.into_iter().map(|(rows, columns)| Buffer::new(rows.end - rows.start, columns)).collect();
    random.shuffle(&mut buffers);
    Problem::new(buffers).expect("pieces of a rectangle")
}

/// A problem that fragments memory under greedy placement (Robson, 1971), `count` times in sequence:
/// pairs of a large short-lived and a small long-lived buffer leave small holes, then a buffer
/// arrives that is as large as all holes together.
pub fn holes(count: usize, size: u64) -> Problem {
    let mut buffers = Vec::new();
    for number in 0..count as u32 {
        let start = 20 * number;
        for step in 0..8 {
            buffers.push(Buffer::new(size, start + step..start + 9));
            buffers.push(Buffer::new(1, start + step..start + 18));
        }
        buffers.push(Buffer::new(8 * size, start + 9..start + 18));
        // Overlaps the next round, so that the problem does not fall apart in time.
        buffers.push(Buffer::new(1, start + 17..start + 21));
    }
    Problem::new(buffers).expect("small sizes")
}

/// A problem with as many steps as buffers and sizes up to 1000. Most live ranges are short, few
/// cover a tenth of the steps, so hundreds of buffers are live at every step. The minimum height is
/// not known.
pub fn crowd(count: u32, seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let buffer = |_| {
        let (size, start) = (random.u64(1..=1000), random.u32(..count));
        let cube = u64::from(random.u32(..1000)).pow(3) / 1000;
        Buffer::new(size, start..start + 1 + (u64::from(count) * cube / 10_000_000) as u32)
    };
    Problem::new((0..count).map(buffer).collect()).expect("small sizes")
}
