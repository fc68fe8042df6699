//! Orders made step by step, without looking ahead.

use std::collections::BTreeSet;

use super::cursor::Cursor;
use super::network::Network;
use crate::limits::{Meter, Stop};

/// Which of the operators that are ready runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greedy {
    /// The one that raises the live bytes least.
    Growth,
    /// The newest, but first what leaves no more live: depth first.
    Newest,
    /// The first of the file, but first what leaves no more live.
    File,
}

impl Greedy {
    pub(super) const ALL: [Self; 3] = [Self::File, Self::Newest, Self::Growth];

    /// O((n + m) log n) for n operators and m reads.
    ///
    /// # Errors
    /// Why it must stop.
    pub(super) fn order(self, network: &Network, meter: &mut Meter<'_>) -> Result<Vec<u32>, Stop> {
        let mut cursor = Cursor::new(network);
        let count = network.operator_count();
        let mut keys: Vec<Option<(i128, i128)>> = vec![None; count as usize];
        let mut queue: BTreeSet<(i128, i128, u32)> = BTreeSet::new();
        let mut order = Vec::with_capacity(count as usize);
        let mut changed: Vec<u32> = (0..count).filter(|&operator| cursor.is_ready(operator)).collect();
        loop {
            let mut work = 8;
            for operator in changed.drain(..) {
                work += 8 + network.reads.row(operator).len() as u64;
                if let Some((first, then)) = keys[operator as usize].take() {
                    queue.remove(&(first, then, operator));
                }
                if cursor.is_ready(operator) {
                    let (first, then) = self.key(&cursor, operator, order.len());
                    keys[operator as usize] = Some((first, then));
                    queue.insert((first, then, operator));
                }
            }
            meter.charge(work as usize)?;
            let Some((.., operator)) = queue.pop_first() else { break };
            keys[operator as usize] = None;
            order.push(operator);
            cursor.flip(operator, |other| changed.push(other));
            for &tensor in network.reads.row(operator) {
                if cursor.left[tensor as usize] == 1 {
                    // The last reader would free it.
                    let last = network.readers.row(tensor).iter().find(|&&reader| !cursor.is_done(reader));
                    changed.extend(last.filter(|&&reader| cursor.is_ready(reader)));
                }
            }
        }
        Ok(order)
    }

    fn key(self, cursor: &Cursor<'_>, operator: u32, step: usize) -> (i128, i128) {
        let growth = i128::from(cursor.step(operator).after) - i128::from(cursor.live);
        let raises = i128::from(growth > 0);
        match self {
            Self::Growth => (growth, 0),
            Self::Newest => (raises, -(step as i128)),
            Self::File => (raises, 0),
        }
    }
}
