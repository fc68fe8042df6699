//! Merging: pair by pair while it helps, then a local search.

use std::cmp::Reverse;

use super::packing::{Object, Packer};
use crate::allocate::occupancy::Fit;
use crate::allocate::order::{Order, Orders};
use crate::allocate::random::Random;
use crate::ids::BufferId;
use crate::limits::{Meter, Stop};

/// The orders in which the tensors of several objects are packed anew.
const ORDERS: [Order; 6] = [
    Order::SizeStart,
    Order::SizeLength,
    Order::ConflictSize,
    Order::AreaLength,
    Order::BreadthSize,
    Order::LengthSize,
];

/// Nodes for merging pair by pair. Thousands of objects are too many for that.
const MOST_FOR_PAIRS: u64 = 500_000;

pub(super) struct Search<'a> {
    pub(super) objects: Vec<Object>,
    packer: Packer<'a>,
    /// The place of each buffer in each order.
    ranks: Vec<Vec<u32>>,
    random: Random,
    /// No sum of sizes is below this.
    bound: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        objects: Vec<Object>,
        packer: Packer<'a>,
        orders: &Orders<'_>,
        seed: u64,
        bound: u64,
    ) -> Self {
        let ranks = ORDERS.map(|order| {
            let mut ranks = vec![0; packer.problem.buffers().len()];
            for (rank, id) in orders.sorted(order).into_iter().enumerate() {
                ranks[id.index()] = rank as u32;
            }
            ranks
        });
        Self { objects, packer, ranks: ranks.into(), random: Random::new(seed), bound }
    }

    /// # Errors
    /// Why it stopped, unless it reached the bound. What is there then is
    /// whole, and not larger than what was there before.
    pub(super) fn run(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        self.merge_pairs(meter)?;
        self.merge_all(meter)?;
        while self.total() > self.bound {
            self.report(meter);
            match self.random.below(3) {
                0 => self.move_top(meter)?,
                1 => self.repack_some(1, meter)?,
                _ => {
                    let all = self.objects.len();
                    let most = if self.random.below(4) == 0 { all } else { all.min(4) };
                    let count = 1 + self.random.below(most);
                    self.repack_some(count, meter)?;
                }
            }
        }
        Ok(())
    }

    fn report(&self, meter: &mut Meter<'_>) {
        (meter.best, meter.bound) = (self.total(), self.bound);
    }

    /// What the arena takes: the last object needs no padding, which is one of
    /// those of the smallest alignment.
    fn total(&self) -> u64 {
        let sizes: u64 = self.objects.iter().map(Object::size).sum();
        let last = self.objects.iter().min_by_key(|o| (o.pinned, o.alignment, Reverse(o.padding())));
        sizes - last.map_or(0, Object::padding)
    }

    /// The smallest object goes into the one where that saves most, again and
    /// again until none saves anything.
    fn merge_pairs(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let most = meter.nodes() + MOST_FOR_PAIRS;
        loop {
            self.objects.sort_by_key(|object| Reverse((object.pinned, object.size())));
            let before = self.objects.len();
            let mut guest = before;
            while guest > 1 && self.total() > self.bound && meter.nodes() < most {
                guest -= 1;
                self.report(meter);
                if let Some((host, merged)) = self.best_host(guest, meter)? {
                    self.objects[host] = merged;
                    self.objects.remove(guest);
                }
            }
            if self.objects.len() == before || self.total() <= self.bound || meter.nodes() >= most {
                return Ok(());
            }
        }
    }

    fn best_host(&mut self, guest: usize, meter: &mut Meter<'_>) -> Result<Option<(usize, Object)>, Stop> {
        let size = self.objects[guest].size();
        let guests = self.sorted(&[guest], 0, 0);
        let mut best = None;
        let mut saved = 0;
        for host in 0..guest {
            let limit = self.objects[host].size() + size - saved;
            let object = &self.objects[host];
            let packed = self.packer.pack(&object.members, &guests, Fit::Lowest, limit, meter)?;
            let Some(members) = packed else { continue };
            let merged = Object::of(members.to_vec(), object.pinned, self.packer.problem);
            if merged.size() < limit {
                saved += limit - merged.size();
                best = Some((host, merged));
            }
            if saved == size {
                break;
            }
        }
        Ok(best)
    }

    /// All in one, by each of the orders.
    fn merge_all(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        for order in 0..ORDERS.len() {
            for fit in [Fit::Lowest, Fit::Tightest] {
                if self.objects.len() > 1 && self.total() > self.bound {
                    let all: Vec<usize> = (0..self.objects.len()).collect();
                    self.repack(&all, order, 0, fit, meter)?;
                }
            }
        }
        Ok(())
    }

    /// Some objects, packed into one by an order that is not quite one of those
    /// known.
    fn repack_some(&mut self, count: usize, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let mut chosen: Vec<usize> = (0..self.objects.len()).collect();
        for place in 0..count {
            let other = place + self.random.below(chosen.len() - place);
            chosen.swap(place, other);
        }
        chosen.truncate(count);
        let members: usize = chosen.iter().map(|&object| self.objects[object].members.len()).sum();
        let order = self.random.below(ORDERS.len());
        let spread = [0, 3, 10, members / 4][self.random.below(4)];
        let fit = [Fit::Lowest, Fit::Tightest][self.random.below(2)];
        self.repack(&chosen, order, spread, fit, meter)
    }

    /// Packs objects into one, if that makes it smaller; a single object also if
    /// it stays as large, to see another arrangement.
    fn repack(
        &mut self,
        chosen: &[usize],
        order: usize,
        spread: usize,
        fit: Fit,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        let guests = self.sorted(chosen, order, spread);
        let before: u64 = chosen.iter().map(|&object| self.objects[object].size()).sum();
        let limit = match chosen {
            [single] => self.objects[*single].height + 1,
            _ => before,
        };
        let pinned = chosen.iter().copied().find(|&object| self.objects[object].pinned);
        let kept = pinned.map_or_else(Vec::new, |object| self.fixed(object));
        let packed = self.packer.pack(&kept, &guests, fit, limit, meter)?;
        let Some(members) = packed else { return Ok(()) };
        let merged = Object::of(members.to_vec(), pinned.is_some(), self.packer.problem);
        if merged.height < limit && (chosen.len() == 1 || merged.size() < limit) {
            let mut gone = chosen.to_vec();
            gone.sort_unstable_by(|a, b| b.cmp(a));
            for object in gone {
                self.objects.swap_remove(object);
            }
            self.objects.push(merged);
        }
        Ok(())
    }

    /// Takes the topmost tensors of an object, and puts them into another if
    /// both together get smaller.
    fn move_top(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        if self.objects.len() < 2 {
            return self.repack_some(1, meter);
        }
        let from = self.random.below(self.objects.len());
        let to = (from + 1 + self.random.below(self.objects.len() - 1)) % self.objects.len();
        let (source, target) = (&self.objects[from], &self.objects[to]);
        let problem = self.packer.problem;
        let is_top = |&(id, offset): &(BufferId, u64)| offset + problem.buffer(id).size() == source.height;
        let (top, rest): (Vec<_>, Vec<_>) = source.members.iter().partition(|member| is_top(member));
        if top.iter().any(|&(id, _)| problem.buffer(id).fixed_offset().is_some()) {
            return Ok(());
        }
        let rest = Object::of(rest, source.pinned, problem);
        let guests: Vec<BufferId> = top.into_iter().map(|(id, _)| id).collect();
        let limit = source.size() + target.size() - rest.size();
        let packed = self.packer.pack(&target.members, &guests, Fit::Lowest, limit, meter)?;
        let Some(members) = packed else { return Ok(()) };
        let grown = Object::of(members.to_vec(), target.pinned, problem);
        if grown.size() < limit {
            self.objects[to] = grown;
            self.objects[from] = rest;
            self.objects.retain(|object| !object.members.is_empty());
        }
        Ok(())
    }

    fn fixed(&self, object: usize) -> Vec<(BufferId, u64)> {
        let members = self.objects[object].members.iter().copied();
        members.filter(|&(id, _)| self.packer.problem.buffer(id).fixed_offset().is_some()).collect()
    }

    /// What can be moved in these objects, by an order in which each may be up
    /// to `spread` places from where it belongs.
    fn sorted(&mut self, objects: &[usize], order: usize, spread: usize) -> Vec<BufferId> {
        let ranks = &self.ranks[order];
        let members = objects.iter().flat_map(|&object| &self.objects[object].members);
        let free = members.filter(|&&(id, _)| self.packer.problem.buffer(id).fixed_offset().is_none());
        let mut ids: Vec<BufferId> = free.map(|&(id, _)| id).collect();
        ids.sort_unstable_by_key(|id| ranks[id.index()]);
        let mut keyed: Vec<(usize, usize)> =
            (0..ids.len()).map(|place| (place + self.random.below(spread + 1), place)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, place)| ids[place]).collect()
    }
}
