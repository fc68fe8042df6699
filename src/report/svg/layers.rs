//! Selection and drawing style of the rectangles of a map.

use crate::report::scene::Scene;

/// Maximum number of rectangles with a title and an outline each.
const MAX_TITLED: usize = 10_000;

/// Maximum number of drawn rectangles; few viewers can show more.
const MAX_DRAWN: usize = 60_000;

/// How each rectangle is drawn.
pub(super) struct Layers {
    /// Rectangles without titles.
    pub small: Vec<u32>,
    /// Rectangles with titles, from back to front: smaller ones lie on larger ones that share memory.
    pub titled: Vec<u32>,
    pub left_out: usize,
}

impl Layers {
    pub(super) fn new(scene: &Scene) -> Self {
        let all = &scene.rectangles;
        let mut rows: Vec<u32> = (0..all.len() as u32).filter(|&row| !all[row as usize].is_empty()).collect();
        if rows.len() > MAX_TITLED || !scene.aliases.is_empty() {
            // The sort is stable: equal areas stay in the order of their ids.
            rows.sort_by_key(|&row| std::cmp::Reverse(all[row as usize].area()));
        }
        let left_out = rows.len().saturating_sub(MAX_DRAWN);
        rows.truncate(MAX_DRAWN);
        let mut small = rows.split_off(rows.len().min(MAX_TITLED));
        small.sort_unstable();
        Self { small, titled: rows, left_out }
    }
}
