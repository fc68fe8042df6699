//! Packing problems with a known optimum: a rectangle cut into pieces.

use plimsoll::{Buffer, Problem};

/// `count` buffers that fill a rectangle of `height` bytes and `steps` steps, by guillotine cuts, in
/// random order. The minimum height is `height`.
pub fn packing(count: usize, height: u64, steps: u32, seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pieces = vec![(count, height, 0..steps)];
    let mut buffers = Vec::with_capacity(count);
    while let Some((count, height, steps)) = pieces.pop() {
        let long = steps.end - steps.start;
        if count < 2 || (height < 2 && long < 2) {
            buffers.push(Buffer::new(height, steps));
            continue;
        }
        let part = random.usize(count / 4..=count - count / 4).clamp(1, count - 1);
        let share = |whole: u64| (whole * part as u64 / count as u64).clamp(1, whole - 1);
        let rest = count - part;
        // Large pieces are cut in time first, so that most live ranges are short.
        let in_time = long >= 2 && (height < 2 || u64::from(long) > random.u64(0..64).max(1));
        if in_time {
            let middle = steps.start + share(long.into()) as u32;
            pieces.push((part, height, steps.start..middle));
            pieces.push((rest, height, middle..steps.end));
        } else {
            pieces.push((part, share(height), steps.clone()));
            pieces.push((rest, height - share(height), steps));
        }
    }
    random.shuffle(&mut buffers);
    Problem::new(buffers).expect("pieces of a rectangle")
}
