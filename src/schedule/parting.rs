//! A network in parts, each scheduled by itself.

use super::Result;
use super::cursor::Cursor;
use super::network::Network;
use super::rows::Rows;
use super::saves::Saves;
use crate::limits::Limits;
use crate::sorting::unique;

/// With no more tensors, all are looked at for each part.
const FEW: u32 = 4_096;

/// Cuts out ranges of operators that all orders run together, each as a network of its
/// own, in time linear in the range.
pub(super) struct Parting<'a> {
    network: &'a Network,
    /// By tensor: the operator that writes it, or none if it was there before.
    born: Vec<Option<u32>>,
    /// By tensor: the last operator that reads it.
    last: Vec<Option<u32>>,
    /// By operator, and at the end: bytes live before it.
    live: Vec<u64>,
    /// The largest padding that anything has.
    padding: u64,
    /// By tensor: its number in the part that is made.
    numbers: Vec<u32>,
}

impl<'a> Parting<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        let mut cursor = Cursor::new(network);
        let mut live = vec![cursor.live];
        for operator in 0..network.operator_count() {
            cursor.flip(operator, |_| {});
            live.push(cursor.live);
        }
        let padding = network.paddings.tensors.iter().copied().max().unwrap_or(0);
        let last =
            (0..network.tensor_count()).map(|tensor| network.readers.row(tensor).iter().copied().max());
        Self {
            network,
            born: network.writers(),
            last: last.collect(),
            live,
            padding,
            numbers: vec![u32::MAX; network.sizes.len()],
        }
    }

    /// The part in which just the operators of `from..to` run, after all before and
    /// before all others.
    ///
    /// # Errors
    /// [`Stop::Cancelled`](crate::Stop::Cancelled): each pass over a large part takes a while.
    pub(super) fn part(&mut self, from: u32, to: u32, limits: &Limits) -> Result<Network> {
        limits.go_on()?;
        let network = self.network;
        let mut part = Network::empty((to - from) as usize);
        part.transient = network.transient[from as usize..to as usize].to_vec();
        part.paddings.transient = network.paddings.transient[from as usize..to as usize].to_vec();
        if from == 0 {
            (part.first, part.paddings.first) = (network.first, network.paddings.first);
        }
        part.base = self.live[from as usize];
        let touched: Vec<u32> = (from..to)
            .flat_map(|operator| network.reads.row(operator).iter().chain(network.writes.row(operator)))
            .copied()
            .collect();
        let touched = unique(touched);
        limits.go_on()?;
        for &tensor in &touched {
            self.take(&mut part, tensor, from, to);
        }
        part.paddings.base = self.padding_of_the_rest(&touched, from, to);
        limits.go_on()?;
        let local =
            |row: &[u32]| -> Vec<u32> { row.iter().map(|&tensor| self.numbers[tensor as usize]).collect() };
        let rows = |rows: &Rows| {
            let row = |operator| local(rows.row(operator)).into_iter().filter(|&number| number < u32::MAX);
            Rows::new((from..to).map(row))
        };
        part.reads = rows(&network.reads);
        limits.go_on()?;
        part.writes = rows(&network.writes);
        part.readers = part.reads.transposed(part.sizes.len());
        limits.go_on()?;
        let saves = |operator| {
            let mut saves = network.saves.of(operator);
            for save in &mut saves {
                // What is there throughout does not die.
                save.needs = local(&save.needs);
                save.needs.retain(|&number| number < u32::MAX);
            }
            saves.retain(|save| !save.needs.is_empty());
            saves
        };
        part.saves = Saves::new((from..to).map(saves));
        limits.go_on()?;
        let inner = |operator: u32| {
            let row = network.before.row(operator).iter().filter(|&&other| other >= from);
            row.map(|&other| (operator - from, other - from)).collect::<Vec<_>>()
        };
        let waits: Vec<(u32, u32)> = (from..to).flat_map(inner).collect();
        limits.go_on()?;
        part.set_waits(waits);
        part.paddings.settle();
        for tensor in touched {
            self.numbers[tensor as usize] = u32::MAX;
        }
        Ok(part)
    }

    /// Whether a tensor is there before a part, and after it.
    fn spans(&self, tensor: u32, from: u32, to: u32) -> (bool, bool) {
        let network = self.network;
        let later =
            network.stays[tensor as usize] || self.last[tensor as usize].is_some_and(|last| last >= to);
        (self.born[tensor as usize].is_none_or(|born| born < from), later)
    }

    /// Numbers a tensor that the part touches, unless it is there throughout.
    fn take(&mut self, part: &mut Network, tensor: u32, from: u32, to: u32) {
        let (earlier, later) = self.spans(tensor, from, to);
        if earlier && later {
            return;
        }
        let (network, number) = (self.network, part.sizes.len() as u32);
        let size = network.sizes[tensor as usize];
        if earlier {
            part.present.push(number);
            part.base -= size;
        }
        self.numbers[tensor as usize] = number;
        part.sizes.push(size);
        part.stays.push(later);
        part.paddings.tensors.push(network.paddings.tensors[tensor as usize]);
    }

    /// The largest padding of what is there throughout.
    fn padding_of_the_rest(&self, touched: &[u32], from: u32, to: u32) -> u64 {
        let network = self.network;
        if !network.paddings.any {
            return 0;
        }
        let through = |&tensor: &u32| self.spans(tensor, from, to) == (true, true);
        let padding = |tensor: u32| network.paddings.tensors[tensor as usize];
        if network.tensor_count() <= FEW {
            let all = (0..network.tensor_count()).filter(through).map(padding);
            return all.max().unwrap_or(0).max(network.paddings.base);
        }
        // Of what the part does not touch, a bound has to do: what is subtracted too much
        // only lowers what is said of the part.
        let (mut own, mut untouched) = (network.paddings.base, self.live[from as usize] - network.base);
        for &tensor in touched {
            let (earlier, later) = self.spans(tensor, from, to);
            if earlier {
                untouched -= network.sizes[tensor as usize];
            }
            if earlier && later {
                own = own.max(padding(tensor));
            }
        }
        if untouched > 0 { own.max(self.padding) } else { own }
    }
}
