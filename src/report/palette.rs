//! The colours of the reports, for light and dark backgrounds, and their meanings.

use super::rectangles::operator_type;
use super::regions::TilingRole;
use super::{BufferKind, Colour, Rectangle};
use crate::{Graph, PlanView, TilingView};

pub(super) struct Swatch {
    pub light: &'static str,
    pub dark: &'static str,
}

const fn swatch(light: &'static str, dark: &'static str) -> Swatch {
    Swatch { light, dark }
}

/// Colours of buffer kinds, in the order of [`BufferKind::ALL`].
pub(super) const KINDS: [Swatch; 6] = [
    swatch("#8ec3e6", "#2c6c99"),
    swatch("#f6d99c", "#7d6228"),
    swatch("#93d6a4", "#2f7a4a"),
    swatch("#cdb2e2", "#6b4d8e"),
    swatch("#cfd4d6", "#535b62"),
    swatch("#eeb5ae", "#8a4a45"),
];

/// Colours of transfers: closer to the operators, and away from them.
pub(super) const COPIES: [Swatch; 2] = [swatch("#1f618d", "#6bb7f0"), swatch("#b03a2e", "#ff8d7a")];

/// Colours of operator types, in descending order of their areas.
pub(super) const TYPES: [Swatch; 10] = [
    swatch("#8ab8e0", "#2b6296"),
    swatch("#f7bd7b", "#9a5c1c"),
    swatch("#90d09c", "#2e7444"),
    swatch("#e89a9f", "#98404c"),
    swatch("#c3abdd", "#684c90"),
    swatch("#f0de82", "#80701c"),
    swatch("#86d2cf", "#22706f"),
    swatch("#d3b190", "#76522f"),
    swatch("#eab2d8", "#8c4378"),
    swatch("#b7c878", "#5f6c24"),
];

/// Colours of the parts of a tiling, in the order of [`TilingRole::NAMES`].
pub(super) const ROLES: [Swatch; TilingRole::NAMES.len()] = [
    swatch("#8ab8e0", "#2b6296"),
    swatch("#90d09c", "#2e7444"),
    swatch("#f7bd7b", "#9a5c1c"),
    swatch("#c3abdd", "#684c90"),
    swatch("#e89a9f", "#98404c"),
    swatch("#f0de82", "#80701c"),
    swatch("#d3d8da", "#50585f"),
];

/// Colour of inputs and of all other types.
pub(super) const OTHER: Swatch = swatch("#d3d8da", "#50585f");

/// The legend, and the colour of each rectangle as an index into it.
pub(super) struct Colouring {
    pub legend: Vec<(String, &'static Swatch)>,
    pub of: Vec<u8>,
}

impl Colouring {
    pub(super) fn new(view: &PlanView<'_>, rectangles: &[&Rectangle], colour: Colour) -> Self {
        if let (Colour::Stripe, Some(tiling)) = (colour, &view.tiling) {
            return Self::by_stripe(tiling, rectangles);
        }
        // Without a graph, no operator makes a buffer.
        match (colour, view.graph) {
            (Colour::Operator, Some(graph)) => Self::by_operator(graph, rectangles),
            _ => Self::by_kind(rectangles),
        }
    }

    fn by_kind(rectangles: &[&Rectangle]) -> Self {
        let mut legend = Vec::new();
        let mut of = vec![0; rectangles.len()];
        for (kind, swatch) in BufferKind::ALL.into_iter().zip(&KINDS) {
            let is_of_kind = |i: &usize| rectangles[*i].kind == kind;
            let mut seen = false;
            for i in (0..of.len()).filter(is_of_kind) {
                of[i] = legend.len() as u8;
                seen |= !rectangles[i].is_empty();
            }
            if seen {
                legend.push((kind.name().to_owned(), swatch));
            }
        }
        Self { legend, of }
    }

    fn by_stripe(tiling: &TilingView<'_>, rectangles: &[&Rectangle]) -> Self {
        let roles: Vec<usize> =
            rectangles.iter().map(|rectangle| TilingRole::of(tiling, rectangle.operator).number()).collect();
        let (mut legend, mut numbers) = (Vec::new(), [0; TilingRole::NAMES.len()]);
        for (role, (name, swatch)) in TilingRole::NAMES.into_iter().zip(&ROLES).enumerate() {
            if roles.contains(&role) {
                numbers[role] = legend.len() as u8;
                legend.push((name.to_owned(), swatch));
            }
        }
        Self { legend, of: roles.into_iter().map(|role| numbers[role]).collect() }
    }

    fn by_operator(graph: &Graph, rectangles: &[&Rectangle]) -> Self {
        let types = TypePalette::new(Some(graph), rectangles);
        let shown = types.names.len().min(TYPES.len());
        let mut legend: Vec<(String, &'static Swatch)> =
            types.names[..shown].iter().cloned().zip(&TYPES).collect();
        let number = |rank: Option<u32>| rank.map_or(shown, |rank| (rank as usize).min(shown));
        let of: Vec<u8> = types.of_row.iter().map(|&rank| number(rank) as u8).collect();
        let drawn = rectangles.iter().zip(&of).filter(|(rectangle, _)| !rectangle.is_empty());
        if drawn.clone().any(|(_, &number)| usize::from(number) == shown) {
            let name = if types.names.len() > shown { "others" } else { "no operator" };
            legend.push((name.to_owned(), &OTHER));
        }
        Self { legend, of }
    }
}

/// Operator types, in descending order of the bytes of their buffers times steps.
pub(super) struct TypePalette {
    pub names: Vec<String>,
    /// The type of each rectangle; none if no operator makes it, or one without a type.
    pub of_row: Vec<Option<u32>>,
}

impl TypePalette {
    pub(super) fn new(graph: Option<&Graph>, rectangles: &[&Rectangle]) -> Self {
        let name_of = |row: usize| {
            let name = operator_type(graph, rectangles[row].operator?);
            (!name.is_empty()).then_some(name)
        };
        let mut areas = std::collections::BTreeMap::<&str, u128>::new();
        for (row, rectangle) in rectangles.iter().enumerate() {
            if let Some(name) = name_of(row) {
                let area = areas.entry(name).or_default();
                *area = area.saturating_add(rectangle.area());
            }
        }
        let mut ranked: Vec<(&str, u128)> = areas.iter().map(|(&name, &area)| (name, area)).collect();
        // The sort is stable: types of equal area stay in the order of their names.
        ranked.sort_by_key(|&(_, area)| std::cmp::Reverse(area));
        let ranks: std::collections::BTreeMap<&str, u32> =
            ranked.iter().zip(0..).map(|(&(name, _), rank)| (name, rank)).collect();
        let of_row = (0..rectangles.len()).map(|row| Some(ranks[name_of(row)?])).collect();
        Self { names: ranked.into_iter().map(|(name, _)| name.to_owned()).collect(), of_row }
    }
}
